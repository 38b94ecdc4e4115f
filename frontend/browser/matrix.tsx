/* The matrix that is pointed at, walked by keyboard, dragged over and selected from. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Drawn, Plan } from "./painting";
import { cellAt, paint, paintOver, planOf } from "./painting";
import { useStore, useWidth } from "./hooks";
import { number } from "./numbers";
import { blockRuns } from "./block_runs";
import { blockText, BY, type Window } from "./view";
import { panned, zoomed, zoomText } from "./zoom";

const LEAST_HEIGHT = 420;
/* What stands below the picture. */
const BELOW = 64;
/* A shorter way with the pointer down is a click. */
const DRAG = 6;
/* Pixels of a wheel that are one step. */
const NOTCH = 40;

type Cell = [number, number];

export interface Pointed {
  row: number;
  column: number;
  beside: number;
}

/* What a place says when pointed at, as lines; the first is its name. */
export function told(drawn: Drawn, at: Pointed): string[] {
  const label = (position: number | undefined): string => drawn.labels[position as number] as string;
  const i = drawn.order[drawn.window.rows[0] + at.row] as number;
  if (at.beside >= 0) return toldColumn(drawn, at, i, label);
  const j = drawn.order[drawn.window.columns[0] + at.column] as number;
  if (at.row < 0) return [label(j)];
  if (at.column < 0) return [label(i), drawn.groups[i] || "no group"];
  if (i === j) return [label(i), "the same checkpoint"];
  const k = i * drawn.matrix.columns + j;
  const value = drawn.matrix.values[k] as number;
  const name = `${label(i)} · ${label(j)}`;
  if (Number.isNaN(value)) {
    return [name, drawn.matrix.header.reasons[drawn.matrix.told?.[k] ?? -1]?.sentence ?? "Not computed."];
  }
  const lines = [name, number(value)];
  const [low, high] = [drawn.matrix.low[k] as number, drawn.matrix.high[k] as number];
  if (!Number.isNaN(low)) lines.push(`95 % interval ${number(low)} to ${number(high)}`);
  if (drawn.scale.isBeyond(value)) lines.push("Beyond the end of the colours.");
  return lines;
}

function toldColumn(drawn: Drawn, at: Pointed, i: number, label: (position: number) => string): string[] {
  const column = drawn.columns[at.beside];
  const title = drawn.titles[at.beside] as string;
  if (!column) return [];
  if (at.row < 0) return [title, "Click to order by it, again to turn the order round."];
  const value = column.values[i] as number;
  if (Number.isNaN(value)) return [label(i), title, column.reasons.get(i)?.sentence ?? "Not computed."];
  const lines = [label(i), `${title} ${number(value)}`];
  if (!Number.isNaN(column.low[i] as number)) {
    lines.push(`95 % interval ${number(column.low[i] as number)} to ${number(column.high[i] as number)}`);
  }
  return lines;
}

function measurer(): (text: string) => number {
  const context = new OffscreenCanvas(1, 1).getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.font = "11px Inter, system-ui, sans-serif";
  return (text) => context.measureText(text).width;
}

