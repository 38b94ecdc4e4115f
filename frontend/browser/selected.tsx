/* The right side: every number of the selected pair, or of the selected checkpoint, and who they are. */

import { get, queryOf } from "./api";
import type { Column } from "./arrays";
import { BlockPanel } from "./block";
import { groupColours } from "./colour";
import { useStore } from "./hooks";
import { number } from "./numbers";
import type { Store } from "./store";
import type { Checkpoint, PairCell, PairDifference } from "./types";
import { numbersOf } from "./view";
import { DifferenceOf, EstimateOf, Fact, Interval, Named, Trouble, ViewLink } from "./words";

const NEAREST = 5;

export function Selected() {
  const store = useStore();
  const { view } = store;
  if (!store.comparison || !store.tab().sides) return null;
  if (view.block) return <BlockPanel />;
  const first = store.checkpoints.get(view.a);
  const second = store.checkpoints.get(view.b);
  if (first && second && first !== second) return <Pair first={first} second={second} />;
  if (first) return <One checkpoint={first} />;
  return (
    <>
      <h2>Nothing selected</h2>
      <p class="quiet">
        Select a cell for all numbers of that pair, a name for all numbers of that checkpoint, or drag over cells for a
        block.
      </p>
    </>
  );
}

function Pair({ first, second }: { first: Checkpoint; second: Checkpoint }) {
  const store = useStore();
  const isApart = store.tab().selection;
  // A file and a link to one matrix have the numbers of matrices alone.
  const isHeld = store.place.isOffline || store.place.isOneMatrix;
  const { view } = store;
  return (
    <>
      <div class="selected-head">
        <h2>
          {first.name} · {second.name}
        </h2>
        <ViewLink className="close" to={{ a: 0, b: 0 }} title="Clear the selection">
          ×
        </ViewLink>
      </div>
      {isApart && !isHeld && (
        <ViewLink className="button" to={{ tab: "pair" }}>
          Open the pair
        </ViewLink>
      )}
      {!isHeld && <Reference />}
      {isApart && (isHeld ? <HeldNumbers a={view.a} b={view.b} /> : <PairNumbers a={view.a} b={view.b} />)}
      {[first, second].map((one) => (
        <Who checkpoint={one} />
      ))}
    </>
  );
}

/* The pair that the selected one is compared with, or the offer to pin it. */
function Reference() {
  const store = useStore();
  const { a, b, c, d } = store.view;
  const [first, second] = [store.checkpoints.get(c), store.checkpoints.get(d)];
  const pin = (
    <ViewLink
      className="button"
      to={{ c: a, d: b }}
      title="Then select another pair: every number shows the difference with its paired interval"
    >
      Pin as reference
    </ViewLink>
  );
  if (!first || !second || c === d) return pin;
  const drop = (
    <ViewLink className="close" to={{ c: 0, d: 0 }} title="Unpin">
      ×
    </ViewLink>
  );
  if (a === c && b === d) return <p class="quiet">Pinned. Select another pair to compare with it. {drop}</p>;
  return (
    <>
      <p class="quiet">
        Differences to {first.name} · {second.name} {drop}
      </p>
      {pin}
    </>
  );
}

