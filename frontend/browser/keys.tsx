/* Hands: single keys, the palette of everything that can be done, and the sheet that lists them. */

import { useEffect, useRef, useState } from "preact/hooks";
import { API, queryOf } from "./api";
import type { Action } from "./actions";
import type { Store } from "./store";
import { ORDERS, SCALES } from "./view";

/* Those that do something on every page come last. */
const EVERYWHERE = 3;
export const KEYS: [string, string][] = [
  ["← ↑ → ↓", "move over the cells of the matrix (with Shift: ten at once)"],
  ["Enter", "select the cell"],
  ["+ −", "nearer, farther (by pointer: Ctrl and the wheel; the wheel alone then moves)"],
  ["b", "one corner of a block of cells, then the other"],
  ["[ ]", "measure before, measure after"],
  ["o", "next order"],
  ["c", "next colours"],
  ["s", "share this view"],
  ["e", "export this matrix as CSV"],
  ["Esc", "clear the selection, show the whole matrix"],
  ["/", "find a checkpoint, a measure, a page or anything else that can be done here"],
  ["Ctrl K", "the same"],
  ["?", "this list"],
];

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

/* Whether keys belong to a field, or to a dialog. */
function isWriting(target: Element): boolean {
  return !!target.closest("input, textarea, select, [contenteditable]") || !!document.querySelector("dialog[open]");
}

/* The keys of pages without a comparison. */
export function pressAnywhere(event: KeyboardEvent, open: (what: string) => void): void {
  const isPalette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  const isFree = !event.ctrlKey && !event.metaKey && !event.altKey && !isWriting(event.target as Element);
  const wanted = isPalette || (isFree && event.key === "/") ? "palette" : isFree && event.key === "?" ? "keys" : "";
  if (!wanted) return;
  event.preventDefault();
  open(wanted);
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
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting(target)) return;
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

export function Palette({ isOpen, onClose, actions }: { isOpen: boolean; onClose: () => void; actions: () => Action[] }) {
  return (
    <Modal isOpen={isOpen} onClose={onClose} label="Find anything on this page">
      <Search actions={actions} onClose={onClose} />
    </Modal>
  );
}

const SETTLED_MS = 200;

/* What can be done now: parts of a page may come, or be replaced, while the palette is open. */
function useActions(actions: () => Action[]): Action[] {
  const [all, collect] = useState(actions);
  useEffect(() => {
    let waiting = 0;
    const changed = new MutationObserver(() => {
      waiting ||= window.setTimeout(() => {
        waiting = 0;
        collect(actions());
      }, SETTLED_MS);
    });
    changed.observe(document.body, { childList: true, subtree: true });
    return () => {
      changed.disconnect();
      window.clearTimeout(waiting);
    };
  }, []);
  return all;
}

const keyOf = (one: Action | undefined): string => (one ? `${one.kind} ${one.name}` : "");

function Search({ actions, onClose }: { actions: () => Action[]; onClose: () => void }) {
  const all = useActions(actions);
  const [wanted, want] = useState("");
  const [marked, mark] = useState("");
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = all
    .filter((one) => words.every((word) => `${one.name} ${one.kind}`.toLowerCase().includes(word)))
    .slice(0, MOST_SHOWN);
  const at = Math.max(0, fitting.findIndex((one) => keyOf(one) === marked));
  const run = (one: Action | undefined): void => {
    if (!one) return;
    onClose();
    one.run();
  };
  const onKey = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      mark(keyOf(fitting[(at + by + fitting.length) % Math.max(1, fitting.length)]));
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
          mark("");
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

export function KeySheet({ isOpen, onClose, isBare }: { isOpen: boolean; onClose: () => void; isBare?: boolean }) {
  return (
    <Modal isOpen={isOpen} onClose={onClose} label="Keys">
      <h2>Keys</h2>
      <table class="numbers">
        <tbody>
          {KEYS.slice(isBare ? -EVERYWHERE : 0).map(([key, does]) => (
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
