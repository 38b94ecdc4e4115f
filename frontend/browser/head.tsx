/* The head of a comparison: its name, how far it is, what can be done; and the tabs. */

import { useEffect, useState } from "preact/hooks";
import { change, get } from "./api";
import { useStore } from "./hooks";
import type { Store } from "./store";
import { strangeParts } from "./strange";
import type { Comparison, Progress, Share } from "./types";
import { Trouble, ViewLink } from "./words";

const COLOURS: Record<string, string> = { done: "good", running: "busy", failed: "bad", cancelled: "quiet" };

export function Badge({ state }: { state: string }) {
  return <span class={`badge ${COLOURS[state] ?? "quiet"}`}>{state}</span>;
}

function roughly(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

async function act(store: Store, verb: string): Promise<void> {
  try {
    await change("POST", `${store.path}/${verb}`);
  } catch (error) {
    store.fail(error);
  }
  await store.refresh();
}

export function Head({ onShare }: { onShare: () => void }) {
  const store = useStore();
  const { comparison } = store;
  const [isEdited, edit] = useState(false);
  if (store.isClosed) return <Closed />;
  if (store.isMissing) return <Missing />;
  if (!comparison) {
    return store.error ? <Trouble>{store.error}</Trouble> : <div class="skeleton head-skeleton" aria-busy="true" />;
  }
  const state = comparison.progress.state;
  const strange = strangeParts(store);
  if (isEdited) return <Edit comparison={comparison} onDone={() => edit(false)} />;
  return (
    <>
      <div class="bar">
        <Name comparison={comparison} onEdit={() => edit(true)} />
        <Badge state={state} />
        <span class="quiet">
          {comparison.checkpoints.length} checkpoints on {comparison.probe}
        </span>
        {store.place.isShared ? (
          <span class="quiet">
            {store.place.isOffline ? "A file without a server" : `Shared ${store.place.madeBy ? `by ${store.place.madeBy}` : "with you"}, read only`} · results {comparison.progress.version} of {comparison.created.slice(0, 10)}
          </span>
        ) : (
          <a class="quiet" href={`/projects/${comparison.project}`}>
            {comparison.project_name}
          </a>
        )}
        {!store.place.isShared && comparison.detail_of && (
          <a class="quiet" href={`/comparison/${comparison.detail_of}`}>
            Back to what it was asked from
          </a>
        )}
        <div class="buttons">
          {!store.place.isShared && state === "running" && (
            <button class="button" onClick={() => void act(store, "cancel")}>
              Cancel
            </button>
          )}
          {!store.place.isShared && (state === "failed" || state === "cancelled") && (
            <button class="button" onClick={() => void act(store, "retry")}>
              Retry
            </button>
          )}
          {!store.place.isShared && (
            <a
              class="button"
              href={`/projects/${comparison.project}/compare?like=${comparison.id}`}
              title="More checkpoints, other measures: what is known is not computed again"
            >
              Ask for more
            </a>
          )}
          {!store.place.isShared && (
            <button class="button primary" id="share-open" onClick={onShare}>
              Share
            </button>
          )}
        </div>
      </div>
      {comparison.notes && <p class="notes quiet">{comparison.notes}</p>}
      {state === "running" && <ProgressLine progress={comparison.progress} />}
      {store.error && <Trouble>{store.error}</Trouble>}
      {(store.notice || strange.length > 0) && (
        <Trouble>
          {store.notice}{" "}
          {strange.length > 0 && `This comparison has nothing that this address calls ${strange.join(", ")}; the rest is shown.`}
        </Trouble>
      )}
      {comparison.log.length > 0 && (
        <Trouble>
          {comparison.log[0]}{" "}
          {comparison.log.length > 1 && (
            <ViewLink to={{ tab: "log" }}>{comparison.log.length - 1} more in the log</ViewLink>
          )}
        </Trouble>
      )}
    </>
  );
}

function Missing() {
  const store = useStore();
  return (
    <div class="empty">
      <h1>This comparison is not here</h1>
      <p class="quiet">{store.error} What was deleted can be restored for seven days, under Comparisons of its project.</p>
      {!store.place.isShared && (
        <a class="button" href="/">
          Start page
        </a>
      )}
    </div>
  );
}

function Closed() {
  return (
    <div class="empty">
      <h1>This link does not open anything any longer</h1>
      <p class="quiet">It was revoked or has expired. Whoever sent it can make a new one.</p>
    </div>
  );
}

/* The name; its owner may write another one, and notes. */
function Name({ comparison, onEdit }: { comparison: Comparison; onEdit: () => void }) {
  const store = useStore();
  return (
    <h1>
      {comparison.name || `Comparison ${comparison.id}`}
      {!store.place.isShared && (
        <button class="edit" title="Name and notes" aria-label="Edit name and notes" onClick={onEdit}>
          ✎
        </button>
      )}
    </h1>
  );
}

function Edit({ comparison, onDone }: { comparison: Comparison; onDone: () => void }) {
  const store = useStore();
  const [name, call] = useState(comparison.name);
  const [notes, note] = useState(comparison.notes);
  const [error, fail] = useState("");
  const [links, count] = useState(0);
  useEffect(() => {
    // What depends on it is said before it goes; without an answer the list of links says it.
    get<Share[]>(`${store.path}/shares`).then(
      (all) => count(all.filter((one) => !one.revoked && Date.parse(one.expires) > Date.now()).length),
      () => undefined,
    );
  }, []);
  const save = async (): Promise<void> => {
    try {
      await change("PATCH", store.path, { name, notes });
      onDone();
      await store.refresh();
    } catch (problem) {
      fail(problem instanceof Error ? problem.message : String(problem));
    }
  };
  const remove = async (): Promise<void> => {
    try {
      await change("DELETE", store.path);
      location.assign(`/projects/${comparison.project}/comparisons`);
    } catch (problem) {
      fail(problem instanceof Error ? problem.message : String(problem));
    }
  };
  return (
    <form
      class="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => event.key === "Escape" && onDone()}
    >
      <input
        id="comparison-name"
        aria-label="Name"
        placeholder={`Comparison ${comparison.id}`}
        value={name}
        maxLength={200}
        ref={focusOnce}
        onInput={(event) => call((event.currentTarget as HTMLInputElement).value)}
      />
      <textarea
        id="comparison-notes"
        aria-label="Notes"
        placeholder="Notes"
        rows={3}
        maxLength={20000}
        value={notes}
        onInput={(event) => note((event.currentTarget as HTMLTextAreaElement).value)}
      />
      <div class="buttons">
        <button class="button primary" id="comparison-save">
          Save
        </button>
        <button type="button" class="button" onClick={onDone}>
          Cancel
        </button>
        <button
          type="button"
          class="button"
          id="comparison-delete"
          title={`${links ? `${links} open link${links === 1 ? "" : "s"} to it close` : "No link to it is open"}; for seven days the list of comparisons can restore it`}
          onClick={() => void remove()}
        >
          {links ? `Delete, with ${links} open link${links === 1 ? "" : "s"}` : "Delete"}
        </button>
      </div>
      {error && <Trouble>{error}</Trouble>}
    </form>
  );
}

function focusOnce(input: HTMLInputElement | null): void {
  if (input && !input.dataset.seen) {
    input.dataset.seen = "yes";
    input.focus();
  }
}

function ProgressLine({ progress }: { progress: Progress }) {
  if (progress.waiting) return <Trouble>{progress.waiting}</Trouble>;
  const done = progress.models_done + progress.tiles_done;
  const total = Math.max(1, progress.models + progress.tiles);
  const left = progress.seconds_left === null ? "" : `, about ${roughly(progress.seconds_left)} left`;
  return (
    <div class="progress">
      <progress max={total} value={done} aria-label="Progress" />
      <span class="quiet">
        {progress.models_done} of {progress.models} model passes, {progress.tiles_done} of {progress.tiles} tiles{left}
      </span>
    </div>
  );
}

export function Tabs() {
  const store = useStore();
  // On a phone the tabs are wider than the screen.
  useEffect(() => {
    document.querySelector("#tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [store.view.tab, store.comparison !== null]);
  if (store.isClosed || store.isMissing) return null;
  return (
    <>
      {store.tabs.map((tab) => (
        <ViewLink
          className={tab.key === store.view.tab ? "picture-link here" : "picture-link"}
          current={tab.key === store.view.tab}
          to={{ tab: tab.key }}
        >
          {tab.title}
        </ViewLink>
      ))}
    </>
  );
}
