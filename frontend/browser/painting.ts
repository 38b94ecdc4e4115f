/* The matrix on a canvas: cells, dendrogram, group strips, labels, and columns of single models. */

import type { Column, Matrix } from "./arrays";
import { between, COLUMN, css, inkOn, type Rgb, type Scale } from "./colour";
import { fence, number } from "./numbers";
import { SvgContext } from "./svg";
import { paintColumns } from "./painting_columns";
import { paintClusters, paintReason, paintStrips, paintTree, stripsWidth } from "./painting_around";
import type { Strip } from "./strips";
import type { Band } from "./types";
import type { Window } from "./view";

export interface Look {
  ink: string;
  quiet: string;
  line: string;
  paper: string;
  blank: string;
  accent: string;
}

export const LOOKS: Record<string, Look> = {
  light: { ink: "#1d2430", quiet: "#5c677a", line: "#dfe3ea", paper: "#ffffff", blank: "#eef0f4", accent: "#d4472c" },
  dark: { ink: "#d7dce4", quiet: "#98a2b3", line: "#333b49", paper: "#161b23", blank: "#2a313d", accent: "#ff8a6b" },
};
export const FONT = "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif";
export const STRIP = 8;
export const GAP = 4;
export const TREE = 56;
/* A column of single models is as wide as there is room, from a mark to a number with its interval. */
const COLUMN_WIDTH = { least: 20, most: 56 };
const LABEL = 11;
/* Columns so wide have room for two lines of their title. */
const TWO_LINES = 26;
const LONGEST_LABEL = 24;
/* On a phone. */
const NARROW = 520;
const SHORT_LABEL = 13;
/* Smaller cells have no lines between them, still smaller ones no marks. */
export const LINED = 7;
export const MARKED = 5;
/* What the cells have of the width however many columns stand beside them. */
const LEAST_SHARE = 0.5;
/* So few cells are drawn larger. */
const FEW = 8;
const LARGE = 72;
const WITH_TEXT = 34;

export interface Plan {
  width: number;
  height: number;
  /* Left upper corner of the cells, and the size of one. */
  x: number;
  y: number;
  cell: number;
  rows: number;
  columns: number;
  /* Left edge of the first column of single models. */
  beside: number;
  count: number;
  /* Width of such a column. */
  step: number;
  hasTree: boolean;
  /* Longest name that is written. */
  letters: number;
}

export interface Drawn {
  matrix: Matrix;
  scale: Scale;
  /* Positions of the models, in order; only those in the window are drawn. */
  order: number[];
  window: Window;
  labels: string[];
  marks: string[];
  groups: string[];
  colours: Map<string, string>;
  strips: Strip[];
  /* The cluster of each model; empty where nothing is cut. */
  clusters: number[];
  tree: [number, number, number, number, number][];
  columns: Column[];
  titles: string[];
  sure: string;
  /* What pairs of independent seeds score, where cells like them are marked. */
  seeds: Band | null;
  look: Look;
  isSigned: boolean;
}

/* A title on one line or two, cut where even these are too short. */
export function halved(text: string, most: number): string[] {
  if (text.length <= most) return [text];
  const at = text.lastIndexOf(" ", most);
  return at > 0 ? [text.slice(0, at), short(text.slice(at + 1), most)] : [short(text, most)];
}

