/* The clusters of a cut dendrogram: selected by a click, kept as a tag of their checkpoints. */

import { useState } from "preact/hooks";
import { change } from "./api";
import type { Matrix } from "./arrays";
import { useStore } from "./hooks";
import type { Strip } from "./strips";
import { blockText } from "./view";
import { Trouble, ViewLink } from "./words";

export function Clusters({ matrix, clusters, strip }: { matrix: Matrix; clusters: number[]; strip: Strip | undefined }) {
  const store = useStore();
  if (!clusters.length) return null;
  const members = new Map<number, number[]>();
  clusters.forEach((cluster, i) => cluster && members.set(cluster, [...(members.get(cluster) ?? []), matrix.header.ids[i] as number]));
  const isOwner = !store.place.isShared && !store.place.isOffline;
  return (
    <div class="clusters" id="clusters">
      {[...members].sort(([a], [b]) => a - b).map(([cluster, ids]) => (
        <ViewLink
          className="chip"
          to={{ block: blockText({ rows: ids, columns: ids }), a: 0, b: 0 }}
          title={ids.map((id) => store.checkpoints.get(id)?.name ?? "").join(", ")}
        >
          <i class="swatch" style={{ background: strip?.colours.get(String(cluster)) }} />
          Cluster {cluster}, {ids.length}
        </ViewLink>
      ))}
      {isOwner && <KeepAsTag members={members} />}
    </div>
  );
}

function KeepAsTag({ members }: { members: Map<number, number[]> }) {
  const store = useStore();
  const [isOpen, open] = useState(false);
  const [name, setName] = useState("cluster");
  const [told, tell] = useState({ text: "", isWrong: false });
  const keep = async (event: Event): Promise<void> => {
    event.preventDefault();
    const values = Object.fromEntries([...members].flatMap(([cluster, ids]) => ids.map((id) => [id, String(cluster)])));
    try {
      await change("POST", `/projects/${store.comparison?.project}/checkpoints/tag`, { tag: name, values });
      await store.refresh();
      tell({ text: `Every checkpoint has ${name.trim()}=… now.`, isWrong: false });
      open(false);
    } catch (error) {
      tell({ text: error instanceof Error ? error.message : String(error), isWrong: true });
    }
  };
  return (
    <>
      {isOpen ? (
        <form class="keep-tag" onSubmit={(event) => void keep(event)}>
          <input
            class="find"
            aria-label="Name of the tag"
            value={name}
            onInput={(event) => setName((event.currentTarget as HTMLInputElement).value)}
          />
          <button class="chip">Write</button>
        </form>
      ) : (
        <button class="chip" onClick={() => open(true)} title="Write the clusters as a tag of their checkpoints">
          Keep as a tag…
        </button>
      )}
      {told.text && (told.isWrong ? <Trouble>{told.text}</Trouble> : <span class="quiet" role="status">{told.text}</span>)}
    </>
  );
}
