/* Where a selected block lies in a matrix. */

import { blockFrom, type Window } from "./view";

/* Rows and columns of a block that stand together within a window, as windows of its places. */
export function blockRuns(text: string, ids: number[], order: number[], shown: Window): Window[] {
  const block = blockFrom(text);
  if (!block) return [];
  const runs = (some: number[], axis: "rows" | "columns"): [number, number][] => {
    const [first, last] = shown[axis];
    const chosen = new Set(some.map((id) => ids.indexOf(id)));
    const out: [number, number][] = [];
    for (let at = first; at < last; at++) {
      if (!chosen.has(order[at] as number)) continue;
      const run = out[out.length - 1];
      if (run && run[1] === at - first) run[1]++;
      else out.push([at - first, at - first + 1]);
    }
    return out;
  };
  const across = runs(block.columns, "columns");
  return runs(block.rows, "rows").flatMap((rows) => across.map((columns) => ({ rows, columns })));
}
