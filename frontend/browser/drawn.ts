/* What a matrix view draws, put together from the store. */

import type { Column, Matrix } from "./arrays";
import { groupColours, offDiagonal, scaleOf, type Scale } from "./colour";
import { clustersOf } from "./clusters";
import { FAMILIES } from "./families";
import { branches } from "./order";
import { LOOKS, type Drawn, type Look } from "./painting";
import type { Part, Store } from "./store";
import { stripsOf, wantedStrips } from "./strips";
import type { AskedMeasure, Card } from "./types";
import { windowOf } from "./view";
import { setAside } from "./aside";
import { treeOf, type Tree } from "./seriation";

const scales = new WeakMap<Matrix, Map<string, Scale>>();

/* The scale of a matrix; made once for each kind and each set of models. */
export function scaleFor(matrix: Matrix, card: Card, kind: string, order: number[]): Scale {
  const made = scales.get(matrix) ?? new Map<string, Scale>();
  scales.set(matrix, made);
  const key = `${kind} ${card.title} ${order.length === matrix.rows ? "all" : [...order].sort((a, b) => a - b)}`;
  const scale = made.get(key) ?? scaleOf(card, offDiagonal(matrix, order), kind);
  made.set(key, scale);
  return scale;
}

export function lookOf(store: Store): Look {
  return LOOKS[store.scheme] as Look;
}

/* What is first asked of a network, one measure of each question. */
const KEY = ["hessian-trace", "hessian-top-eigenvalue", "sam-sharpness", "ece-debiased", "corruption-accuracy", "accuracy"];
const NARROW = 520;
const MOST_KEY = 6;
const MOST_BESIDE = 42;
/* Between the names of columns; names of measures have commas. */
export const BETWEEN = ";";

export function chosenColumns(store: Store): Column[] {
  const all = store.models.value?.columns ?? [];
  const wanted = store.view.columns;
  // On a phone the matrix needs the room.
  if (wanted === "" && window.innerWidth < NARROW) return [];
  const family = (column: Column): string => store.familyOf(column);
  if (wanted === "none") return [];
  if (wanted !== "") return fittingColumns(store).slice(0, MOST_BESIDE);
  const ranked = KEY.flatMap((slug) => all.filter((column) => column.slug === slug).slice(0, 1));
  const families = ["landscape", "calibration", "robustness", "weights", "geometry"];
  for (const name of families) {
    const first = all.find((column) => family(column) === name);
    if (first && !ranked.some((column) => family(column) === name)) ranked.push(first);
  }
  return ranked.slice(0, MOST_KEY);
}

/* All columns of the kind that the view asks for, or those that it names, as it names them. */
export function fittingColumns(store: Store): Column[] {
  const all = store.models.value?.columns ?? [];
  const wanted = store.view.columns;
  if (wanted === "all") return all;
  if (FAMILIES.some(([key]) => key === wanted)) return all.filter((column) => store.familyOf(column) === wanted);
  return wanted.split(BETWEEN).flatMap((id) => all.filter((column) => column.id === id));
}

/* The address of columns that are chosen one by one. */
export function namedColumns(ids: string[]): string {
  return ids.join(BETWEEN) || "none";
}

export function drawnOf(store: Store, asked: AskedMeasure, matrix: Matrix, columns: Column[]): Drawn {
  const card = store.card(asked);
  const order = store.order(matrix);
  const groups = store.groups;
  const tree = treeOf(matrix, card, setAside(store));
  const window = windowOf(store.view.zoom, order.length);
  const hasTree =
    store.view.order === "alike" && !store.view.zoom && tree.merges.length > 0 && tree.merges.length === tree.models.length - 1;
  const scale = scaleFor(matrix, card, store.view.scale, order);
  const clusters = clustersIn(store, matrix, tree);
  const models = matrix.header.ids.map((id) => store.checkpoints.get(id));
  return {
    matrix,
    scale,
    order,
    window,
    labels: matrix.header.labels,
    marks: store.marks,
    groups,
    colours: groupColours(groups),
    strips: stripsOf(wantedStrips(store.view.strips), groups, models, clusters),
    clusters,
    tree: hasTree ? branches(tree.merges) : [],
    columns,
    titles: columns.map((column) => store.columnTitle(column)),
    sure: card.symmetric || store.view.sure !== "width" ? store.view.sure : "",
    seeds: seedsOf(store, asked, matrix).value?.header.band ?? null,
    look: lookOf(store),
    isSigned: scale.isSigned,
  };
}

/* The matrix read against independent seeds, whose band the marks need; nothing where none are asked for. */
export function seedsOf(store: Store, asked: AskedMeasure, matrix: Matrix): Part<Matrix> {
  if (store.view.sure !== "seeds" || matrix.header.reading !== "raw") return { value: null, error: "" };
  return store.matrixOf(asked, matrix.header.layer, "against-seeds");
}

/* The cluster of each checkpoint, 0 for who is set aside, where the view cuts the dendrogram. */
function clustersIn(store: Store, matrix: Matrix, tree: Tree): number[] {
  if (!store.view.cut || tree.merges.length !== tree.models.length - 1) return [];
  const local = clustersOf(tree.merges, tree.order, Number(store.view.cut));
  if (!local.length) return [];
  const found = new Array<number>(matrix.rows).fill(0);
  tree.models.forEach((model, k) => (found[model] = local[k] as number));
  return found;
}
