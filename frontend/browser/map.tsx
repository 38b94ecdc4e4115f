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
import { Scatter, type Point } from "./scatter";
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
  const faith = useMemo(() => faithfulness(matrix), [matrix]);
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
      />
      {runs.length > 0 && <p class="quiet">Lines follow training runs, arrows point to later steps.</p>}
      <p class="quiet">
        Distances on the map follow the numbers with a rank correlation of {number(faith)}: {" "}
        {faith > 0.95 ? "it can be read as it looks." : faith > 0.8 ? "read it roughly." : "two dimensions are too few; read the matrix."}
      </p>
    </>
  );
}

function toldOf(one: Checkpoint | undefined, group: string): string[] {
  const isStep = one?.run && one.step !== null && one.step !== undefined;
  return [group || "no group", ...(isStep ? [`${one.run}, step ${one.step}`] : [])];
}

/* Rank correlation between distances on the map and how unlike the pairs are. */
export function faithfulness(matrix: Matrix): number {
  const { places } = matrix.header;
  const far: number[] = [];
  const unlike: number[] = [];
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = i + 1; j < matrix.rows; j++) {
      const value = matrix.values[i * matrix.columns + j] as number;
      if (!Number.isFinite(value)) continue;
      const [p, q] = [places[i] as number[], places[j] as number[]];
      far.push(Math.hypot((p[0] as number) - (q[0] as number), (p[1] as number) - (q[1] as number)));
      unlike.push(value);
    }
  }
  return Math.abs(correlation(ranks(far), ranks(unlike)));
}

/* Ranks with ties at their mean. */
export function ranks(values: number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => (values[i] as number) - (values[j] as number));
  const out = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1] as number] === values[order[start] as number]) end++;
    for (let k = start; k <= end; k++) out[order[k] as number] = (start + end) / 2;
    start = end + 1;
  }
  return out;
}

export function correlation(x: number[], y: number[]): number {
  const mean = (v: number[]): number => v.reduce((sum, one) => sum + one, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((one, i) => {
    const [dx, dy] = [one - mx, (y[i] as number) - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  return xx && yy ? xy / Math.sqrt(xx * yy) : 0;
}
