/* Which checkpoints are related, as backend/statistics/kinship.py tells them: by descent, a shared start, a teacher, a run. */

import type { Checkpoint } from "./types";

type Lineage = Pick<Checkpoint, "name" | "root" | "init_of" | "teacher" | "run">;

/* For each, the position of the first member of its family; who is not known is a family of its own. */
export function familiesOf(everyone: (Lineage | undefined)[]): number[] {
  const head = everyone.map((_, k) => k);
  const first = (k: number): number => {
    while (head[k] !== k) k = head[k] as number;
    return k;
  };
  const seen = new Map<string, number>();
  // A name and a run are different things, though they may be called alike.
  const tie = (k: number, what: string, name: string | null | undefined): void => {
    if (!name) return;
    const key = `${what} ${name}`;
    const other = seen.get(key);
    if (other === undefined) seen.set(key, k);
    else {
      const [one, two] = [first(other), first(k)].sort((a, b) => a - b) as [number, number];
      head[two] = one;
    }
  };
  everyone.forEach((one, k) => {
    if (!one) return;
    for (const name of [one.name, one.root, one.init_of, one.teacher]) tie(k, "checkpoint", name);
    tie(k, "run", one.run);
  });
  return everyone.map((_, k) => first(k));
}
