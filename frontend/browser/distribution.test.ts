import assert from "node:assert/strict";
import { test } from "node:test";
import { bandOf, curvesOf, stepsOf } from "./distribution";

test("the band is that of Dvoretzky, Kiefer and Wolfowitz", () => {
  assert.ok(Math.abs(bandOf(100) - 0.13581) < 1e-5);
  assert.equal(bandOf(4), 0);
});

test("groups of several have curves, without NaN and what is set aside", () => {
  const curves = curvesOf([3, 1, NaN, 2, 9, 5], ["b", "b", "b", "a", "a", "c"], new Set([4]), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(curves.map(({ group, values }) => [group, values]), [["b", [1, 3]]]);
  assert.deepEqual(curvesOf([2, 1], ["x", "y"], new Set(), [0, 1])[0]?.values, [1, 2]);
  assert.deepEqual(curvesOf([2], ["x"], new Set(), [0]), []);
});

test("the band is of families, not of checkpoints", () => {
  const values = [1, 2, 3, 4, 5, 6];
  const [alone] = curvesOf(values, Array(6).fill("g"), new Set(), [0, 1, 2, 3, 4, 5]);
  const [related] = curvesOf(values, Array(6).fill("g"), new Set(), [0, 1, 2, 3, 4, 4]);
  assert.deepEqual([alone?.families, related?.families], [6, 5]);
  assert.ok((related?.band ?? 0) > (alone?.band ?? 1));
  assert.equal(curvesOf(values, Array(6).fill("g"), new Set(), [0, 0, 0, 0, 0, 0])[0]?.band, 0);
});

test("a curve steps up at each value", () => {
  assert.deepEqual(stepsOf([1, 2], 0, 3), [[0, 0], [1, 0], [1, 0.5], [2, 0.5], [2, 1], [3, 1]]);
  assert.deepEqual(stepsOf([1], 0, 2, 0.4).map(([, share]) => share), [0.4, 0.4, 1, 1]);
});
