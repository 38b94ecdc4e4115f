/* The first answer: one functional matrix, columns of sharpness, calibration and accuracy, and what the numbers say. */

import { useMemo, useState } from "preact/hooks";
import { get } from "./api";
import type { Column, Matrix } from "./arrays";
import { groupColours } from "./colour";
import { chosenColumns, drawnOf } from "./drawn";
import { setAside } from "./aside";
import { useStore } from "./hooks";
import { MatrixView } from "./matrix";
import { Marks, Outliers, Top } from "./matrix_tab";
import { number } from "./numbers";
import { Scatter, type Point } from "./scatter";
import type { AskedMeasure } from "./types";
import type { View } from "./view";
import { Trouble, ViewLink } from "./words";

/* A lower scatter cannot be read. */
const LEAST = 210;

interface Sentence {
  topic: string;
  text: string;
  view: Partial<View>;
}

export interface Answer {
  measure: string;
  layer: string | null;
  columns: string[];
  x: string;
  y: string;
  sentences: Sentence[];
  untold: string[];
}

export function Summary() {
  const store = useStore();
  const path = `${store.path}/answer`;
  const part = store.part(path, () => get<Answer>(path));
  const answer = part.value;
  const asked = store.pairwise.find((m) => m.key === answer?.measure) ?? store.measure;
  const layer = asked && (answer?.measure === asked.key ? answer.layer : store.layerOf(asked));
  const matrix = asked && store.matrixOf(asked, layer);
  return (
    <div class="summary">
      <div class="summary-matrix">
        {asked && matrix?.value ? (
          <SummaryMatrix asked={asked} matrix={matrix.value} columns={columnsOf(store.models.value?.columns ?? [], answer)} />
        ) : matrix?.error ? (
          <Trouble>{matrix.error}</Trouble>
        ) : asked ? (
          <div class="skeleton matrix-skeleton" aria-busy="true" />
        ) : (
          <p class="quiet">This comparison asked about single models only.</p>
        )}
      </div>
      <div class="summary-words">
        <h2>What the numbers say</h2>
        {part.error && <Trouble>{part.error}</Trouble>}
        {!answer && !part.error && <div class="skeleton side-skeleton" aria-busy="true" />}
        {answer && (
          <ul class="answers">
            {answer.sentences.map((sentence) => (
              <li>
                <ViewLink to={sentence.view} className="answer">
                  <b>{sentence.topic}</b> {sentence.text}
                </ViewLink>
              </li>
            ))}
          </ul>
        )}
        {answer && answer.untold.length > 0 && (
          <details class="untold">
            <summary>Not answered here</summary>
            {answer.untold.map((line) => (
              <p class="quiet">{line}</p>
            ))}
          </details>
        )}
        {answer?.x && answer.y && <TwoColumns x={answer.x} y={answer.y} />}
      </div>
    </div>
  );
}

function columnsOf(all: Column[], answer: Answer | null): Column[] {
  return (answer?.columns ?? []).flatMap((id) => all.filter((column) => column.id === id).slice(0, 1));
}

function SummaryMatrix({ asked, matrix, columns }: { asked: AskedMeasure; matrix: Matrix; columns: Column[] }) {
  const store = useStore();
  const { view } = store;
  const card = store.card(asked);
  const chosen = chosenColumns(store);
  const beside = columns.length && chosen.length ? columns : chosen;
  const drawn = useMemo(
    () => drawnOf(store, asked, matrix, beside),
    [matrix, beside.map((c) => c.id).join(), beside[0], view.order, view.scale, view.aside, view.zoom, store.scheme],
  );
  return (
    <>
      <Top asked={asked} card={card} drawn={drawn} />
      <MatrixView drawn={drawn} title={card.title} />
      <div class="zooms">
        <Outliers matrix={matrix} card={card} />
        {view.zoom && (
          <ViewLink className="chip" to={{ zoom: "" }}>
            Whole matrix
          </ViewLink>
        )}
      </div>
      <Marks />
    </>
  );
}

function TwoColumns({ x, y }: { x: string; y: string }) {
  const store = useStore();
  const table = store.models.value;
  const [first, second] = [x, y].map((id) => table?.columns.find((column) => column.id === id));
  const [room, fit] = useState<HTMLDivElement | null>(null);
  if (!table || !first || !second) return null;
  const above = room ? room.getBoundingClientRect().top + window.scrollY : 0;
  const height = Math.max(LEAST, Math.min(340, window.innerHeight - above - 16));
  const groups = store.groups;
  const colours = groupColours(groups);
  const aside = new Set(setAside(store));
  const bar = (column: Column, i: number): [number, number] | undefined =>
    Number.isNaN(column.low[i] as number) ? undefined : [column.low[i] as number, column.high[i] as number];
  const points: Point[] = table.ids.flatMap((id, i) => {
    const [px, py] = [first.values[i] as number, second.values[i] as number];
    if (aside.has(i) || !Number.isFinite(px) || !Number.isFinite(py)) return [];
    const told = [`${store.columnTitle(first)} ${number(px)}`, `${store.columnTitle(second)} ${number(py)}`];
    const label = table.labels[i] as string;
    return [{ id, label, group: groups[i] ?? "", x: px, y: py, xBar: bar(first, i), yBar: bar(second, i), told }];
  });
  if (!points.length) {
    return (
      <p class="quiet">
        {store.columnTitle(second)} against {store.columnTitle(first)}: no checkpoint has both numbers yet.
      </p>
    );
  }
  return (
    <div ref={fit}>
    <Scatter
      points={points}
      colours={colours}
      x={{ title: store.columnTitle(first), isShown: true }}
      y={{ title: store.columnTitle(second), isShown: true }}
      height={height}
      label={`${store.columnTitle(second)} against ${store.columnTitle(first)}`}
    />
    </div>
  );
}
