/* The part of a matrix that is shown: nearer, farther, moved. */

import type { Window } from "./view";

type Span = [number, number];

/* Fewer cells are no overview. */
const FEWEST = 3;
const STEP = 0.75;

/* So many of n from about here, where `share` of the part before and after `at` stays on its side. */
function resized(span: Span, n: number, at: number, inward: boolean): Span {
  const size = span[1] - span[0];
  const wanted = inward ? Math.floor(size * STEP) : Math.ceil(size / STEP);
  const count = Math.min(n, Math.max(Math.min(FEWEST, n), wanted));
  const share = size > 0 ? (at - span[0]) / size : 0.5;
  return moved([Math.round(at - share * count), 0], n, 0, count);
}

function moved(span: Span, n: number, by: number, count = span[1] - span[0]): Span {
  const low = Math.min(n - count, Math.max(0, span[0] + by));
  return [low, low + count];
}

/* A step nearer or farther, about a cell that stays under the pointer. */
export function zoomed(shown: Window, n: number, at: [number, number], inward: boolean): Window {
  return { rows: resized(shown.rows, n, at[0], inward), columns: resized(shown.columns, n, at[1], inward) };
}

export function panned(shown: Window, n: number, down: number, right: number): Window {
  return { rows: moved(shown.rows, n, down), columns: moved(shown.columns, n, right) };
}

/* As an address has it; the whole matrix is nothing. */
export function zoomText(shown: Window, n: number): string {
  const isWhole = [shown.rows, shown.columns].every(([low, high]) => low === 0 && high === n);
  return isWhole ? "" : `${shown.rows.join("-")},${shown.columns.join("-")}`;
}
