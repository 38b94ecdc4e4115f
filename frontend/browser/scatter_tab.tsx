/* Any number against any other: a point for each checkpoint, or for each pair. */

import type { Column, Matrix } from "./arrays";
import { ALONE, groupColours } from "./colour";
import { chosenColumns } from "./drawn";
import { setAside } from "./aside";
import { useStore } from "./hooks";
import { DistributionPicture } from "./distribution_picture";
import { Groups } from "./matrix_tab";
import { number } from "./numbers";
import { DISTRIBUTION, chosenQuantities, isOfPairs, quantitiesOf, spread, type Quantity } from "./quantities";
import { runsOf } from "./runs";
import { Scatter, type Path, type Point } from "./scatter";
import type { Store } from "./store";
import { Trouble, ViewLink } from "./words";

/* More points are a cloud, and slow. */
const MOST_POINTS = 2500;
/* Bars of more points cover one another. */
const MOST_BARS = 150;
const BETWEEN = "between groups";
const BETWEEN_COLOUR = "#697386";

export function ScatterTab() {
  const store = useStore();
  const all = quantitiesOf(store);
  const first = chosenColumns(store).map((column) => column.id);
  const chosen = chosenQuantities(all, store.view.x, store.view.y, first);
  if (store.hasNumbers && !store.models.value) {
    return store.models.error ? <Trouble>{store.models.error}</Trouble> : <div class="skeleton matrix-skeleton" aria-busy="true" />;
  }
  const lone = all.find((one) => one.id === store.view.x && !isOfPairs(one)) ?? all.find((one) => !isOfPairs(one));
  if (lone && (store.view.y === DISTRIBUTION || !chosen)) return <Picture all={all} x={lone} y={null} />;
  if (!chosen) {
    return (
      <div class="empty">
        <h2>Nothing to set against one another</h2>
        <p class="quiet">A measure of single models, or two of pairs, are needed: add one to this comparison.</p>
      </div>
    );
  }
  return <Picture all={all} x={chosen[0]} y={chosen[1]} />;
}

function Picture({ all, x, y }: { all: Quantity[]; x: Quantity; y: Quantity | null }) {
  const store = useStore();
  const pick = (axis: "x" | "y", id: string): void => {
    const other = axis === "x" ? y : x;
    const now = all.find((one) => one.id === id);
    if (!now) return store.show({ x: x.id, y: DISTRIBUTION });
    if (!other) return store.show({ x: id, y: isOfPairs(now) ? "" : DISTRIBUTION });
    const stays = isOfPairs(now) === isOfPairs(other) && now.id !== other.id;
    const [opposite] = all.filter((one) => isOfPairs(one) === isOfPairs(now) && one.id !== now.id);
    const rest = stays ? other.id : now.id === other.id ? (axis === "x" ? x.id : (y?.id ?? "")) : (opposite?.id ?? "");
    store.show(axis === "x" ? { x: id, y: rest } : { x: rest, y: id });
  };
  return (
    <div class="picture">
      <div class="picture-head">
        <h2>One number against another</h2>
      </div>
      <div class="axes-chosen">
        <Axis title="Across" all={all} shown={x} pick={(id) => pick("x", id)} />
        <Axis title="Up" all={all} shown={y} pick={(id) => pick("y", id)} hasDistribution={!isOfPairs(x)} />
        {y && (
          <button type="button" class="chip" onClick={() => store.show({ x: y.id, y: x.id })}>
            Swap axes
          </button>
        )}
      </div>
      {!y ? <DistributionPicture of={x} /> : isOfPairs(x) ? <OfPairs x={x} y={y} /> : <OfModels x={x} y={y} />}
    </div>
  );
}

export function Axis(props: {
  title: string;
  all: Quantity[];
  shown: Quantity | null;
  pick: (id: string) => void;
  hasDistribution?: boolean;
}) {
  const kinds: [string, Quantity[]][] = [
    ["Of each checkpoint", props.all.filter((one) => !isOfPairs(one))],
    ["Of each pair", props.all.filter(isOfPairs)],
  ];
  return (
    <label class="setting">
      {props.title}
      <select
        class="select"
        aria-label={props.title}
        value={props.shown?.id ?? DISTRIBUTION}
        onChange={(event) => props.pick((event.currentTarget as HTMLSelectElement).value)}
      >
        {props.hasDistribution && <option value={DISTRIBUTION}>Share of checkpoints with at most this</option>}
        {kinds
          .filter(([, some]) => some.length > 1 || some.some((one) => one.id === props.shown?.id))
          .map(([name, some]) => (
            <optgroup label={name}>
              {some.map((one) => (
                <option value={one.id}>{one.title}</option>
              ))}
            </optgroup>
          ))}
      </select>
    </label>
  );
}

