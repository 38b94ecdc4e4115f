import assert from "node:assert/strict";
import { test } from "node:test";
import type { Matrix } from "./arrays";
import { averageLinkage, treeOf } from "./seriation";
import type { Card } from "./types";

const PLACES = [0, 1, 3, 7, 7.5, 20, 21.5, 40];
const rows = PLACES.map((x) => Float64Array.from(PLACES.map((y) => Math.abs(x - y))));
/* scipy.cluster.hierarchy.linkage(…, "average") of these distances. */
const BY_SCIPY = [
  [3, 4, 0.5, 2], [0, 1, 1, 2], [5, 6, 1.5, 2], [2, 9, 2.5, 3], [8, 11, 5.916666666666667, 5], [10, 12, 17.05, 7],
  [7, 13, 31.428571428571427, 8],
];

test("average linkage is scipy's", () => {
  const found = averageLinkage(rows);
  assert.deepEqual(found.map((m) => [m[0], m[1], m[3]]), BY_SCIPY.map((m) => [m[0], m[1], m[3]]));
  found.forEach((merge, k) => assert.ok(Math.abs((merge[2] as number) - (BY_SCIPY[k]?.[2] as number)) < 1e-12));
});

test("without those set aside the others have a tree of their own, in the order before", () => {
  const n = PLACES.length;
  const values = Float32Array.from(rows.flatMap((row) => [...row]));
  const header = { order: [7, 6, 5, 4, 3, 2, 1, 0], merges: BY_SCIPY };
  const matrix = { rows: n, columns: n, values, header } as unknown as Matrix;
  const card = { direction: "lower is more alike", identical: 0 } as Card;
  const whole = treeOf(matrix, card, []);
  assert.deepEqual(whole.order, header.order);
  const some = treeOf(matrix, card, [7, 2]);
  assert.deepEqual(some.models, [0, 1, 3, 4, 5, 6]);
  assert.equal(some.merges.length, 5);
  assert.deepEqual(some.order.map((k) => some.models[k]), [6, 5, 4, 3, 1, 0]);
  assert.equal(some.merges[4]?.[3], 6);
  assert.equal(treeOf(matrix, card, [7, 2]), some, "made once");
  assert.deepEqual(treeOf(matrix, card, [0, 1, 2, 3, 4, 5]).merges, []);
});

test("five hundred models take no time that a hand would feel", () => {
  const n = 500;
  let seed = 1;
  const next = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const points = Array.from({ length: n }, () => [next(), next(), next()]);
  const far = points.map((p) => Float64Array.from(points.map((q) => Math.hypot(...p.map((v, k) => v - (q[k] as number))))));
  const merges = averageLinkage(far);
  assert.equal(merges.length, n - 1);
  assert.ok(merges.every((m, k) => k === 0 || (m[2] as number) >= ((merges[k - 1] as number[])[2] as number)));
  assert.equal(merges[n - 2]?.[3], n);
});
