/* Hands: single keys, the palette of everything that can be done, and the sheet that lists them. */

import { useEffect, useRef, useState } from "preact/hooks";
import { API, queryOf } from "./api";
import { useStore } from "./hooks";
import type { Store } from "./store";
import { ORDERS, SCALES, type View } from "./view";

export const KEYS: [string, string][] = [
  ["← ↑ → ↓", "move over the cells of the matrix (with Shift: ten at once)"],
  ["Enter", "select the cell"],
  ["b", "one corner of a block of cells, then the other"],
  ["[ ]", "measure before, measure after"],
  ["o", "next order"],
  ["c", "next colours"],
  ["/", "find a checkpoint, a measure or an action"],
  ["Ctrl K", "the same"],
  ["s", "share this view"],
  ["e", "export this matrix as CSV"],
  ["Esc", "clear the selection, show the whole matrix"],
  ["?", "this list"],
];

export interface Action {
  name: string;
  kind: string;
  run: () => void;
}

const next = (all: string[], now: string): string => all[(all.indexOf(now) + 1) % all.length] as string;

function step(store: Store, by: number): void {
  const all = [...store.byTopic.values()].flat();
  const at = all.findIndex((m) => m === store.measure);
  const wanted = all[(at + by + all.length) % all.length];
  if (wanted) store.show({ measure: wanted.key, tab: store.tab().measure ? store.view.tab : "matrix" }, "replace");
}

export function exportMatrix(store: Store): void {
  const measure = store.measure;
  if (!measure || !store.place.mayExport) return;
  const wanted = { measure: measure.key, layer: store.layerOf(measure), format: "csv" };
  location.assign(`${API}${store.path}/export${queryOf(wanted)}`);
}

/* What one key does; nothing while something is being written. */
export function press(store: Store, event: KeyboardEvent, open: (what: string) => void): void {
  const target = event.target as HTMLElement;
  const isPalette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  if (isPalette) {
    event.preventDefault();
    open("palette");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const does: Record<string, () => void> = {
    "[": () => step(store, -1),
    "]": () => step(store, 1),
    o: () => store.show({ order: next(ORDERS, store.view.order) }, "replace"),
    c: () => store.show({ scale: next(SCALES, store.view.scale) }, "replace"),
    "/": () => open("palette"),
    "?": () => open("keys"),
    s: () => open("share"),
    e: () => exportMatrix(store),
    Escape: () => store.show({ a: 0, b: 0, block: "", zoom: "" }),
  };
  const act = does[event.key];
  if (!act || !store.comparison) return;
  event.preventDefault();
  act();
}

function actions(store: Store, open: (what: string) => void): Action[] {
  const view = (changes: Partial<View>) => () => store.show(changes);
  return [
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
}

const MOST_SHOWN = 12;

function Modal(props: { isOpen: boolean; onClose: () => void; label: string; children: preact.ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (props.isOpen && !dialog.current?.open) dialog.current?.showModal();
    if (!props.isOpen) dialog.current?.close();
  }, [props.isOpen]);
  return (
    <dialog ref={dialog} class="dialog palette" aria-label={props.label} onClose={props.onClose}>
      {props.isOpen && props.children}
    </dialog>
  );
}

export function Palette({ isOpen, onClose, open }: { isOpen: boolean; onClose: () => void; open: (what: string) => void }) {
  return (
    <Modal isOpen={isOpen} onClose={onClose} label="Find anything on this page">
      <Search open={open} onClose={onClose} />
    </Modal>
  );
}

function Search({ open, onClose }: { open: (what: string) => void; onClose: () => void }) {
  const store = useStore();
  const [wanted, want] = useState("");
  const [at, go] = useState(0);
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = actions(store, open)
    .filter((one) => words.every((word) => `${one.name} ${one.kind}`.toLowerCase().includes(word)))
    .slice(0, MOST_SHOWN);
  const run = (one: Action | undefined): void => {
    if (!one) return;
    onClose();
    one.run();
  };
  const onKey = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      go((at + by + fitting.length) % Math.max(1, fitting.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(fitting[at]);
    }
  };
  return (
    <>
      <input
        id="palette-search"
        class="find"
        placeholder="Find a checkpoint, a measure, an action"
        aria-label="Find a checkpoint, a measure, an action"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={fitting.length ? `palette-${at}` : undefined}
        value={wanted}
        ref={(input) => input?.focus()}
        onInput={(event) => {
          want((event.currentTarget as HTMLInputElement).value);
          go(0);
        }}
        onKeyDown={onKey}
      />
      <ul id="palette-list" role="listbox" aria-label="What fits">
        {fitting.map((one, k) => (
          <li id={`palette-${k}`} role="option" aria-selected={k === at} class={k === at ? "here" : ""} onClick={() => run(one)}>
            <span>{one.name}</span>
            <span class="quiet">{one.kind}</span>
          </li>
        ))}
      </ul>
      {fitting.length === 0 && <p class="quiet">Nothing here is called that.</p>}
    </>
  );
}

export function KeySheet({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal isOpen={isOpen} onClose={onClose} label="Keys">
      <h2>Keys</h2>
      <table class="numbers">
        <tbody>
          {KEYS.map(([key, does]) => (
            <tr>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <button class="button" onClick={onClose}>
        Close
      </button>
    </Modal>
  );
}
