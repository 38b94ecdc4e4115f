import assert from "node:assert/strict";
import { test } from "node:test";
import type { Matrix } from "./arrays";
import { isLikeSeeds } from "./painting";
import type { Band } from "./types";

const matrix = (values: number[], low: number[], high: number[]): Matrix => ({ values, low, high }) as unknown as Matrix;
const BAND = { low: 0.2, high: 0.3 } as Band;

test("a cell is like seeds where its interval meets their band", () => {
  const some = matrix([0.1, 0.1, 0.35, 0.25, 0.9], [0.05, 0.05, 0.29, 0.1, NaN], [0.15, 0.2, 0.4, 0.6, NaN]);
  assert.deepEqual([0, 1, 2, 3, 4].map((k) => isLikeSeeds({ seeds: BAND, matrix: some }, k)), [false, true, true, true, false]);
  assert.equal(isLikeSeeds({ seeds: BAND, matrix: matrix([0.25], [NaN], [NaN]) }, 0), true);
  assert.equal(isLikeSeeds({ seeds: null, matrix: some }, 3), false);
});
