/* The dialog of links: make one that opens this view, see who used which, end any. */

import { useEffect, useRef, useState } from "preact/hooks";
import { change, get } from "./api";
import { useStore } from "./hooks";
import type { Store } from "./store";
import type { Share } from "./types";
import { query } from "./view";
import { Trouble } from "./words";

/* What this browser remembers of who makes links. */
const MADE_BY = "kinscape-made-by";

export function ShareDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen && !dialog.current?.open) dialog.current?.showModal();
    if (!isOpen) dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="share-title" onClose={onClose}>
      {isOpen && <Links onClose={onClose} />}
    </dialog>
  );
}

function Links({ onClose }: { onClose: () => void }) {
  const store = useStore();
  const [links, list] = useState<Share[] | null>(null);
  const [days, last] = useState("30");
  const [mayExport, allow] = useState(true);
  const [isMasked, mask] = useState(false);
  const [scope, limit] = useState("whole");
  const [name, call] = useState(localStorage.getItem(MADE_BY) ?? "");
  const [made, show] = useState("");
  const [isCopied, copied] = useState(false);
  const [error, fail] = useState("");
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    fail("");
    try {
      await work();
      list(await get<Share[]>(`${store.path}/shares`));
    } catch (problem) {
      fail(problem instanceof Error ? problem.message : String(problem));
    }
  };
  useEffect(() => void guarded(async () => undefined), []);
  const make = (): Promise<void> =>
    guarded(async () => {
      const wanted = { view: viewOf(store, scope), expires_in_days: Number(days), may_export: mayExport && !isMasked, masked: isMasked, scope, made_by: name.trim() };
      localStorage.setItem(MADE_BY, name.trim());
      const share = await change<Share>("POST", `${store.path}/shares`, wanted);
      show(share?.url ?? "");
      copied(false);
    });
  const end = async (id: number): Promise<void> => {
    await guarded(async () => void (await change("POST", `/shares/${id}/revoke`)));
    // The button that had the focus is gone.
    document.getElementById("share-make")?.focus();
  };
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(made);
      copied(true);
    } catch {
      fail("The browser does not let this page copy; select the link and copy it by hand.");
    }
  };
  return (
    <>
      <div class="dialog-head">
        <h2 id="share-title">Share this view</h2>
        <button class="close" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </div>
      <p class="quiet">The link opens exactly what you see now, read only, without an account.</p>
      <form
        class="share-form"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <label>
          Days until it expires
          <input
            id="share-days"
            type="number"
            min="1"
            max="3650"
            required
            value={days}
            onInput={(event) => last((event.currentTarget as HTMLInputElement).value)}
          />
        </label>
        <label>
          It opens
          <select
            id="share-scope"
            class="select"
            value={scope}
            onChange={(event) => limit((event.currentTarget as HTMLSelectElement).value)}
          >
            <option value="whole">the whole comparison</option>
            {store.pairwise.length > 0 && <option value="matrix">{`${store.measure ? store.titleOf(store.measure) : "this matrix"} alone`}</option>}
          </select>
        </label>
        <label title={isMasked ? "Hidden with all names" : "Who opens the link reads it"}>
          Your name
          <input
            id="share-by"
            maxLength={100}
            placeholder="optional"
            disabled={isMasked}
            value={isMasked ? "" : name}
            onInput={(event) => call((event.currentTarget as HTMLInputElement).value)}
          />
        </label>
        <label class="switch">
          <input
            id="share-export"
            type="checkbox"
            checked={mayExport && !isMasked}
            disabled={isMasked}
            onChange={(event) => allow((event.currentTarget as HTMLInputElement).checked)}
          />
          Numbers may be exported
        </label>
        <label class="switch" title="For reviewers: networks, groups, probe sets and the project are called by numbers and letters">
          <input
            id="share-masked"
            type="checkbox"
            checked={isMasked}
            onChange={(event) => mask((event.currentTarget as HTMLInputElement).checked)}
          />
          Hide all names
        </label>
        <button class="button primary" id="share-make">
          Make link
        </button>
      </form>
      {made && (
        <div class="share-made">
          <input id="share-url" readOnly value={made} aria-label="The link, shown once" onFocus={(event) => (event.currentTarget as HTMLInputElement).select()} />
          <button class="button" onClick={() => void copy()}>
            {isCopied ? "Copied" : "Copy"}
          </button>
        </div>
      )}
      {error && <Trouble>{error}</Trouble>}
      <h3>Links so far</h3>
      <div id="share-list">
        {links?.length === 0 && <p class="quiet">None yet.</p>}
        {links?.map((link) => (
          <div class="share-row">
            <span>
              #{link.id} {viewName(link.view)}, made {link.created.slice(0, 10)}
              {link.made_by && ` by ${link.made_by}`} of results {link.results_version},{" "}
              {link.revoked ? "revoked" : `until ${link.expires.slice(0, 10)}`},{" "}
              {link.last_used ? `last opened ${link.last_used.slice(0, 16).replace("T", " ")}` : "not opened yet"}
              {link.scope === "matrix" ? ", this matrix alone" : ""}
              {link.masked ? ", names hidden" : link.may_export ? "" : ", no export"}
            </span>
            {!link.revoked && (
              <span class="verbs">
                <button
                  class="button small"
                  title={`Until ${days} days from now, the number above`}
                  onClick={() => void guarded(async () => void (await change("POST", `/shares/${link.id}/extend`, { expires_in_days: Number(days) })))}
                >
                  Extend
                </button>
                <button class="button small" onClick={() => void end(link.id)}>
                  Revoke
                </button>
              </span>
            )}
          </div>
        ))}
      </div>
    </>
  );
}

/* The view that a link opens; one to a matrix alone names it. */
function viewOf(store: Store, scope: string): string {
  const measure = scope === "matrix" ? (store.measure?.key ?? "") : store.view.measure;
  return query({ ...store.view, measure }).slice(1);
}

/* What a link opens, in a few words. */
function viewName(view: string): string {
  const wanted = new URLSearchParams(view);
  return [wanted.get("tab") ?? "matrix", wanted.get("measure")].filter(Boolean).join(" · ");
}
