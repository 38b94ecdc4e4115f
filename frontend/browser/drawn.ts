/* What a matrix view draws, put together from the store. */

import type { Column, Matrix } from "./arrays";
import { groupColours, offDiagonal, scaleOf, type Scale } from "./colour";
import { clustersOf } from "./clusters";
import { branches } from "./order";
import { LOOKS, type Drawn, type Look } from "./painting";
import type { Part, Store } from "./store";
import { stripsOf, wantedStrips } from "./strips";
import type { AskedMeasure, Card } from "./types";
import { numbersOf, windowOf } from "./view";

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
const MOST_BESIDE = 14;

export function chosenColumns(store: Store): Column[] {
  const all = store.models.value?.columns ?? [];
  const wanted = store.view.columns;
  // On a phone the matrix needs the room.
  if (wanted === "" && window.innerWidth < NARROW) return [];
  const family = (column: Column): string => store.cards.get(column.slug)?.family ?? "";
  if (wanted === "none") return [];
  if (wanted === "all") return all.slice(0, 3 * MOST_BESIDE);
  if (wanted !== "") return all.filter((column) => family(column) === wanted).slice(0, 2 * MOST_BESIDE);
  const ranked = KEY.flatMap((slug) => all.filter((column) => column.slug === slug).slice(0, 1));
  const families = ["landscape", "calibration", "robustness", "weights", "geometry"];
  for (const name of families) {
    const first = all.find((column) => family(column) === name);
    if (first && !ranked.some((column) => family(column) === name)) ranked.push(first);
  }
  return ranked.slice(0, MOST_KEY);
}

export function drawnOf(store: Store, asked: AskedMeasure, matrix: Matrix, columns: Column[]): Drawn {
  const card = store.card(asked);
  const order = store.order(matrix);
  const groups = store.groups;
  const isWhole = order.length === matrix.rows;
  const window = windowOf(store.view.zoom, order.length);
  const hasTree =
    store.view.order === "alike" && isWhole && !store.view.zoom && matrix.header.merges.length === matrix.rows - 1;
  const scale = scaleFor(matrix, card, store.view.scale, order);
  const clusters = clustersIn(store, matrix);
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
    tree: hasTree ? branches(matrix.header.merges) : [],
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

/* The cluster of each checkpoint, where the view cuts the dendrogram. */
export function clustersIn(store: Store, matrix: Matrix): number[] {
  const { merges, order } = matrix.header;
  return store.view.cut && merges.length === matrix.rows - 1 ? clustersOf(merges, order, Number(store.view.cut)) : [];
}

/* Positions of the checkpoints that are set aside. */
export function setAside(store: Store): number[] {
  const ids = store.comparison?.checkpoints ?? [];
  const aside = new Set(numbersOf(store.view.aside).map((id) => ids.indexOf(id)).filter((i) => i >= 0));
  // A picture of nobody helps nobody.
  return aside.size < ids.length ? [...aside] : [];
}