function Drawn(props: { x: Quantity; y: Quantity; points: Point[]; total: number; colours: Map<string, string>; paths?: Path[] }) {
  const { x, y, points, total } = props;
  const what = isOfPairs(x) ? "pairs" : "checkpoints";
  if (!points.length) return <p class="quiet">None of the {what} has both numbers yet.</p>;
  return (
    <>
      <div class="under-matrix">
        <Groups colours={props.colours} />
      </div>
      <Scatter
        points={points}
        colours={props.colours}
        x={{ title: x.title, isShown: true }}
        y={{ title: y.title, isShown: true }}
        height={Math.max(380, Math.min(640, window.innerHeight - 300))}
        label={`${y.title} against ${x.title}`}
        paths={props.paths ?? []}
      />
      <p class="quiet">
        {points.length < total ? `${points.length} of ${total} ${what}, evenly chosen. ` : `${total} ${what} with both numbers. `}
        {points.length <= MOST_BARS ? "Lines through points are 95 % intervals. " : ""}
        {props.paths?.length ? "Arrows follow training runs. " : ""}
      </p>
      <p>
        <ViewLink to={{ tab: isOfPairs(x) ? "agreement" : "associations" }}>Whether they go together, with a test</ViewLink>
      </p>
    </>
  );
}

function OfModels({ x, y }: { x: Quantity; y: Quantity }) {
  const store = useStore();
  const table = store.models.value;
  const [first, second] = [x.column as Column, y.column as Column];
  if (!table) return null;
  const { groups } = store;
  const aside = new Set(setAside(store));
  const points: Point[] = table.ids.flatMap((id, i) => {
    const [px, py] = [first.values[i] as number, second.values[i] as number];
    if (aside.has(i) || !Number.isFinite(px) || !Number.isFinite(py)) return [];
    const told = [`${x.title} ${number(px)}`, `${y.title} ${number(py)}`];
    return [{ id, label: table.labels[i] as string, group: groups[i] ?? "", x: px, y: py, xBar: bar(first, i), yBar: bar(second, i), told }];
  });
  const colours = groupColours(groups);
  const paths = runsOf(table.ids.flatMap((id) => store.checkpoints.get(id) ?? [])).map((run) => {
    const i = table.ids.indexOf(run.ids[0] as number);
    return { ids: run.ids, colour: colours.get(groups[i] ?? "") ?? ALONE };
  });
  const shown = points.length > MOST_BARS ? points.map((one) => ({ ...one, xBar: undefined, yBar: undefined })) : points;
  return <Drawn x={x} y={y} points={spread(shown, MOST_POINTS)} total={points.length} colours={colours} paths={paths} />;
}

function bar(of: { low: ArrayLike<number>; high: ArrayLike<number> }, k: number): [number, number] | undefined {
  return Number.isNaN(of.low[k] as number) ? undefined : [of.low[k] as number, of.high[k] as number];
}

function OfPairs({ x, y }: { x: Quantity; y: Quantity }) {
  const store = useStore();
  const [one, other] = [x, y].map((of) => store.matrixOf(of.asked as NonNullable<Quantity["asked"]>, of.layer, "raw"));
  const error = one?.error || other?.error;
  if (error) return <Trouble>{error}</Trouble>;
  if (!one?.value || !other?.value) return <div class="skeleton matrix-skeleton" aria-busy="true" />;
  const { points, total } = pairPoints(store, [x, y], [one.value, other.value]);
  const colours = new Map([...groupColours(store.groups), [BETWEEN, BETWEEN_COLOUR] as [string, string]]);
  return <Drawn x={x} y={y} points={points} total={total} colours={colours} />;
}

/* A point for each pair with both numbers: of measures that have a direction, one for each. */
function pairPoints(store: Store, [x, y]: [Quantity, Quantity], [a, b]: [Matrix, Matrix]): { points: Point[]; total: number } {
  const aside = new Set(setAside(store));
  const isOneWay = [x, y].every((of) => store.cards.get(of.asked?.slug ?? "")?.symmetric);
  const places: [number, number][] = [];
  for (let i = 0; i < a.rows; i++) {
    for (let j = isOneWay ? i + 1 : 0; j < a.rows; j++) {
      const k = i * a.columns + j;
      const isThere = Number.isFinite(a.values[k] as number) && Number.isFinite(b.values[k] as number);
      if (i !== j && isThere && !aside.has(i) && !aside.has(j)) places.push([i, j]);
    }
  }
  const { ids, labels } = a.header;
  const hasBars = places.length <= MOST_BARS;
  const points = spread(places, MOST_POINTS).map(([i, j]): Point => {
    const k = i * a.columns + j;
    const [px, py] = [a.values[k] as number, b.values[k] as number];
    const [mine, others] = [store.groups[i] ?? "", store.groups[j] ?? ""];
    return {
      id: k,
      pair: [ids[i] as number, ids[j] as number],
      label: `${labels[i]} and ${labels[j]}`,
      group: mine === others ? mine : BETWEEN,
      x: px,
      y: py,
      xBar: hasBars ? bar(a, k) : undefined,
      yBar: hasBars ? bar(b, k) : undefined,
      told: [`${x.title} ${number(px)}`, `${y.title} ${number(py)}`],
    };
  });
  return { points, total: places.length };
}
