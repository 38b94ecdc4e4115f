import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, unpack } from "./arrays";
import { correlation, ranks } from "./stress";
import { fence, inTex, number, quantile, rankOf } from "./numbers";
import { ticks } from "./scatter";

test("numbers have three significant digits", () => {
  const told: [number, string][] = [
    [0.8712, "0.871"], [0, "0"], [12.345, "12.3"], [123456, "1.23e+05"], [NaN, "–"], [0.00123, "0.00123"],
    [1e-7, "1.00e-07"], [-0.05, "-0.0500"], [Infinity, "∞"],
  ];
  for (const [value, text] of told) assert.equal(number(value), text);
});

test("quantiles, ranks and fences of sorted numbers", () => {
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.deepEqual(rankOf([1, 2, 2, 3], 2), [1, 3]);
  assert.deepEqual(fence([1, 2, 3, 4, 100]), { low: 1, high: 4, below: 0, above: 1 });
  assert.deepEqual(fence([5, 5, 5, 5, 9]), { low: 5, high: 9, below: 0, above: 0 });
});

test("a triangle becomes a symmetric matrix with its reasons", () => {
  const header = JSON.stringify({ ids: [1, 2], columns: 2, is_triangle: true, has_reasons: true, reasons: [] });
  const text = new TextEncoder().encode(header.padEnd(Math.ceil(header.length / 4) * 4));
  const buffer = new ArrayBuffer(4 + text.length + 3 * 3 * 4 + 3 * 2);
  new DataView(buffer).setUint32(0, text.length, true);
  new Uint8Array(buffer).set(text, 4);
  new Float32Array(buffer, 4 + text.length, 9).set([0, 0.5, 0, NaN, 0.4, NaN, NaN, 0.6, NaN]);
  new Int16Array(buffer, 4 + text.length + 36, 3).set([-1, 7, -1]);
  const matrix = decode(buffer);
  assert.deepEqual([...matrix.values], [0, 0.5, 0.5, 0]);
  assert.ok(Math.abs((matrix.low[2] as number) - 0.4) < 1e-6);
  assert.deepEqual([...(matrix.told as Int16Array)], [-1, 7, 7, -1]);
});

test("packed numbers are float64", () => {
  const bytes = String.fromCharCode(...new Uint8Array(Float64Array.from([1.5, -2]).buffer));
  assert.deepEqual([...unpack({ shape: [2], data: btoa(bytes) })], [1.5, -2]);
});

test("ranks share ties and their correlation is Spearman's", () => {
  assert.deepEqual(ranks([3, 1, 3, 2]), [2.5, 0, 2.5, 1]);
  assert.ok(Math.abs(correlation(ranks([1, 2, 3]), ranks([9, 8, 7])) + 1) < 1e-12);
});

test("ticks are round and inside", () => {
  assert.deepEqual(ticks([0, 1], 4), [0, 0.5, 1]);
  assert.deepEqual(ticks([0, 10]), [0, 2, 4, 6, 8, 10]);
  assert.ok(ticks([-0.021, 0.04]).includes(0));
});

test("names are no commands of LaTeX", () => {
  assert.equal(inTex("a_b & 5% {x}\\y^2"), "a\\_b \\& 5\\% \\{x\\}\\textbackslash{}y\\textasciicircum{}2");
});
