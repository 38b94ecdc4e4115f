/* Rows of the table of models: in the order of the view, filtered, under their groups where it is ordered by them. */

import type { Column, ModelTable } from "./arrays";
import { matches, misunderstood, type Row } from "./filtering";
import type { Store } from "./store";
import { blockFrom, blockText } from "./view";

/* A model, by its position, or the head of those of one group. */
export type Entry = { model: number } | { group: string; models: number[] };

function filterRow(store: Store, table: ModelTable, i: number): Row {
  const one = store.checkpoints.get(table.ids[i] as number);
  const tags = one?.tags ?? {};
  const metrics: Record<string, number> = {};
  for (const column of table.columns) metrics[column.id] = column.values[i] as number;
  const { parent, teacher, run, step, architecture, parameters } = one ?? {};
  const name = table.labels[i] as string;
  const group = one?.group ?? "";
  const text = [name, group, ...Object.entries(tags).map(([k, v]) => `${k}=${v}`)].join(" ");
  return { name, group, tags, metrics, parent, teacher, run, step, architecture, parameters, text };
}

export interface Rows {
  entries: Entry[];
  models: number[];
  /* What of the filter no model could fit. */
  trouble: string;
}

export function rowsOf(store: Store, table: ModelTable): Rows {
  const wanted = store.view.find;
  const all = store.order(null).map((i) => ({ i, row: filterRow(store, table, i) }));
  const models = all.filter(({ row }) => matches(row, wanted)).map(({ i }) => i);
  const trouble = misunderstood(all.map(({ row }) => row), wanted);
  return { entries: store.view.order === "group" ? grouped(models, store.groups) : models.map((model) => ({ model })), models, trouble };
}

/* The head of each group before its models, which stand together. */
export function grouped(models: number[], groups: string[]): Entry[] {
  const entries: Entry[] = [];
  const heads = new Map<string, number[]>();
  for (const model of models) {
    const group = groups[model] ?? "";
    const inside = heads.get(group) ?? [];
    if (!heads.has(group)) entries.push({ group, models: inside });
    heads.set(group, inside);
    inside.push(model);
    entries.push({ model });
  }
  return entries;
}

/* The mean of a column over some models, and of how many. */
export function meanOf(column: Column, models: number[]): { mean: number; n: number } {
  const known = models.map((i) => column.values[i] as number).filter(Number.isFinite);
  return { mean: known.length ? known.reduce((sum, v) => sum + v, 0) / known.length : NaN, n: known.length };
}

/* The checkpoints that are ticked: the selected block, where it is one of checkpoints among themselves. */
export function ticked(store: Store): number[] {
  const block = blockFrom(store.view.block);
  return block && block.rows.join() === block.columns.join() ? block.rows : [];
}

/* The view with exactly these ticked, in the order of the comparison, so that one choice has one address. */
export function ticking(store: Store, ids: number[]): { block: string; a: number; b: number } {
  const sorted = (store.comparison?.checkpoints ?? []).filter((id) => ids.includes(id));
  return { block: sorted.length ? blockText({ rows: sorted, columns: sorted }) : "", a: 0, b: 0 };
}
