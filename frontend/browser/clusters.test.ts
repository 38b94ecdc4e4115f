import assert from "node:assert/strict";
import { test } from "node:test";
import { clustersOf, cutHeight } from "./clusters";
import { coloursOf, stripsOf, wantedStrips } from "./strips";
import type { Checkpoint } from "./types";

/* 0 and 1 are near, 2 and 3 are near, 4 joins the second pair, then both. */
const MERGES = [
  [2, 3, 0.1],
  [0, 1, 0.2],
  [4, 5, 0.5],
  [6, 7, 0.9],
];
const ORDER = [4, 2, 3, 0, 1];

test("a cut takes the highest merges apart and numbers clusters as they stand", () => {
  assert.deepEqual(clustersOf(MERGES, ORDER, 2), [2, 2, 1, 1, 1]);
  assert.deepEqual(clustersOf(MERGES, ORDER, 3), [3, 3, 2, 2, 1]);
  assert.deepEqual(clustersOf(MERGES, ORDER, 5), [4, 5, 2, 3, 1]);
  assert.deepEqual(clustersOf(MERGES, ORDER, 1), []);
  assert.deepEqual(clustersOf(MERGES, ORDER, 6), []);
  assert.deepEqual(clustersOf([], [0], 2), []);
});

test("the line of a cut lies between what it keeps and what it takes apart", () => {
  // Heights are ranks: the second highest of four merges stands at 3/4.
  const height = cutHeight(5, 2);
  assert.ok(height > 3 / 4 && height < 1);
});

test("every cut is a partition whose clusters are runs of the order", () => {
  for (let count = 2; count <= 5; count++) {
    const found = ORDER.map((model) => clustersOf(MERGES, ORDER, count)[model] as number);
    assert.deepEqual(found, [...found].sort((a, b) => a - b));
    assert.equal(new Set(found).size, count);
  }
});

test("many numbers share a scale, few values have colours of their own", () => {
  const seeds = coloursOf(["0", "1", "0", "1"]);
  assert.equal(seeds.size, 2);
  const many = Array.from({ length: 12 }, (_, k) => String(k * 100));
  const scale = coloursOf(many);
  assert.equal(new Set(scale.values()).size, 12);
  assert.equal(scale.get(""), undefined);
});

test("strips are the group unless others are asked for; one that says nothing is left out", () => {
  assert.deepEqual(wantedStrips(""), ["group"]);
  assert.deepEqual(wantedStrips("none"), []);
  assert.deepEqual(wantedStrips("seed,optim"), ["seed", "optim"]);
  const models = ["0", "1", "0"].map((seed) => ({ tags: { seed, same: "x" } }) as unknown as Checkpoint);
  const found = stripsOf(["seed", "same", "absent"], ["a", "a", "b"], models, [1, 1, 2]);
  assert.deepEqual(found.map((strip) => strip.title), ["seed", "cluster"]);
});
