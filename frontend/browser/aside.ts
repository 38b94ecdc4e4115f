/* Who is set aside. */

import type { Store } from "./store";
import { numbersOf } from "./view";

/* Positions of the checkpoints that are set aside. */
export function setAside(store: Store): number[] {
  const ids = store.comparison?.checkpoints ?? [];
  const aside = new Set(numbersOf(store.view.aside).map((id) => ids.indexOf(id)).filter((i) => i >= 0));
  // A picture of nobody helps nobody.
  return aside.size < ids.length ? [...aside] : [];
}
