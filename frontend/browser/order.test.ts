import assert from "node:assert/strict";
import { test } from "node:test";
import type { Column, Matrix } from "./arrays";
import { branches, outliers, positions, type Ordering } from "./order";

const base: Ordering = {
  order: "alike", way: "down", ids: [10, 20, 30], labels: ["c", "a", "b"], groups: ["y", "x", "x"], aside: [], columns: [],
};
const matrix = (order: number[]): Matrix => ({ header: { order } }) as unknown as Matrix;

test("each order sorts as it is called", () => {
  assert.deepEqual(positions({ ...base, order: "name" }, null), [1, 2, 0]);
  assert.deepEqual(positions({ ...base, order: "group" }, null), [1, 2, 0]);
  assert.deepEqual(positions({ ...base, order: "added" }, null), [0, 1, 2]);
  assert.deepEqual(positions(base, matrix([2, 0, 1])), [2, 0, 1]);
  assert.deepEqual(positions(base, matrix([])), [0, 1, 2]);
});

test("an order by a column puts the largest first and those without a number last", () => {
  const column = { id: "trace", values: Float64Array.from([1, NaN, 5]) } as Column;
  assert.deepEqual(positions({ ...base, order: "by:trace", columns: [column] }, null), [2, 0, 1]);
  assert.deepEqual(positions({ ...base, order: "by:gone", columns: [column] }, null), [0, 1, 2]);
});

test("an order turned round keeps those without a number last, and leaves the dendrogram", () => {
  const column = { id: "trace", values: Float64Array.from([1, NaN, 5]) } as Column;
  assert.deepEqual(positions({ ...base, way: "up", order: "by:trace", columns: [column] }, null), [0, 2, 1]);
  assert.deepEqual(positions({ ...base, way: "up", order: "name" }, null), [0, 2, 1]);
  assert.deepEqual(positions({ ...base, way: "up" }, matrix([2, 0, 1])), [2, 0, 1]);
});

test("who is set aside is left out, and the order of the others stays", () => {
  assert.deepEqual(positions({ ...base, aside: [30] }, matrix([2, 0, 1])), [0, 1]);
  assert.deepEqual(positions({ ...base, aside: [10, 20, 30] }, matrix([2, 0, 1])), [2, 0, 1]);
});

test("a chain of two thousand merges has branches", () => {
  const n = 2000;
  const merges = [[0, 1, 1, 2], ...Array.from({ length: n - 2 }, (_, k) => [n + k, k + 2, k + 2, k + 3])];
  const lines = branches(merges);
  assert.equal(lines.length, n - 1);
  assert.equal(lines[n - 2]?.[4], 1);
});

test("one model far from all others is an outlier, a spread of models is none", () => {
  const place = [0, 1, 2, 3, 4, 100];
  const values = Float32Array.from(place.flatMap((x) => place.map((y) => Math.abs(x - y))));
  const far = { rows: 6, columns: 6, values } as unknown as Matrix;
  assert.deepEqual(outliers(far, (v) => v), [5]);
  const even = [0, 1, 2, 3, 4, 5];
  const spread = { ...far, values: Float32Array.from(even.flatMap((x) => even.map((y) => Math.abs(x - y)))) };
  assert.deepEqual(outliers(spread, (v) => v), []);
});
