/* Every number of a comparison that can stand on an axis: of single models, and of pairs. */

import { columnId, type Column } from "./arrays";
import type { Store } from "./store";
import type { AskedMeasure } from "./types";

/* What stands up in place of a second number. */
export const DISTRIBUTION = "distribution";

export interface Quantity {
  /* Its name in an address. */
  id: string;
  title: string;
  column?: Column;
  asked?: AskedMeasure;
  layer: string | null;
}

export function isOfPairs(one: Quantity): boolean {
  return one.asked !== undefined;
}

/* Numbers of single models first, then those of pairs, layer by layer. */
export function quantitiesOf(store: Store): Quantity[] {
  const columns = store.models.value?.columns ?? [];
  const singles = columns.map((column) => ({ id: column.id, title: store.columnTitle(column), column, layer: column.layer }));
  const pairs = store.pairwise.flatMap((asked): Quantity[] => {
    const layers = store.layersOf(asked);
    const title = store.titleOf(asked);
    if (!layers.length) return [{ id: columnId(asked.key, null), title, asked, layer: null }];
    return layers.map((layer) => ({ id: columnId(asked.key, layer), title: `${title}, ${layer}`, asked, layer }));
  });
  return [...singles, ...pairs];
}

/* The two that a view names; where it names none, or one of another kind, the first that fit. */
export function chosenQuantities(all: Quantity[], x: string, y: string, first: string[]): [Quantity, Quantity] | null {
  const named = (id: string): Quantity | undefined => all.find((one) => one.id === id);
  const likely = first.flatMap((id) => named(id) ?? []);
  const across = named(x) ?? likely[0] ?? all[0];
  if (!across) return null;
  const same = (one: Quantity): boolean => isOfPairs(one) === isOfPairs(across) && one.id !== across.id;
  const wanted = named(y);
  const up = wanted && isOfPairs(wanted) === isOfPairs(across) ? wanted : (likely.find(same) ?? all.find(same));
  return up ? [across, up] : null;
}

/* Places of so many, evenly spread, among all. */
export function spread<T>(all: T[], most: number): T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, k) => all[Math.floor((k * all.length) / most)] as T);
}
