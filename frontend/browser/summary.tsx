/* The first answer: one functional matrix, columns of sharpness, calibration and accuracy, and what the numbers say. */

import { useMemo, useState } from "preact/hooks";
import { get } from "./api";
import type { Column, Matrix, ModelTable } from "./arrays";
import { groupColours } from "./colour";
import { Beside, ColumnTicks } from "./column_choice";
import { chosenColumns, drawnOf } from "./drawn";
import { setAside } from "./aside";
import { useStore } from "./hooks";
import { MatrixView } from "./matrix";
import { Marks, Outliers, Top } from "./matrix_tab";
import { number } from "./numbers";
import { chosenQuantities, isOfPairs, quantitiesOf } from "./quantities";
import { FIGURES, Saves } from "./saves";
import { Scatter, type Point } from "./scatter";
import { Axis } from "./scatter_tab";
import { Order } from "./settings";
import type { Store } from "./store";
import { saveMatrix, type FigureFormat } from "./take_away";
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
  const asked = store.pairwise.find((m) => m.key === (store.view.measure || answer?.measure)) ?? store.measure;
  const layer = asked && (answer?.measure === asked.key ? answer.layer : store.layerOf(asked));
  const matrix = asked && store.matrixOf(asked, layer);
  const columns = columnsOf(store, answer);
  return (
    <div class="summary">
      <div class="summary-matrix">
        {asked && <Steering asked={asked} columns={columns} />}
        {asked && matrix?.value ? (
          <SummaryMatrix asked={asked} matrix={matrix.value} columns={columns} />
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
        {answer && <TwoColumns x={answer.x} y={answer.y} />}
      </div>
    </div>
  );
}

/* What the answer is told with, where the reader has not chosen others; on a phone the matrix needs the room. */
function columnsOf(store: Store, answer: Answer | null): Column[] {
  const chosen = chosenColumns(store);
  const all = store.models.value?.columns ?? [];
  const told = (answer?.columns ?? []).flatMap((id) => all.filter((column) => column.id === id).slice(0, 1));
  return store.view.columns === "" && told.length && chosen.length ? told : chosen;
}

/* What the matrix is of, how it is ordered, and what stands beside it. */
function Steering({ asked, columns }: { asked: AskedMeasure; columns: Column[] }) {
  const store = useStore();
  return (
    <div class="settings steering">
      <label class="setting">
        Measure
        <select
          class="select"
          name="measure"
          value={asked.key}
          onChange={(event) => store.show({ measure: (event.currentTarget as HTMLSelectElement).value })}
        >
          {store.pairwise.map((one) => (
            <option value={one.key}>{store.titleOf(one)}</option>
          ))}
        </select>
      </label>
      <Order />
      {store.hasNumbers && <Beside />}
      {store.hasNumbers && <ColumnTicks shown={columns} />}
    </div>
  );
}

function SummaryMatrix({ asked, matrix, columns }: { asked: AskedMeasure; matrix: Matrix; columns: Column[] }) {
  const store = useStore();
  const { view } = store;
  const card = store.card(asked);
  const drawn = useMemo(
    () => drawnOf(store, asked, matrix, columns),
    [matrix, columns.map((c) => c.id).join(), columns[0], view.order, view.way, view.scale, view.aside, view.zoom, store.scheme],
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
        {store.place.mayExport && (
          <Saves names={FIGURES} save={(format) => saveMatrix(store, format as FigureFormat, { asked, matrix, columns })} />
        )}
      </div>
      <Marks />
    </>
  );
}

/* Two numbers of the checkpoints: those of the answer, or those that the view names. */
function TwoColumns(answered: { x: string; y: string }) {
  const store = useStore();
  const table = store.models.value;
  const all = quantitiesOf(store).filter((one) => !isOfPairs(one));
  const chosen = chosenQuantities(all, store.view.x, store.view.y, [answered.x, answered.y]);
  if (!table || !chosen) return null;
  const [x, y] = chosen;
  const pick = (axis: "x" | "y") => (id: string): void => {
    const [mine, others] = axis === "x" ? [x.id, y.id] : [y.id, x.id];
    // The same number twice would be a line: they change places.
    store.show({ [axis]: id, [axis === "x" ? "y" : "x"]: id === others ? mine : others });
  };
  return (
    <>
      <div class="axes-chosen">
        <Axis title="Across" all={all} shown={x} pick={pick("x")} />
        <Axis title="Up" all={all} shown={y} pick={pick("y")} />
      </div>
      <Two x={x.column as Column} y={y.column as Column} table={table} />
    </>
  );
}

function Two({ x: first, y: second, table }: { x: Column; y: Column; table: ModelTable }) {
  const store = useStore();
  const [room, fit] = useState<HTMLDivElement | null>(null);
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
