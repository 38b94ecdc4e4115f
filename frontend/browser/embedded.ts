/* A file without a server inside another page: a notebook or a site is told what is selected, and may say what to show. */

import type { Store } from "./store";
import { blockFrom, parse, query } from "./view";

export interface Selection {
  /* The whole view, as an address has it. */
  view: string;
  measure: string;
  layer: string;
  /* Names of the selected checkpoint, or of the two of the selected cell. */
  selected: string[];
  /* Names of the checkpoints of a block, where one is selected. */
  rows: string[];
  columns: string[];
}

export function selectionOf(store: Store): Selection {
  const { view } = store;
  const names = (ids: number[]): string[] => ids.flatMap((id) => store.checkpoints.get(id)?.name ?? []);
  const asked = store.measure;
  const block = blockFrom(view.block);
  return {
    view: query(view).slice(1),
    measure: asked?.key ?? "",
    layer: (asked && store.layerOf(asked)) ?? "",
    selected: names([view.a, view.b].filter((id) => id > 0)),
    rows: names(block?.rows ?? []),
    columns: names(block?.columns ?? []),
  };
}

/* Tell the page around this one each other selection, and follow what it asks to be shown. */
export function followParent(store: Store, parent: Window): void {
  let last = "";
  store.subscribe(() => {
    if (!store.comparison) return;
    const selection = selectionOf(store);
    if (JSON.stringify(selection) === last) return;
    last = JSON.stringify(selection);
    parent.postMessage({ kinscape: "selection", selection }, "*");
  });
  window.addEventListener("message", (event) => {
    const said = event.data as { kinscape?: unknown; view?: unknown } | null;
    if (event.source !== parent || said?.kinscape !== "show" || typeof said.view !== "string") return;
    const { view } = parse(said.view, store.place.tabs.map((tab) => tab.key));
    if (query(view) !== query(store.view)) store.show(view, "replace");
  });
}