export function short(text: string, most = LONGEST_LABEL): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/* Where everything stands in a room of this width and height. */
export function planOf(drawn: Drawn, room: { width: number; height: number }, measure: (text: string) => number): Plan {
  const rows = drawn.window.rows[1] - drawn.window.rows[0];
  const columns = drawn.window.columns[1] - drawn.window.columns[0];
  const most = room.width < NARROW ? SHORT_LABEL : LONGEST_LABEL;
  const names = drawn.order.map((i) => measure(named(drawn, i, most)));
  const margin = 10 + Math.min(168, Math.max(24, ...names));
  const heads = drawn.titles.length ? Math.min(150, Math.max(...drawn.titles.map((t) => measure(short(t, most)))) + 10) : 0;
  const hasTree = drawn.tree.length > 0;
  const strips = stripsWidth(drawn);
  const x = margin + strips + GAP;
  const y = (hasTree ? TREE + GAP : 0) + strips + GAP;
  const count = drawn.columns.length;
  const least = count ? count * COLUMN_WIDTH.least + 14 : 0;
  const below = Math.max(margin, heads);
  const side = Math.max(columns, rows);
  // Columns beside may make the picture wider than its room, which then scrolls, but never the cells too small to see.
  const beside = Math.max(room.width - x - least - 4, Math.min(room.width - x - 4, LEAST_SHARE * room.width));
  const space = Math.min(beside, room.height - y - below);
  const fitted = Math.max(120, space) / side;
  const cell = fitted >= 3 ? Math.min(side <= FEW ? LARGE : 46, Math.floor(fitted)) : fitted;
  const free = Math.floor((room.width - x - cell * columns - 18) / Math.max(1, count));
  const step = Math.max(COLUMN_WIDTH.least, Math.min(COLUMN_WIDTH.most, free));
  const wide = count ? count * step + 14 : 0;
  return {
    width: Math.ceil(x + cell * columns + wide + 4),
    height: Math.ceil(y + cell * rows + below),
    x,
    y,
    cell,
    rows,
    columns,
    beside: x + cell * columns + 14,
    count,
    step,
    hasTree,
    letters: most,
  };
}

/* The position of the row and the column of the cell at a place, or of the row's name, or of a column beside. */
export function cellAt(plan: Plan, px: number, py: number): { row: number; column: number; beside: number } | null {
  const row = Math.floor((py - plan.y) / plan.cell);
  const column = Math.floor((px - plan.x) / plan.cell);
  const beside = Math.floor((px - plan.beside) / plan.step);
  const isRow = row >= 0 && row < plan.rows;
  if (isRow && column >= 0 && column < plan.columns) return { row, column, beside: -1 };
  if (isRow && beside >= 0 && beside < plan.count) return { row, column: -1, beside };
  if (isRow && px < plan.x) return { row, column: -1, beside: -1 };
  if (row >= plan.rows && beside >= 0 && beside < plan.count) return { row: -1, column: -1, beside };
  if (row >= plan.rows && column >= 0 && column < plan.columns) return { row: -1, column, beside: -1 };
  return null;
}

export function paint(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan, { keep = false } = {}): void {
  if (!keep) context.clearRect(0, 0, plan.width, plan.height);
  paintCells(context, drawn, plan);
  paintMarks(context, drawn, plan);
  paintStrips(context, drawn, plan);
  if (plan.hasTree) paintTree(context, drawn, plan);
  paintClusters(context, drawn, plan);
  paintColumns(context, drawn, plan);
  paintLabels(context, drawn, plan);
}

const at = (drawn: Drawn, row: number, column: number): number => {
  const i = drawn.order[drawn.window.rows[0] + row] as number;
  const j = drawn.order[drawn.window.columns[0] + column] as number;
  return i * drawn.matrix.columns + j;
};

const isSame = (drawn: Drawn, row: number, column: number): boolean =>
  drawn.window.rows[0] + row === drawn.window.columns[0] + column;

/* Width of the 95 % interval as a share of the spread of the values. */
/* An interval that is as wide says nothing: that of the values within the fence. */
export function spreadOf(scale: Scale): number {
  const inner = fence(scale.sorted);
  return inner.high - inner.low || scale.high - scale.low;
}

function doubt(drawn: Drawn, k: number): number {
  const { scale, matrix } = drawn;
  const width = (matrix.high[k] as number) - (matrix.low[k] as number);
  return Number.isNaN(width) ? 0 : Math.min(1, width / spreadOf(scale));
}

