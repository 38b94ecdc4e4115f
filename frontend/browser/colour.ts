/* Colours to trust: one scale per measure and comparison, dark means alike, the legend from the same stops. */

import type { Matrix } from "./arrays";
import { fence, rankOf } from "./numbers";
import type { Card } from "./types";

/* Nuñez et al. 2018. */
const CIVIDIS = [
  "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
];
const SIGNED = ["#8a5a1c", "#d2b07a", "#f3f1ea", "#7088ad", "#00204d"];
/* Only the lighter part, on which dark text can be read. */
export const COLUMN = ["#f4f5f8", "#ccd3df", "#9aa9c6", "#6d83b4"];
/* So many colours of each scale are told apart. */
const STEPS = 256;
/* Values that differ by rounding alone count as equal. */
const ROUNDING = 1e-6;
/* Okabe and Ito, then lighter and darker relatives; one list through the whole product. */
export const GROUPS = [
  "#4269d0", "#efb118", "#9c6b4e", "#6cc5b0", "#a463f2", "#ff8ab7", "#97bbf5",
  "#8c7a5b", "#3ca3b5", "#c9a3e8", "#b3884b", "#7a8fa6", "#5b5f97", "#d8b4a0",
];

export const ALONE = "#9aa3b2";

export type Rgb = [number, number, number];

export function rgb(hex: string): Rgb {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as Rgb;
}

/* A colour of evenly spaced ones, at 0 … 1. */
export function between(colours: string[], place: number): Rgb {
  const at = Math.min(1, Math.max(0, place)) * (colours.length - 1);
  const low = Math.min(colours.length - 2, Math.floor(at));
  const [first, second] = [rgb(colours[low] as string), rgb(colours[low + 1] as string)];
  return first.map((part, k) => Math.round(part + ((second[k] as number) - part) * (at - low))) as Rgb;
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r},${g},${b})`;
}

/* Text of this colour can be read on that one. */
export function inkOn([r, g, b]: Rgb): string {
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#1d2430" : "#ffffff";
}

export interface Scale {
  kind: string;
  low: number;
  high: number;
  /* How many values lie beyond either end; they have the end's colour and a mark. */
  below: number;
  above: number;
  /* All values that it was made for, sorted. */
  sorted: Float32Array;
  isSigned: boolean;
  place(value: number): number;
  colour(value: number): Rgb;
  isBeyond(value: number): boolean;
}

const isAlikeHigh = (card: Card): boolean => card.direction.startsWith("higher");

/* Ends of the scale and how many values lie beyond. */
function ends(card: Card, sorted: Float32Array, kind: string): { low: number; high: number; isSigned: boolean } {
  const least = sorted[0] ?? card.low ?? 0;
  const most = sorted[sorted.length - 1] ?? card.high ?? 1;
  const inner = fence(sorted);
  const far = kind === "fixed" && sorted.length > 0 ? inner : { low: least, high: most };
  const size = (a: number, b: number): number => Math.max(Math.abs(a), Math.abs(b)) || 1;
  if (card.direction === "nearer to zero is more alike") {
    const m = size(far.low, far.high);
    return { low: -m, high: m, isSigned: true };
  }
  if (kind === "full") {
    const [low, high] = [card.low ?? least, card.high ?? most];
    return { low, high, isSigned: low < 0 && isAlikeHigh(card) };
  }
  if (kind === "fit") return { low: least, high: most, isSigned: false };
  if (isAlikeHigh(card)) {
    const high = card.identical ?? far.high;
    if (card.low !== null && card.low < 0 && far.low < 0) {
      const m = size(far.low, card.identical ?? far.high);
      return { low: -m, high: m, isSigned: true };
    }
    return { low: Math.min(far.low, high), high, isSigned: false };
  }
  const low = card.identical ?? far.low;
  return { low, high: Math.max(far.high, low), isSigned: false };
}

/* The colours of values under a card: ``fixed``, ``rank``, ``fit`` or ``full``. */
export function scaleOf(card: Card, values: Float32Array, kind: string): Scale {
  const sorted = values.filter((v) => Number.isFinite(v)).sort();
  const isByRank = kind === "rank" && card.direction !== "nearer to zero is more alike";
  let { low, high, isSigned } = isByRank
    ? { low: sorted[0] ?? 0, high: sorted[sorted.length - 1] ?? 1, isSigned: false }
    : ends(card, sorted, kind === "rank" ? "fixed" : kind);
  if (!(high - low > ROUNDING * Math.max(Math.abs(low), Math.abs(high)))) {
    const beside = Math.max(0.5, Math.abs(low) * ROUNDING);
    [low, high] = [low - beside, high + beside];
  }
  const isReversed = !isSigned && isAlikeHigh(card);
  const stops = isSigned ? SIGNED : CIVIDIS;
  const table = Array.from({ length: STEPS }, (_, k) => {
    const place = k / (STEPS - 1);
    return between(stops, isReversed ? 1 - place : place);
  });
  const place = (value: number): number => {
    if (isByRank && sorted.length > 1) {
      const [below, atMost] = rankOf(sorted, value);
      return (below + atMost - 1) / 2 / (sorted.length - 1);
    }
    return (value - low) / (high - low);
  };
  const slack = 1e-6 * (high - low);
  const isBeyond = (value: number): boolean => value < low - slack || value > high + slack;
  const index = (value: number): number => Math.round(Math.min(1, Math.max(0, place(value) || 0)) * (STEPS - 1));
  return {
    kind,
    low,
    high,
    below: rankOf(sorted, low - slack)[0],
    above: sorted.length - rankOf(sorted, high + slack)[1],
    sorted,
    isSigned,
    place,
    colour: (value) => table[index(value)] as Rgb,
    isBeyond,
  };
}

/* Values of all pairs of different models, of those positions only. */
export function offDiagonal(matrix: Matrix, positions: number[]): Float32Array {
  const count = positions.length;
  if (matrix.columns === 1) return Float32Array.from(positions, (i) => matrix.values[i] as number);
  const out = new Float32Array(count * Math.max(0, count - 1));
  let k = 0;
  for (const i of positions) {
    for (const j of positions) {
      if (i !== j) out[k++] = matrix.values[i * matrix.columns + j] as number;
    }
  }
  return out;
}

/* A colour for each group of several, by sorted name; groups of one share a quiet one. */
export function groupColours(groups: string[]): Map<string, string> {
  const names = [...new Set(groups)].sort();
  const several = names.filter((name) => name && groups.indexOf(name) !== groups.lastIndexOf(name));
  const coloured = several.length ? several : names;
  return new Map(
    names.map((name) => {
      const k = coloured.indexOf(name);
      return [name, k < 0 ? ALONE : (GROUPS[k % GROUPS.length] as string)];
    }),
  );
}

/* What a card says once its numbers are read above chance or against independent seeds. */
export function asRead(card: Card, reading: string): Card {
  if (reading === "raw") return card;
  const top = reading === "above-chance" ? 1 : null;
  return {
    ...card,
    low: -1,
    high: top,
    identical: top,
    direction: reading === "against-seeds" ? "nearer to zero is more alike" : "higher is more alike",
    title: `${card.title}, ${reading.replace("-", " ")}`,
    summary:
      reading === "above-chance"
        ? "0 is what shuffled samples score, 1 is identity; the same scale for every measure."
        : "Standard deviations from pairs of independent seeds; above 0 is more alike than seeds are.",
  };
}
