/* Points with groups, intervals and a selection: the map, and one number of models against another. */

import { useEffect, useRef, useState } from "preact/hooks";
import { framed, stepped, type Frame } from "./framing";
import { useStore, useWidth } from "./hooks";
import { number } from "./numbers";
import { FigureVerbs } from "./saves";

export interface Point {
  id: number;
  label: string;
  group: string;
  x: number;
  y: number;
  xBar?: [number, number];
  yBar?: [number, number];
  told: string[];
  /* A pair of checkpoints in place of one. */
  pair?: [number, number];
}

/* Points that belong together in this order, such as the steps of a run. */
export interface Path {
  ids: number[];
  colour: string;
}

interface Axis {
  title: string;
  isShown: boolean;
}

export const EDGE = { left: 72, right: 14, top: 12, bottom: 40 };
/* More names would hide the points. */
const MOST_NAMED = 40;
const NAME_ROOM = 13;
const LETTER = 6.4;
/* So many points are drawn smaller. */
const CROWD = 150;
/* On a phone. */
const NARROW = 480;
/* Pixels of a wheel that are one step. */
const NOTCH = 40;
/* Pixels of a step that has room for a head. */
const LONG = 26;

export function Scatter(props: {
  points: Point[];
  colours: Map<string, string>;
  x: Axis;
  y: Axis;
  height: number;
  isSquare?: boolean;
  label: string;
  paths?: Path[];
  frame?: Frame | null;
  onFrame?: (frame: Frame | null) => void;
}) {
  const store = useStore();
  const [room, width] = useWidth<HTMLDivElement>();
  const [pointed, point] = useState<Point | null>(null);
  const { height, onFrame } = props;
  const frame = props.frame ?? null;
  const edge = props.x.isShown ? EDGE : { left: 14, right: 14, top: 12, bottom: 12 };
  const inner = { width: Math.max(80, width - edge.left - edge.right), height: height - edge.top - edge.bottom };
  const whole = spansOf(props.points, props.isSquare ? inner : null);
  const spans = frame ? { x: framed(whole.x, frame.x, frame.zoom), y: framed(whole.y, frame.y, frame.zoom) } : whole;
  const isSeen = (one: Point): boolean => !frame || (within(one.x, spans.x) && within(one.y, spans.y));
  const points = props.points.filter(isSeen);
  const px = (v: number): number => edge.left + ((v - spans.x[0]) / (spans.x[1] - spans.x[0])) * inner.width;
  const py = (v: number): number => edge.top + inner.height - ((v - spans.y[0]) / (spans.y[1] - spans.y[0])) * inner.height;
  const { a, b } = store.view;
  const isChosen = (one: Point): boolean => (one.pair ? sameTwo(one.pair, a, b) : one.id === a || one.id === b);
  const choose = (one: Point): void => {
    if (one.pair) store.show({ a: one.pair[0], b: one.pair[1] });
    else store.show(one.id === a && !b ? { a: 0, b: 0 } : { a: one.id, b: 0 });
  };
  const zoom = (at: { x: number; y: number } | null, inward: boolean): void => onFrame?.(stepped(frame, whole, at, inward));
  useFraming(room, { frame, spans, edge, inner, zoom, onFrame });
  const size = points.length > CROWD ? 3 : 5;
  const named = points.length <= MOST_NAMED ? labelled(points, px, py) : new Set<number>();
  return (
    <div class="scatter" ref={room} style={{ height: `${height}px` }}>
      {width > 0 && (
        <svg width={width} height={height} role="group" aria-label={props.label} style={frame ? { overflow: "hidden" } : {}}>
          {props.x.isShown && <Axes spans={spans} px={px} py={py} titles={[props.x.title, props.y.title]} size={{ width, height }} />}
          {(props.paths ?? []).map((path) => (
            <Trail path={path} points={props.points} px={px} py={py} />
          ))}
          {points.map((one) => (
            <g class="bars">
              {one.xBar && <line x1={px(one.xBar[0])} x2={px(one.xBar[1])} y1={py(one.y)} y2={py(one.y)} />}
              {one.yBar && <line x1={px(one.x)} x2={px(one.x)} y1={py(one.yBar[0])} y2={py(one.yBar[1])} />}
            </g>
          ))}
          {points.map((one) => (
            <circle
              cx={px(one.x)}
              cy={py(one.y)}
              r={isChosen(one) ? size + 2 : size}
              fill={props.colours.get(one.group) ?? "#697386"}
              class={isChosen(one) ? "point chosen" : "point"}
              tabIndex={0}
              role="button"
              aria-label={[one.label, ...one.told].join(", ")}
              aria-pressed={isChosen(one)}
              onMouseEnter={() => point(one)}
              onMouseLeave={() => point(null)}
              onFocus={() => point(one)}
              onBlur={() => point(null)}
              onClick={() => choose(one)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" && event.key !== " ") return;
                event.preventDefault();
                choose(one);
              }}
            />
          ))}
          {points
            .filter((one) => named.has(one.id) || isChosen(one))
            .map((one) => (
              <Name of={one} x={px(one.x)} y={py(one.y)} width={width} />
            ))}
        </svg>
      )}
      <FigureVerbs />
      {onFrame && (
        <div class="frame-verbs" role="group" aria-label="Enlarge">
          <button type="button" class="chip" aria-label="Nearer" title="Nearer; Ctrl and the wheel too" onClick={() => zoom(middleOf(points), true)}>
            +
          </button>
          <button type="button" class="chip" aria-label="Farther" disabled={!frame} onClick={() => zoom(null, false)}>
            −
          </button>
          {frame && (
            <button type="button" class="chip" onClick={() => onFrame(null)}>
              Whole map ({points.length || "none"} of {props.points.length} seen)
            </button>
          )}
        </div>
      )}
      {pointed && (
        <div class="hover-card" style={{ left: `${Math.min(px(pointed.x) + 12, Math.max(0, width - 220))}px`, top: `${py(pointed.y) + 12}px` }}>
          <b>{pointed.label}</b>
          {pointed.told.map((line) => (
            <div>{line}</div>
          ))}
        </div>
      )}
    </div>
  );
}