export function cellColour(drawn: Drawn, row: number, column: number, blank: Rgb): Rgb {
  const k = at(drawn, row, column);
  const value = drawn.matrix.values[k] as number;
  if (isSame(drawn, row, column) || !Number.isFinite(value)) return blank;
  const isBelow = drawn.window.rows[0] + row > drawn.window.columns[0] + column;
  if (drawn.sure === "width" && isBelow) return between(COLUMN, doubt(drawn, k));
  const colour = drawn.scale.colour(value);
  if (drawn.sure !== "fade") return colour;
  const away = doubt(drawn, k);
  return colour.map((part, c) => Math.round(part + ((blank[c] as number) - part) * away)) as Rgb;
}

const rgbOf = (hex: string): Rgb => [1, 3, 5].map((p) => parseInt(hex.slice(p, p + 2), 16)) as Rgb;

function paintCells(context: CanvasRenderingContext2D | SvgContext, drawn: Drawn, plan: Plan): void {
  if (context instanceof SvgContext) paintVectors(context, drawn, plan);
  else paintImage(context, drawn, plan);
  paintLines(context as CanvasRenderingContext2D, drawn, plan);
}

function paintVectors(context: SvgContext, drawn: Drawn, plan: Plan): void {
  const blank = rgbOf(drawn.look.blank);
  for (let i = 0; i < plan.rows; i++) {
    for (let j = 0; j < plan.columns; j++) {
      context.fillStyle = css(cellColour(drawn, i, j, blank));
      context.fillRect(plan.x + j * plan.cell, plan.y + i * plan.cell, plan.cell, plan.cell);
    }
  }
}

function paintImage(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  const { rows, columns, cell, x, y } = plan;
  const blank = rgbOf(drawn.look.blank);
  const image = new ImageData(columns, rows);
  for (let i = 0, p = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, p += 4) {
      const [r, g, b] = cellColour(drawn, i, j, blank);
      image.data[p] = r;
      image.data[p + 1] = g;
      image.data[p + 2] = b;
      image.data[p + 3] = 255;
    }
  }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = cell < 1;
  context.drawImage(small, x, y, columns * cell, rows * cell);
}

function paintLines(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  const { rows, columns, cell, x, y } = plan;
  if (cell >= LINED) {
    context.strokeStyle = drawn.look.paper;
    context.lineWidth = 1;
    context.beginPath();
    for (let i = 0; i <= rows; i++) {
      context.moveTo(x, y + i * cell + 0.5);
      context.lineTo(x + columns * cell, y + i * cell + 0.5);
    }
    for (let j = 0; j <= columns; j++) {
      context.moveTo(x + j * cell + 0.5, y);
      context.lineTo(x + j * cell + 0.5, y + rows * cell);
    }
    context.stroke();
  }
}

