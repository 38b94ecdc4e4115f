/* Numbers that were given with checkpoints, as columns beside those that were computed here. */

import type { Column, ModelTable } from "./arrays";
import type { Checkpoint, Comparison } from "./types";

export const GIVEN = "given";

/* One table for each set of checkpoints and computed numbers, so that pictures see when it is another one. */
const made = new WeakMap<object, WeakMap<object, ModelTable>>();
const NOTHING = {};

export function hasGiven(checkpoints: Map<number, Checkpoint>): boolean {
  return [...checkpoints.values()].some((one) => Object.keys(one.metrics ?? {}).length > 0);
}

/* The table of computed numbers with the given ones after them; these alone where nothing was computed. */
export function withGiven(comparison: Comparison, checkpoints: Map<number, Checkpoint>, table: ModelTable | null): ModelTable | null {
  if (!hasGiven(checkpoints)) return table;
  const tables = made.get(checkpoints) ?? new WeakMap<object, ModelTable>();
  made.set(checkpoints, tables);
  const there = tables.get(table ?? NOTHING);
  if (there) return there;
  const ids = table?.ids ?? comparison.checkpoints;
  const names = [...new Set(ids.flatMap((id) => Object.keys(checkpoints.get(id)?.metrics ?? {})))].sort();
  const columns = names.map((name): Column => {
    const none = (): Float64Array => new Float64Array(ids.length).fill(NaN);
    return {
      measure: name,
      slug: "",
      layer: null,
      n: 0,
      role: "",
      method: "given with the checkpoints, not computed here",
      warnings: [],
      id: `${GIVEN}:${name}`,
      values: Float64Array.from(ids, (id) => checkpoints.get(id)?.metrics?.[name] ?? NaN),
      low: none(),
      high: none(),
      reasons: new Map(),
    };
  });
  const whole = {
    ids,
    labels: table?.labels ?? comparison.labels,
    columns: [...(table?.columns ?? []), ...columns],
    version: table?.version ?? comparison.progress.version,
  };
  tables.set(table ?? NOTHING, whole);
  return whole;
}
