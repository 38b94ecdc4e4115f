import assert from "node:assert/strict";
import { test } from "node:test";
import { framed, frameOf, frameText, stepped } from "./framing";
import { faithfulness, stressOf } from "./stress";

const WHOLE: { x: [number, number]; y: [number, number] } = { x: [0, 10], y: [-1, 1] };

test("a place that is enlarged about stays where it is", () => {
  const at = { x: 2, y: 0.5 };
  const frame = stepped(null, WHOLE, at, true);
  assert.ok(frame);
  if (!frame) return;
  const [low, high] = framed(WHOLE.x, frame.x, frame.zoom);
  assert.ok(Math.abs((at.x - low) / (high - low) - 0.2) < 1e-12);
  assert.equal(stepped(frame, WHOLE, null, false), null);
});

test("a frame survives its address, and none is nothing", () => {
  assert.equal(frameText(null), "");
  assert.equal(frameOf(""), null);
  assert.equal(frameOf("1,2,1"), null);
  assert.deepEqual(frameOf(frameText({ x: -0.25, y: 1.5, zoom: 2.25 })), { x: -0.25, y: 1.5, zoom: 2.25 });
  assert.equal(frameText({ x: 1e-9, y: 0, zoom: 2 }), "0.000000001,0,2");
});

test("stress is 0 for a perfect map and Kruskal's number for another", () => {
  const places = [[0, 0], [3, 0], [0, 4]];
  const rows = (of: number[][]): Float64Array[] => of.map((row) => Float64Array.from(row));
  const perfect = rows([[0, 3, 4], [3, 0, 5], [4, 5, 0]]);
  assert.equal(stressOf(places, perfect), 0);
  assert.equal(faithfulness(places, perfect), 1);
  // (3-2)^2 of 9 + 16 + 25.
  assert.ok(Math.abs(stressOf(places, rows([[0, 2, 4], [2, 0, 5], [4, 5, 0]])) - Math.sqrt(1 / 50)) < 1e-12);
});
