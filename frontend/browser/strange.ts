/* What an address names that its comparison does not have. */

import { BETWEEN } from "./drawn";
import { FAMILIES } from "./families";
import { DISTRIBUTION, quantitiesOf } from "./quantities";
import type { Store } from "./store";
import { blockFrom, BY, numbersOf } from "./view";

/* What an address says, short enough for a sentence. */
export const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

/* Parts of the view that name something which this comparison does not have. */
export function strangeParts(store: Store): string[] {
  const { view, comparison } = store;
  if (!comparison) return [];
  const known = new Set(comparison.checkpoints);
  const columns = store.models.value?.columns;
  const isThere = !store.hasNumbers || !!columns;
  const isUnknown = (id: string): boolean => id !== "" && isThere && !quantitiesOf(store).some((one) => one.id === id);
  const lacking = view.columns.split(BETWEEN).filter((id) => id && !columns?.some((c) => c.id === id));
  const checks: [string, boolean][] = [
    ["measure", view.measure !== "" && !store.pairwise.some((m) => m.key === view.measure)],
    ["layer", view.layer !== "" && !store.pairwise.some((m) => store.layersOf(m).includes(view.layer))],
    [`columns (${short(lacking.join(", "))})`, !FAMILIES.some(([key]) => key === view.columns) && isThere && lacking.length > 0],
    ["a", view.a > 0 && !known.has(view.a)],
    ["b", view.b > 0 && !known.has(view.b)],
    ["aside", numbersOf(view.aside).some((id) => !known.has(id))],
    ["block", [...(blockFrom(view.block)?.rows ?? []), ...(blockFrom(view.block)?.columns ?? [])].some((id) => !known.has(id))],
    ["aside", view.aside !== "" && numbersOf(view.aside).length >= comparison.checkpoints.length],
    ["x", isUnknown(view.x)],
    ["y", view.y !== DISTRIBUTION && isUnknown(view.y)],
    ["order", view.order.startsWith(BY) && !!columns && !columns.some((c) => BY + c.id === view.order)],
  ];
  return [...new Set(checks.filter(([, isStrange]) => isStrange).map(([key]) => key))];
}

