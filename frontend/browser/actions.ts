/* Everything that can be done where one is, by name: for the palette. */

import { exportMatrix } from "./keys";
import type { Store } from "./store";
import { ORDERS, SCALES, type View } from "./view";

export interface Action {
  name: string;
  kind: string;
  run: () => void;
}

/* A page of five hundred checkpoints has thousands of links; who looks for more types more. */
const MOST = 2000;

/* What is on any page: its links, its buttons, and the choices of its settings. */
export function actionsOfPage(): Action[] {
  const parts = [...document.querySelectorAll<HTMLElement>("#header a, #header button, #page a[href], #page button, #page summary")];
  const pressed = parts.slice(0, MOST).flatMap((part): Action[] => {
    const name = (part.getAttribute("aria-label") ?? part.textContent ?? "").trim().replace(/\s+/g, " ");
    const isDead = !name || (part as HTMLButtonElement).disabled || part.closest("[hidden], .pointed-card, .ag-root");
    if (isDead) return [];
    const kind = part.closest("#header") ? "go to" : part.matches("a") ? "open" : "do";
    return [{ name, kind, run: () => (part.focus(), part.click()) }];
  });
  const chosen = [...document.querySelectorAll<HTMLSelectElement>("#page select")].flatMap((select) => {
    const title = select.getAttribute("aria-label") ?? select.closest("label")?.firstChild?.textContent ?? "";
    return [...select.options].map((option) => ({
      name: `${title}: ${option.text}`,
      kind: "set",
      run: () => {
        select.value = option.value;
        select.dispatchEvent(new Event("change", { bubbles: true }));
      },
    }));
  });
  const seen = new Set<string>();
  return [...pressed, ...chosen].filter((one) => !seen.has(`${one.kind} ${one.name}`) && seen.add(`${one.kind} ${one.name}`));
}

export function actionsOf(store: Store, open: (what: string) => void): Action[] {
  const view = (changes: Partial<View>) => () => store.show(changes);
  const own: Action[] = [
    ...store.tabs.map((tab) => ({ name: tab.title, kind: "show", run: view({ tab: tab.key }) })),
    ...store.pairwise.map((one) => ({
      name: store.titleOf(one),
      kind: "measure",
      run: view({ measure: one.key, tab: store.tab().measure ? store.view.tab : "matrix" }),
    })),
    ...[...store.checkpoints.values()].map((one) => ({
      name: one.name,
      kind: "checkpoint",
      run: view({ a: one.id, b: 0, tab: store.tab().sides ? store.view.tab : "matrix" }),
    })),
    ...ORDERS.map((key) => ({ name: `Order: ${key}`, kind: "order", run: view({ order: key }) })),
    ...SCALES.map((key) => ({ name: `Colours: ${key}`, kind: "colours", run: view({ scale: key }) })),
    ...(store.place.isShared ? [] : [{ name: "Share this view", kind: "action", run: () => open("share") }]),
    ...(store.place.mayExport ? [{ name: "Export this matrix as CSV", kind: "action", run: () => exportMatrix(store) }] : []),
    { name: "Clear the selection", kind: "action", run: view({ a: 0, b: 0 }) },
    { name: "Keys", kind: "action", run: () => open("keys") },
  ];
  const names = new Set(own.map((one) => one.name));
  return [...own, ...actionsOfPage().filter((one) => !names.has(one.name))];
}

