/* One order for all panels, and what it leaves out. */

import type { Column, Matrix } from "./arrays";
import { BY } from "./view";

export interface Ordering {
  order: string;
  /* "up" where the order begins with its last; the dendrogram's does not turn. */
  way: string;
  ids: number[];
  labels: string[];
  groups: string[];
  aside: number[];
  columns: Column[];
  /* The models by the dendrogram of those that are not set aside; without it the matrix's own order. */
  seriated?: number[];
}

/* Positions of the models in the order of the view, without those that are set aside. */
export function positions(wanted: Ordering, matrix: Matrix | null): number[] {
  const { ids, labels, groups } = wanted;
  const aside = new Set(wanted.aside);
  const everyone = ids.map((_, i) => i);
  const order = wanted.way === "up" && wanted.order !== "alike" ? turned(sorted(everyone)) : sorted(everyone);
  const left = order.filter((i) => !aside.has(ids[i] as number));
  // A picture of nobody helps nobody.
  return left.length ? left : order;

  /* The other way round, but for those without a number: they stay last. */
  function turned(some: number[]): number[] {
    const column = wanted.order.startsWith(BY) ? wanted.columns.find((one) => one.id === wanted.order.slice(BY.length)) : undefined;
    const lacks = (i: number): boolean => column !== undefined && Number.isNaN(column.values[i] ?? NaN);
    return [...some.filter((i) => !lacks(i)).reverse(), ...some.filter(lacks)];
  }

  function sorted(some: number[]): number[] {
    const byName = (i: number, j: number): number => compare(labels[i] as string, labels[j] as string);
    const { order } = wanted;
    if (order === "name") return some.sort(byName);
    if (order === "group") return some.sort((i, j) => compare(groups[i] ?? "", groups[j] ?? "") || byName(i, j));
    if (order.startsWith(BY)) {
      const column = wanted.columns.find((one) => one.id === order.slice(BY.length));
      if (column) return some.sort((i, j) => descending(column.values[i], column.values[j]) || byName(i, j));
    }
    if (order === "alike" && wanted.seriated) return [...wanted.seriated];
    const seriated = matrix?.header.order ?? [];
    return order === "alike" && seriated.length === ids.length ? [...seriated] : some;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/* Largest first; those without a number last. */
function descending(a: number | undefined, b: number | undefined): number {
  const known = (v: number | undefined): v is number => v !== undefined && !Number.isNaN(v);
  if (!known(a) || !known(b)) return Number(known(b)) - Number(known(a));
  return b - a;
}

/* Models that are far from nearly all others: their median distance lies beyond the fence of the medians. */
export function outliers(matrix: Matrix, unlikeness: (value: number) => number): number[] {
  const medians = Array.from({ length: matrix.rows }, (_, i) => {
    const row: number[] = [];
    for (let j = 0; j < matrix.rows; j++) {
      const value = matrix.values[i * matrix.columns + j] as number;
      if (i !== j && Number.isFinite(value)) row.push(unlikeness(value));
    }
    row.sort((a, b) => a - b);
    return row.length ? (row[row.length >> 1] as number) : NaN;
  });
  const known = medians.filter((m) => !Number.isNaN(m)).sort((a, b) => a - b);
  if (known.length < 5) return [];
  const first = known[known.length >> 2] as number;
  const third = known[(3 * known.length) >> 2] as number;
  const limit = third + 3 * (third - first) + 1e-9 * Math.abs(third);
  return medians.flatMap((m, i) => (m > limit ? [i] : []));
}

/* Lines of a dendrogram whose leaves stand at 0 … n-1 in the merges' own order.

   Heights are ranks of the merges, so that a few far models do not press all others onto one line. */
export function branches(merges: number[][]): [number, number, number, number, number][] {
  const n = merges.length + 1;
  const children = new Map(merges.map((m, k) => [n + k, [m[0] as number, m[1] as number]]));
  const leaves: number[] = [];
  const stack = [2 * n - 2];
  while (stack.length) {
    const node = stack.pop() as number;
    if (node < n) leaves.push(node);
    else stack.push(...[...(children.get(node) as number[])].reverse());
  }
  const place = new Map(leaves.map((leaf, i) => [leaf, i]));
  const height = new Map(leaves.map((leaf) => [leaf, 0]));
  const ranked = merges.map((_, k) => k).sort((i, j) => (merges[i]?.[2] as number) - (merges[j]?.[2] as number) || i - j);
  const rank = new Map(ranked.map((k, at) => [k, (at + 1) / merges.length]));
  return merges.map((m, k) => {
    const [a, b] = [m[0] as number, m[1] as number];
    const at = rank.get(k) as number;
    const [left, right] = [place.get(a) as number, place.get(b) as number];
    const line: [number, number, number, number, number] = [
      left, height.get(a) as number, right, height.get(b) as number, at,
    ];
    place.set(n + k, (left + right) / 2);
    height.set(n + k, at);
    return line;
  });
}