function sized(canvas: HTMLCanvasElement, plan: Plan): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(plan.width * ratio), Math.round(plan.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

export function MatrixView({ drawn, title, least = LEAST_HEIGHT }: { drawn: Drawn; title: string; least?: number }) {
  const store = useStore();
  const [room, width] = useWidth<HTMLDivElement>();
  const cells = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const [pointed, point] = useState<(Pointed & { x: number; y: number }) | null>(null);
  const [cursor, setCursor] = useState<Cell | null>(null);
  // Keys may come faster than what they do is drawn.
  const latest = useRef<Cell | null>(null);
  const move = (to: Cell | null): void => {
    latest.current = to;
    setCursor(to);
  };
  // The first corner of a block that is chosen by keyboard.
  const [corner, setCorner] = useState<Cell | null>(null);
  const [drag, pull] = useState<{ from: Cell; to: Cell } | null>(null);
  // How far the wheel was turned since it last did something.
  const rolled = useRef(0);
  const started = useRef<{ x: number; y: number } | null>(null);
  const measure = useMemo(measurer, []);
  const above = room.current ? room.current.getBoundingClientRect().top + window.scrollY : 0;
  const height = Math.max(least, window.innerHeight - above - BELOW);
  const plan = useMemo(
    () => (width ? planOf(drawn, { width, height }, measure) : null),
    [drawn, width, height, measure],
  );
  const ids = drawn.matrix.header.ids;
  const place = (id: number): number => drawn.order.indexOf(ids.indexOf(id));
  const { a, b, block } = store.view;

  useEffect(() => {
    if (!plan || !cells.current) return;
    paint(sized(cells.current, plan), drawn, plan);
    const { header } = drawn.matrix;
    const layer = header.layer ? `@${header.layer}` : "";
    cells.current.dataset.drawn = `${header.measure}${layer} ${store.view.order}${store.view.way === "up" ? ":up" : ""} ${header.version}`;
    cells.current.dataset.tree = String(drawn.tree.length);
    cells.current.dataset.colours = `${drawn.scale.kind} ${store.view.reading} ${drawn.sure}`;
  }, [plan, drawn]);

  useEffect(() => {
    if (!plan || !over.current) return;
    const [row, column] = [drawn.window.rows[0], drawn.window.columns[0]];
    const both: Cell[] = a && b ? [[place(a), place(b)], [place(b), place(a)]] : [];
    const isSeen = ([y, x]: Cell): boolean => y >= row && y < row + plan.rows && x >= column && x < column + plan.columns;
    paintOver(sized(over.current, plan), drawn, plan, {
      selected: both.filter(isSeen).map(([y, x]) => [y - row, x - column]),
      rows: a && !b && place(a) >= row ? [place(a) - row] : [],
      cursor,
      blocks: drag ? [blockOf(drag.from, drag.to)] : corner && cursor ? [blockOf(corner, cursor)] : blockRuns(block, ids, drawn.order, drawn.window),
    });
    over.current.dataset.selected = `${a} ${b}`;
    over.current.dataset.block = block;
  }, [plan, drawn, a, b, block, cursor, corner, drag]);

  const idAt = (position: number, axis: "rows" | "columns"): number =>
    ids[drawn.order[drawn.window[axis][0] + position] as number] as number;

  const choose = (at: Pointed): void => {
    if (at.beside >= 0 && at.row < 0) return store.show(store.orderedBy(BY + (drawn.columns[at.beside]?.id ?? "")));
    const row = at.row >= 0 ? idAt(at.row, "rows") : idAt(at.column, "columns");
    const column = at.row >= 0 && at.column >= 0 ? idAt(at.column, "columns") : 0;
    const [first, second] = row === column ? [row, 0] : [row, column];
    const isThere = first === a && second === b;
    return store.show({ block: "", ...(isThere ? { a: 0, b: 0 } : { a: first, b: second }) });
  };

  const chooseBlock = (one: Cell, other: Cell): void => {
    const chosen = blockOf(one, other);
    const idsIn = (axis: "rows" | "columns"): number[] =>
      Array.from({ length: chosen[axis][1] - chosen[axis][0] }, (_, k) => idAt(chosen[axis][0] + k, axis));
    // Its numbers stand beside the matrix, where there is a side.
    const tab = store.tab().sides ? store.view.tab : "matrix";
    store.show({ tab, a: 0, b: 0, block: blockText({ rows: idsIn("rows"), columns: idsIn("columns") }) });
  };

  const where = (event: MouseEvent): { x: number; y: number; at: Pointed | null } => {
    const box = (over.current as HTMLCanvasElement).getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return { x, y, at: plan && cellAt(plan, x, y) };
  };

  const onMove = (event: PointerEvent): void => {
    const { x, y, at } = where(event);
    point(at && { ...at, x, y });
    const from = started.current && plan && cellAt(plan, started.current.x, started.current.y);
    if (from && at && Math.min(from.row, from.column, at.row, at.column) >= 0 && event.buttons === 1) {
      const far = Math.hypot(x - (started.current?.x ?? 0), y - (started.current?.y ?? 0)) > DRAG;
      if (far || drag) pull({ from: [from.row, from.column], to: [at.row, at.column] });
    }
  };

  const stop = (): void => {
    started.current = null;
    pull(null);
  };

  // Another picture below the pointer is not what was dragged over.
  useEffect(stop, [drawn.matrix, drawn.order.join()]);

  const onUp = (event: PointerEvent): void => {
    if (!started.current || event.button !== 0) return;
    const { at } = where(event);
    started.current = null;
    if (drag) {
      chooseBlock(drag.from, drag.to);
      pull(null);
      move(null);
    } else if (at) choose(at);
  };

  const onKey = (event: KeyboardEvent): void => {
    if (!plan || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Record<string, Cell> = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    };
    const step = steps[event.key];
    if (step) {
      const far = event.shiftKey ? 10 : 1;
      const clamp = (v: number, most: number): number => Math.min(most - 1, Math.max(0, v));
      const [row, column] = latest.current ?? [0, 0];
      move(latest.current ? [clamp(row + step[0] * far, plan.rows), clamp(column + step[1] * far, plan.columns)] : [0, 1]);
      event.preventDefault();
    } else if (event.key === "Enter" && latest.current) {
      choose({ row: latest.current[0], column: latest.current[1], beside: -1 });
      event.preventDefault();
    } else if (event.key === "+" || event.key === "-") {
      const [row, column] = latest.current ?? [-1, -1];
      zoomAt({ row, column, beside: -1 }, event.key === "+");
    } else if (event.key === "b" && latest.current) {
      if (corner) chooseBlock(corner, latest.current);
      setCorner(corner ? null : latest.current);
    }
  };

  const zoom = (next: Window): void => {
    const text = zoomText(next, drawn.order.length);
    if (text !== store.view.zoom) store.show({ zoom: text }, "replace");
  };
  const zoomAt = (at: Pointed | null, inward: boolean): void => {
    const { rows, columns } = drawn.window;
    const row = rows[0] + (at && at.row >= 0 ? at.row + 0.5 : (rows[1] - rows[0]) / 2);
    const column = columns[0] + (at && at.column >= 0 ? at.column + 0.5 : (columns[1] - columns[0]) / 2);
    zoom(zoomed(drawn.window, drawn.order.length, [row, column], inward));
  };
  // With Ctrl, as by two fingers, the wheel zooms; in a part of the matrix it moves over the whole.
  useEffect(() => {
    const canvas = over.current;
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey && !store.view.zoom) return;
      event.preventDefault();
      rolled.current += event.deltaY || event.deltaX;
      if (Math.abs(rolled.current) < NOTCH) return;
      const isBack = rolled.current < 0;
      rolled.current = 0;
      if (event.ctrlKey || event.metaKey) return zoomAt(where(event).at, isBack);
      const isAcross = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const by = isBack ? -1 : 1;
      zoom(panned(drawn.window, drawn.order.length, isAcross ? 0 : by, isAcross ? by : 0));
    };
    canvas?.addEventListener("wheel", onWheel, { passive: false });
    return () => canvas?.removeEventListener("wheel", onWheel);
  });

  const spoken = cursor ? told(drawn, { row: cursor[0], column: cursor[1], beside: -1 }).join(", ") : "";
  const lines = pointed && !drag ? told(drawn, pointed) : [];
  return (
    <div class="matrix-room" ref={room} style={{ minHeight: `${least}px` }}>
      {plan && (
        <div
          class="matrix"
          style={{ width: `${plan.width}px`, height: `${plan.height}px` }}
          tabIndex={0}
          role="application"
          aria-roledescription="matrix"
          aria-label={`${title}: ${plan.rows} by ${plan.columns} checkpoints. Arrow keys move, Enter selects.`}
          onKeyDown={onKey}
          onBlur={() => {
            move(null);
            setCorner(null);
          }}
        >
          <canvas ref={cells} id="matrix-cells" style={{ width: `${plan.width}px`, height: `${plan.height}px` }} />
          <canvas
            ref={over}
            id="matrix-over"
            data-x={plan.x}
            data-y={plan.y}
            data-cell={plan.cell}
            style={{ width: `${plan.width}px`, height: `${plan.height}px` }}
            onPointerMove={onMove}
            onPointerLeave={() => point(null)}
            onPointerDown={(event) => {
              if (event.button !== 0) return;
              const { x, y } = where(event);
              pull(null);
              started.current = { x, y };
              // So that a release beyond the edge is heard here too.
              if (event.isTrusted) over.current?.setPointerCapture(event.pointerId);
            }}
            onPointerUp={onUp}
            onPointerCancel={stop}
          />
          {pointed && lines.length > 0 && (
            <div
              class="hover-card"
              style={{ left: `${Math.min(pointed.x + 14, Math.max(0, width - 240))}px`, top: `${pointed.y + 16}px` }}
            >
              <b>{lines[0]}</b>
              {lines.slice(1).map((line) => (
                <div>{line}</div>
              ))}
            </div>
          )}
          <div class="visually-hidden" aria-live="polite">
            {spoken}
          </div>
        </div>
      )}
    </div>
  );
}

function blockOf(from: Cell, to: Cell): Window {
  const span = (one: number, other: number): [number, number] => [Math.min(one, other), Math.max(one, other) + 1];
  return { rows: span(from[0], to[0]), columns: span(from[1], to[1]) };
}
