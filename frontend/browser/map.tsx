/* Models on a map: near ones are alike by the measure shown. */

import { useMemo } from "preact/hooks";
import type { Matrix } from "./arrays";
import { groupColours, GROUPS } from "./colour";
import { setAside } from "./aside";
import { useStore } from "./hooks";
import { Groups, Outliers } from "./matrix_tab";
import { provenance } from "./provenance";
import { number } from "./numbers";
import { runsOf } from "./runs";
import { frameOf, frameText } from "./framing";
import { Scatter, type Point } from "./scatter";
import { distances } from "./seriation";
import { faithfulness, stressOf } from "./stress";
import type { Card, Checkpoint } from "./types";
import { Named, Trouble } from "./words";

export function MapTab() {
  const store = useStore();
  const measure = store.measure;
  if (!measure) return <p class="quiet">This comparison asked about single models only.</p>;
  const part = store.matrixOf(measure, store.layerOf(measure), "raw");
  const card = store.cards.get(measure.slug);
  const matrix = part.value;
  return (
    <div class="picture">
      <div class="picture-head">
        <h2>
          <Named slug={measure.slug}>{card?.title}</Named>
        </h2>
        <span class="quiet">Near means alike; directions mean nothing.</span>
      </div>
      {part.error && <Trouble>{part.error}</Trouble>}
      {!matrix && !part.error && <div class="skeleton matrix-skeleton" aria-busy="true" />}
      {matrix && matrix.header.places.length !== matrix.rows && (
        <p class="quiet">The map is worked out when every pair has a number.</p>
      )}
      {matrix && card && matrix.header.places.length === matrix.rows && <Places matrix={matrix} card={card} />}
      {matrix && <p class="quiet provenance">{provenance(store, matrix, measure)}</p>}
    </div>
  );
}

function Places({ matrix, card }: { matrix: Matrix; card: Card }) {
  const store = useStore();
  const aside = new Set(setAside(store));
  const groups = store.groups;
  const colours = groupColours(groups);
  const runs = runsOf(matrix.header.ids.flatMap((id) => store.checkpoints.get(id) ?? []));
  const paths = runs.map((run, k) => ({ ids: run.ids, colour: GROUPS[k % GROUPS.length] as string }));
  const { stress, faith } = useMemo(() => {
    const shown = matrix.header.places.map((_, i) => i).filter((i) => !aside.has(i));
    const places = shown.map((i) => matrix.header.places[i] as number[]);
    const wanted = distances(matrix, card, shown);
    return { stress: stressOf(places, wanted), faith: faithfulness(places, wanted) };
  }, [matrix, store.view.aside]);
  const points: Point[] = matrix.header.places.flatMap((place, i) =>
    aside.has(i)
      ? []
      : [
          {
            id: matrix.header.ids[i] as number,
            label: matrix.header.labels[i] as string,
            group: groups[i] ?? "",
            x: place[0] as number,
            y: place[1] as number,
            told: toldOf(store.checkpoints.get(matrix.header.ids[i] as number), groups[i] ?? ""),
          },
        ],
  );
  return (
    <>
      <div class="under-matrix">
        <Groups colours={colours} />
        <Outliers matrix={matrix} card={card} />
      </div>
      <Scatter
        points={points}
        colours={colours}
        x={{ title: "", isShown: false }}
        y={{ title: "", isShown: false }}
        height={Math.max(420, Math.min(680, window.innerHeight - 260))}
        isSquare
        label="Map of the checkpoints"
        paths={paths}
        frame={frameOf(store.view.frame)}
        onFrame={(frame) => store.show({ frame: frameText(frame) }, "replace")}
      />
      {runs.length > 0 && <p class="quiet">Lines follow training runs, arrows point to later steps.</p>}
      <p class="quiet">
        Stress {number(stress)} (Kruskal's stress-1); distances on the map follow the numbers with a rank correlation of {number(faith)}:{" "}
        {readAs(stress, faith)}
      </p>
    </>
  );
}

/* Kruskal's words for stress are fair at 0.1 and poor at 0.2; a few far ones make it small whatever the others do, so
   the ranks have a word too. */
function readAs(stress: number, faith: number): string {
  if (stress < 0.1 && faith > 0.95) return "it can be read as it looks.";
  return stress < 0.2 && faith > 0.8 ? "read it roughly." : "two dimensions are too few; read the matrix.";
}

function toldOf(one: Checkpoint | undefined, group: string): string[] {
  const isStep = one?.run && one.step !== null && one.step !== undefined;
  return [group || "no group", ...(isStep ? [`${one.run}, step ${one.step}`] : [])];
}