/* The numbers of a pair as the matrices of a file have them: without ranks and notes. */
function HeldNumbers({ a, b }: { a: number; b: number }) {
  const store = useStore();
  const rows = store.pairwise.flatMap((asked) => {
    const layers = store.layersOf(asked);
    return (layers.length ? layers : [null]).map((layer) => ({ asked, layer, matrix: store.matrixOf(asked, layer, "raw").value }));
  });
  return (
    <table class="numbers">
      <tbody>
        {rows.map(({ asked, layer, matrix }) => {
          const k = matrix ? matrix.header.ids.indexOf(a) * matrix.columns + matrix.header.ids.indexOf(b) : 0;
          return (
            <tr>
              <td>
                <ViewLink to={{ tab: "matrix", measure: asked.key, layer: layer ?? "" }}>{store.titleOf(asked)}</ViewLink>
                <div class="quiet">{layer ?? ""}</div>
              </td>
              <td>
                <span class="number">{number(matrix ? (matrix.values[k] as number) : NaN)}</span>
                {matrix && !Number.isNaN(matrix.low[k] as number) && (
                  <Interval low={matrix.low[k] as number} high={matrix.high[k] as number} />
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function PairNumbers({ a, b }: { a: number; b: number }) {
  const store = useStore();
  const { c, d } = store.view;
  const path = `${store.path}/pair${queryOf({ a, b })}`;
  const part = store.part(path, () => get<PairCell[]>(path));
  const isCompared = store.checkpoints.has(c) && store.checkpoints.has(d) && c !== d && !(a === c && b === d);
  const gaps = isCompared ? differences(store, { a, b, c, d }) : [];
  if (!part.value) return part.error ? <Trouble>{part.error}</Trouble> : <Shown a={a} b={b} />;
  return (
    <div class="scroll">
      <table class="numbers">
        <thead>
          <tr>
            <th scope="col">Measure</th>
            <th scope="col">Value, 95 % interval</th>
            <th scope="col">Rank</th>
          </tr>
        </thead>
        <tbody>
          {part.value.map((cell) => (
            <tr>
              <td>
                <ViewLink to={{ tab: "matrix", measure: cell.measure, layer: cell.layer ?? "" }}>
                  <Named slug={cell.slug}>{store.cards.get(cell.slug)?.title ?? cell.measure}</Named>
                </ViewLink>
                <div class="quiet">{cell.layer ?? ""}</div>
              </td>
              <td>
                <EstimateOf cell={cell.cell} />
                {gaps
                  .filter((gap) => gap.measure === cell.measure && gap.layer === cell.layer)
                  .map((gap) => (
                    <DifferenceOf gap={gap} />
                  ))}
              </td>
              <td class="quiet" title="rank among all pairs, 1 is most alike">
                {cell.rank ? `${cell.rank}/${cell.of}` : ""}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function differences(store: Store, pairs: { a: number; b: number; c: number; d: number }): PairDifference[] {
  const path = `${store.path}/differences${queryOf(pairs)}`;
  return store.part(path, () => get<PairDifference[]>(path)).value ?? [];
}

/* While the other numbers come: the one that is on the screen already. */
function Shown({ a, b }: { a: number; b: number }) {
  const store = useStore();
  const measure = store.measure;
  const matrix = measure && store.matrixOf(measure, store.layerOf(measure)).value;
  if (!measure || !matrix) return <div class="skeleton side-skeleton" aria-busy="true" />;
  const [i, j] = [matrix.header.ids.indexOf(a), matrix.header.ids.indexOf(b)];
  const k = i * matrix.columns + j;
  return (
    <table class="numbers">
      <tbody>
        <tr>
          <td>{store.card(measure).title}</td>
          <td>
            <span class="number">{number(matrix.values[k] as number)}</span>
            {!Number.isNaN(matrix.low[k] as number) && (
              <Interval low={matrix.low[k] as number} high={matrix.high[k] as number} />
            )}
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function Who({ checkpoint, isAlone }: { checkpoint: Checkpoint; isAlone?: boolean }) {
  const store = useStore();
  const colour = groupColours(store.groups).get(checkpoint.group);
  const tags = Object.entries(checkpoint.tags).map(([k, v]) => `${k}=${v}`);
  return (
    <>
      {!isAlone && (
        <h2>
          <ViewLink to={{ a: checkpoint.id, b: 0 }}>{checkpoint.name}</ViewLink>
        </h2>
      )}
      <Fact name="Group">
        <i class="swatch" style={{ background: colour }} />
        {checkpoint.group || "none"}
      </Fact>
      <Fact name="Architecture">{checkpoint.architecture ?? checkpoint.level}</Fact>
      {checkpoint.level === "network" && checkpoint.verification && (
        <Fact name="Outputs">
          <span title={checkpoint.verification.sentence}>{checkpoint.verification.verdict}</span>
        </Fact>
      )}
      <Fact name="Parameters">{checkpoint.parameters?.toLocaleString("en") ?? "–"}</Fact>
      {checkpoint.parent && <Fact name="Parent">{checkpoint.parent}</Fact>}
      {checkpoint.teacher && <Fact name="Teacher">{checkpoint.teacher}</Fact>}
      {tags.length > 0 && <Fact name="Tags">{tags.join(" ")}</Fact>}
      {checkpoint.notes && <p class="notes quiet">{checkpoint.notes}</p>}
    </>
  );
}

function One({ checkpoint }: { checkpoint: Checkpoint }) {
  const store = useStore();
  const { value: table, error } = store.models;
  const row = store.comparison?.checkpoints.indexOf(checkpoint.id) ?? -1;
  const aside = numbersOf(store.view.aside);
  const others = aside.includes(checkpoint.id)
    ? aside.filter((id) => id !== checkpoint.id)
    : [...aside, checkpoint.id];
  return (
    <>
      <div class="selected-head">
        <h2>{checkpoint.name}</h2>
        <ViewLink className="close" to={{ a: 0, b: 0 }} title="Clear the selection">
          ×
        </ViewLink>
      </div>
      <Who checkpoint={checkpoint} isAlone />
      {!store.place.isShared && !store.place.isOffline && (
        <a class="button" href={`/checkpoint/${checkpoint.id}`}>
          Open the checkpoint
        </a>
      )}
      <ViewLink className="button" to={{ aside: others.join(",") }}>
        {aside.includes(checkpoint.id) ? "Show it again" : "Set aside"}
      </ViewLink>
      <Neighbours id={checkpoint.id} />
      {store.hasNumbers && <h2>Its numbers</h2>}
      {error && <Trouble>{error}</Trouble>}
      {table && (
        <table class="numbers">
          <tbody>
            {table.columns.map((column) => (
              <ModelNumber column={column} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function ModelNumber({ column, row }: { column: Column; row: number }) {
  const store = useStore();
  const value = column.values[row] as number;
  const [low, high] = [column.low[row] as number, column.high[row] as number];
  return (
    <tr>
      <td>
        <Named slug={column.slug}>{store.columnTitle(column)}</Named>
      </td>
      <td>
        {Number.isNaN(value) ? (
          <span class="quiet">{column.reasons.get(row)?.sentence ?? "–"}</span>
        ) : (
          <span class="number" title={String(value)}>
            {number(value)}
          </span>
        )}
        {!Number.isNaN(low) && <Interval low={low} high={high} />}
      </td>
    </tr>
  );
}

/* Who is nearest by the measure that is shown. */
function Neighbours({ id }: { id: number }) {
  const store = useStore();
  const measure = store.measure;
  const matrix = measure && store.matrixOf(measure, store.layerOf(measure)).value;
  if (!measure || !matrix) return null;
  const card = store.card(measure);
  const i = matrix.header.ids.indexOf(id);
  const sign = card.direction.startsWith("higher") ? -1 : 1;
  const apart = (v: number): number => (card.direction.startsWith("nearer") ? Math.abs(v) : sign * v);
  const near = matrix.header.ids
    .map((other, j) => ({ other, value: matrix.values[i * matrix.columns + j] as number }))
    .filter((one) => one.other !== id && Number.isFinite(one.value))
    .sort((x, y) => apart(x.value) - apart(y.value))
    .slice(0, NEAREST);
  return (
    <>
      <h2>Nearest by {card.title}</h2>
      <table class="numbers">
        <tbody>
          {near.map(({ other, value }) => (
            <tr>
              <td>
                <ViewLink to={{ a: id, b: other }}>{store.checkpoints.get(other)?.name ?? String(other)}</ViewLink>
              </td>
              <td class="number">{number(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
