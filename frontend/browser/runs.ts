/* Training runs among the checkpoints of a comparison. */

import type { Checkpoint } from "./types";

export interface Run {
  name: string;
  /* Numbers of its checkpoints, by step. */
  ids: number[];
}

/* Runs of which two steps or more are here, in the order of their first checkpoints. */
export function runsOf(checkpoints: Iterable<Checkpoint>): Run[] {
  const byRun = new Map<string, Checkpoint[]>();
  for (const one of checkpoints) {
    if (one.run && one.step !== null && one.step !== undefined) byRun.set(one.run, [...(byRun.get(one.run) ?? []), one]);
  }
  return [...byRun].flatMap(([name, some]) => {
    const sorted = some.sort((p, q) => (p.step ?? 0) - (q.step ?? 0));
    return sorted.length > 1 ? [{ name, ids: sorted.map((one) => one.id) }] : [];
  });
}