/* The median of what is seen, so that enlarging leads to where most points are; nothing where none is. */
function middleOf(points: Point[]): { x: number; y: number } | null {
  const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
  return points.length ? { x: median(points.map((p) => p.x)), y: median(points.map((p) => p.y)) } : null;
}

const within = (v: number, [low, high]: [number, number]): boolean => v >= low && v <= high;

interface Framing {
  frame: Frame | null;
  spans: Spans;
  edge: { left: number; top: number };
  inner: { width: number; height: number };
  zoom: (at: { x: number; y: number } | null, inward: boolean) => void;
  onFrame?: (frame: Frame | null) => void;
}

/* Ctrl and the wheel enlarge about the pointer; an enlarged picture is dragged. */
function useFraming(room: { current: HTMLDivElement | null }, framing: Framing): void {
  const rolled = useRef(0);
  useEffect(() => {
    const holder = room.current;
    const { frame, spans, edge, inner, zoom, onFrame } = framing;
    if (!holder || !onFrame) return undefined;
    const unit = { x: (spans.x[1] - spans.x[0]) / inner.width, y: (spans.y[1] - spans.y[0]) / inner.height };
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      rolled.current += event.deltaY;
      if (Math.abs(rolled.current) < NOTCH) return;
      const isBack = rolled.current < 0;
      rolled.current = 0;
      const box = holder.getBoundingClientRect();
      const x = spans.x[0] + (event.clientX - box.left - edge.left) * unit.x;
      zoom({ x, y: spans.y[1] - (event.clientY - box.top - edge.top) * unit.y }, isBack);
    };
    const onMove = (event: PointerEvent): void => {
      if (!frame || event.buttons !== 1 || !(event.movementX || event.movementY)) return;
      onFrame({ ...frame, x: frame.x - event.movementX * unit.x, y: frame.y + event.movementY * unit.y });
    };
    holder.addEventListener("wheel", onWheel, { passive: false });
    holder.addEventListener("pointermove", onMove);
    return () => {
      holder.removeEventListener("wheel", onWheel);
      holder.removeEventListener("pointermove", onMove);
    };
  });
}

function sameTwo([p, q]: [number, number], a: number, b: number): boolean {
  return (p === a && q === b) || (p === b && q === a);
}

