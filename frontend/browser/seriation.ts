/* The dendrogram of some of a matrix's models: the server's where all are shown, made here where some are set aside. */

import type { Matrix } from "./arrays";
import type { Card } from "./types";

/* Of models numbered by `models`: local model k is the matrix's model models[k]. */
export interface Tree {
  models: number[];
  /* Local models from left to right. */
  order: number[];
  /* Two nodes, their height, how many models; local model k is node k, and merge k makes node models.length + k. */
  merges: number[][];
}

const trees = new WeakMap<Matrix, Map<string, Tree>>();

/* The tree of all models but those at some positions; without merges where there are too few. */
export function treeOf(matrix: Matrix, card: Card, aside: number[]): Tree {
  const { merges, order } = matrix.header;
  if (!aside.length) return { models: [...order.keys()], order, merges };
  const made = trees.get(matrix) ?? new Map<string, Tree>();
  trees.set(matrix, made);
  const key = `${card.direction} ${[...aside].sort((a, b) => a - b)}`;
  const tree = made.get(key) ?? cluster(matrix, card, new Set(aside));
  made.set(key, tree);
  return tree;
}

function cluster(matrix: Matrix, card: Card, aside: Set<number>): Tree {
  const models = Array.from({ length: matrix.rows }, (_, i) => i).filter((i) => !aside.has(i));
  const merges = models.length < 3 || matrix.header.merges.length === 0 ? [] : averageLinkage(distances(matrix, card, models));
  const place = new Map(matrix.header.order.map((model, at) => [model, at]));
  const order = leaves(merges, models.map((model) => place.get(model) ?? model));
  return { models, order, merges };
}

/* As the server has them: 0 for identical, a missing pair as far apart as the farthest. */
export function distances(matrix: Matrix, card: Card, models: number[]): Float64Array[] {
  const value = (i: number, j: number): number => {
    const [there, back] = [matrix.values[i * matrix.columns + j], matrix.values[j * matrix.columns + i]] as [number, number];
    return Number.isFinite(there) ? there : back;
  };
  const isHigher = card.direction === "higher is more alike";
  let best = card.identical;
  if (best === null) {
    best = 0;
    if (isHigher) {
      best = -Infinity;
      for (const i of models) for (const j of models) if (i !== j && value(i, j) > best) best = value(i, j);
    }
  }
  const identical = best;
  const away = (v: number): number => (isHigher ? Math.max(0, identical - v) : Math.abs(v - identical));
  const rows = models.map((i) => Float64Array.from(models, (j) => (i === j ? 0 : away(value(i, j)))));
  let far = 0;
  for (const row of rows) for (const v of row) if (Number.isFinite(v) && v > far) far = v;
  for (const row of rows) row.forEach((v, k) => (row[k] = Number.isFinite(v) ? v : far || 1));
  return rows.map((row, i) => row.map((v, j) => (v + ((rows[j] as Float64Array)[i] as number)) / 2));
}

/* Average linkage by chains of nearest neighbours (Murtagh 1983), merges by height as scipy writes them. */
export function averageLinkage(given: Float64Array[]): number[][] {
  const n = given.length;
  const far = given.map((row) => Float64Array.from(row));
  const size = new Array<number>(n).fill(1);
  const alive = new Set(Array.from({ length: n }, (_, i) => i));
  const found: [number, number, number][] = [];
  const chain: number[] = [];
  while (alive.size > 1) {
    if (!chain.length) chain.push(alive.values().next().value as number);
    const tip = chain[chain.length - 1] as number;
    const before = chain[chain.length - 2];
    const row = far[tip] as Float64Array;
    let nearest = before ?? -1;
    let least = before === undefined ? Infinity : (row[before] as number);
    for (const other of alive) {
      if (other !== tip && (row[other] as number) < least) [nearest, least] = [other, row[other] as number];
    }
    if (nearest !== before) {
      chain.push(nearest);
      continue;
    }
    chain.length -= 2;
    found.push([tip, nearest, least]);
    const [a, b] = [size[tip] as number, size[nearest] as number];
    alive.delete(nearest);
    for (const other of alive) {
      if (other === tip) continue;
      const mean = (a * (row[other] as number) + b * ((far[nearest] as Float64Array)[other] as number)) / (a + b);
      row[other] = mean;
      (far[other] as Float64Array)[tip] = mean;
    }
    size[tip] = a + b;
  }
  return named(found, n);
}

/* Merges of representatives as merges of nodes, lowest first. */
function named(found: [number, number, number][], n: number): number[][] {
  const node = new Array<number>(n).fill(0).map((_, i) => i);
  const above = new Map<number, number>();
  const count = new Map<number, number>(node.map((i) => [i, 1]));
  const top = (model: number): number => {
    let at = model;
    while (above.has(at)) at = above.get(at) as number;
    return at;
  };
  return found
    .sort((one, other) => one[2] - other[2])
    .map(([a, b, height], k) => {
      const [first, second] = [top(a), top(b)].sort((x, y) => x - y) as [number, number];
      const both = (count.get(first) as number) + (count.get(second) as number);
      above.set(first, n + k);
      above.set(second, n + k);
      count.set(n + k, both);
      return [first, second, height, both];
    });
}

/* Models from left to right, each branch where its models stood before on average; turns the merges accordingly. */
function leaves(merges: number[][], places: number[]): number[] {
  const n = places.length;
  if (!merges.length) return [...places.keys()].sort((i, j) => (places[i] as number) - (places[j] as number));
  const mean = [...places];
  for (const [k, merge] of merges.entries()) {
    const [a, b] = merge as [number, number];
    const [wide, other] = [a, b].map((node) => (node < n ? 1 : ((merges[node - n] as number[])[3] as number))) as [number, number];
    mean[n + k] = (wide * (mean[a] as number) + other * (mean[b] as number)) / (wide + other);
    if ((mean[a] as number) > (mean[b] as number)) [merge[0], merge[1]] = [b, a];
  }
  const out: number[] = [];
  const stack = [n + merges.length - 1];
  while (stack.length) {
    const node = stack.pop() as number;
    if (node < n) out.push(node);
    else stack.push(...(merges[node - n] as number[]).slice(0, 2).reverse());
  }
  return out;
}