/* What has no number is hatched where it failed, a dot where it does not apply; what lies beyond has a corner. */
function paintMarks(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  const { rows, columns, cell, x, y } = plan;
  if (cell < MARKED) return;
  context.font = `${Math.min(11, cell / 3.4)}px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const blank = rgbOf(drawn.look.blank);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      if (isSame(drawn, i, j)) continue;
      const k = at(drawn, i, j);
      const value = drawn.matrix.values[k] as number;
      const [left, top] = [x + j * cell, y + i * cell];
      if (!Number.isFinite(value)) {
        paintReason(context, drawn, k, { left, top, cell });
        continue;
      }
      const ink = inkOn(cellColour(drawn, i, j, blank));
      if (drawn.scale.isBeyond(value)) {
        context.fillStyle = ink;
        context.beginPath();
        const corner = Math.max(3, cell / 4);
        context.moveTo(left + cell - 1, top + 1);
        context.lineTo(left + cell - 1 - corner, top + 1);
        context.lineTo(left + cell - 1, top + 1 + corner);
        context.fill();
      }
      if (isLikeSeeds(drawn, k)) {
        context.fillStyle = ink;
        context.beginPath();
        context.arc(left + cell / 2, top + (cell >= WITH_TEXT ? cell - 6 : cell / 2), Math.max(1, Math.min(2.5, cell / 7)), 0, 7);
        context.fill();
      }
      if (cell >= WITH_TEXT) {
        context.fillStyle = ink;
        context.fillText(number(value), left + cell / 2, top + cell / 2 + 1);
      }
    }
  }
}

/* Whether the interval of a cell meets the band of independent seeds; without an interval, whether its value does. */
export function isLikeSeeds({ seeds, matrix }: Pick<Drawn, "seeds" | "matrix">, k: number): boolean {
  if (!seeds) return false;
  const value = matrix.values[k] as number;
  const [low, high] = [matrix.low[k] as number, matrix.high[k] as number];
  const [from, to] = Number.isNaN(low) ? [value, value] : [low, high];
  return to >= seeds.low && from <= seeds.high;
}

/* A name as it is drawn, cut to so many letters, with its mark. */
function named(drawn: Drawn, i: number, letters: number): string {
  return short(drawn.labels[i] as string, letters) + (drawn.marks[i] ?? "");
}

function paintLabels(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  const step = Math.max(1, Math.ceil(LABEL / plan.cell));
  context.font = `${LABEL}px ${FONT}`;
  context.fillStyle = drawn.look.ink;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (let i = 0; i < plan.rows; i += step) {
    const name = named(drawn, drawn.order[drawn.window.rows[0] + i] as number, plan.letters);
    context.fillText(name, plan.x - stripsWidth(drawn) - GAP - 5, plan.y + (i + 0.5) * plan.cell);
  }
  const upright = (text: string, x: number): void => {
    context.save();
    context.translate(x, plan.y + plan.rows * plan.cell + 6);
    context.rotate(-Math.PI / 2);
    context.fillText(text, 0, 0);
    context.restore();
  };
  for (let j = 0; j < plan.columns; j += step) {
    const name = named(drawn, drawn.order[drawn.window.columns[0] + j] as number, plan.letters);
    upright(name, plan.x + (j + 0.5) * plan.cell);
  }
  drawn.titles.forEach((title, k) => {
    const lines = plan.step >= TWO_LINES ? halved(title, plan.letters) : [short(title, plan.letters)];
    lines.forEach((line, at) => upright(line, plan.beside + (k + 0.45) * plan.step + (at - (lines.length - 1) / 2) * LABEL));
  });
}

export interface Marked {
  selected: [number, number][];
  rows: number[];
  cursor: [number, number] | null;
  /* What is dragged over, and the runs of rows and columns of a selected block. */
  blocks: Window[];
}

/* What is pointed at, selected, dragged over, and where the keyboard is. */
export function paintOver(
  context: CanvasRenderingContext2D,
  drawn: Drawn,
  plan: Plan,
  marks: Marked,
): void {
  context.clearRect(0, 0, plan.width, plan.height);
  const frame = (row: number, column: number, rows: number, columns: number, width: number): void => {
    context.lineWidth = width;
    context.strokeRect(plan.x + column * plan.cell, plan.y + row * plan.cell, columns * plan.cell, rows * plan.cell);
  };
  context.strokeStyle = drawn.look.accent;
  for (const [row, column] of marks.selected) frame(row, column, 1, 1, plan.cell < 6 ? 1 : 2);
  for (const row of marks.rows) {
    frame(row, 0, 1, plan.columns, 1);
    if (row < plan.columns) frame(0, row, plan.rows, 1, 1);
  }
  for (const { rows, columns } of marks.blocks) frame(rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0], 2);
  if (marks.cursor) {
    context.strokeStyle = drawn.look.ink;
    context.setLineDash([3, 2]);
    frame(marks.cursor[0], marks.cursor[1], 1, 1, 1.5);
    context.setLineDash([]);
  }
}