/* A line through the steps of a run; parts that are long enough have a head. */
function Trail(props: { path: Path; points: Point[]; px: (v: number) => number; py: (v: number) => number }) {
  const places = new Map(props.points.map((one) => [one.id, [props.px(one.x), props.py(one.y)] as const]));
  const along = props.path.ids.flatMap((id) => {
    const place = places.get(id);
    return place ? [place] : [];
  });
  const heads = along.slice(1).flatMap(([x1, y1], k) => {
    const [x0, y0] = along[k] as readonly [number, number];
    if (Math.hypot(x1 - x0, y1 - y0) < LONG) return [];
    const turn = (Math.atan2(y1 - y0, x1 - x0) * 180) / Math.PI;
    return [`translate(${(x0 + x1) / 2} ${(y0 + y1) / 2}) rotate(${turn}) translate(4 0)`];
  });
  return (
    <g class="trail" stroke={props.path.colour} fill={props.path.colour}>
      <polyline points={along.map((place) => place.join(",")).join(" ")} fill="none" />
      {heads.map((place) => (
        <path d="M0 0 L-9 -4 L-9 4 Z" transform={place} />
      ))}
    </g>
  );
}

export function Axes(props: {
  spans: Spans;
  px: (v: number) => number;
  py: (v: number) => number;
  titles: [string, string];
  size: { width: number; height: number };
}) {
  const { spans, px, py, size } = props;
  return (
    <g class="axes">
      {ticks(spans.x, size.width < NARROW ? 4 : 6).map((v) => (
        <>
          <line x1={px(v)} x2={px(v)} y1={EDGE.top} y2={size.height - EDGE.bottom} />
          <text x={px(v)} y={size.height - EDGE.bottom + 14} text-anchor="middle">
            {number(v)}
          </text>
        </>
      ))}
      {ticks(spans.y).map((v) => (
        <>
          <line x1={EDGE.left} x2={size.width - EDGE.right} y1={py(v)} y2={py(v)} />
          <text x={EDGE.left - 6} y={py(v) + 4} text-anchor="end">
            {number(v)}
          </text>
        </>
      ))}
      <text class="axis-title" x={(EDGE.left + size.width - EDGE.right) / 2} y={size.height - 6} text-anchor="middle">
        {props.titles[0]}
      </text>
      <text
        class="axis-title"
        transform={`translate(12 ${(EDGE.top + size.height - EDGE.bottom) / 2}) rotate(-90)`}
        text-anchor="middle"
      >
        {props.titles[1]}
      </text>
    </g>
  );
}

export interface Spans {
  x: [number, number];
  y: [number, number];
}

/* Ends of both axes with some room; the same unit on both where the picture is a map. */
function spansOf(points: Point[], square: { width: number; height: number } | null): Spans {
  const span = (values: number[]): [number, number] => {
    const known = values.filter(Number.isFinite);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    if (!known.length) return [0, 1];
    const room = high > low ? 0.06 * (high - low) : Math.max(0.5, Math.abs(low) * 0.05);
    return [low - room, high + room];
  };
  const x = span(points.flatMap((p) => [p.x, ...(p.xBar ?? [])]));
  const y = span(points.flatMap((p) => [p.y, ...(p.yBar ?? [])]));
  if (!square) return { x, y };
  const unit = Math.max((x[1] - x[0]) / square.width, (y[1] - y[0]) / square.height);
  const widened = (s: [number, number], room: number): [number, number] => {
    const middle = (s[0] + s[1]) / 2;
    return [middle - (unit * room) / 2, middle + (unit * room) / 2];
  };
  return { x: widened(x, square.width), y: widened(y, square.height) };
}

/* Round numbers between two, about so many. */
export function ticks([low, high]: [number, number], parts = 6): number[] {
  const rough = (high - low) / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10) * power;
  const out: number[] = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}

/* A name beside its point, on the left where the right has no room. */
function Name({ of, x, y, width }: { of: Point; x: number; y: number; width: number }) {
  const isLeft = x + LETTER * of.label.length + 8 > width && x > width / 2;
  return (
    <text class="point-name" x={isLeft ? x - 8 : x + 8} y={y + 4} text-anchor={isLeft ? "end" : "start"}>
      {of.label}
    </text>
  );
}

/* Names that do not lie on one another, the first come first. */
function labelled(points: Point[], px: (v: number) => number, py: (v: number) => number): Set<number> {
  const boxes: [number, number, number][] = [];
  const named = new Set<number>();
  for (const one of points) {
    const [x, y, wide] = [px(one.x), py(one.y), LETTER * one.label.length + 10];
    const isFree = boxes.every(([bx, by, bw]) => Math.abs(by - y) > NAME_ROOM || x > bx + bw || x + wide < bx);
    if (!isFree) continue;
    boxes.push([x, y, wide]);
    named.add(one.id);
  }
  return named;
}
