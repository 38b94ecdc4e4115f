import assert from "node:assert/strict";
import { test } from "node:test";
import { ALONE, groupColours, scaleOf, type Rgb } from "./colour";
import type { Card, Direction } from "./types";

function card(direction: Direction, ends: Partial<Card> = {}): Card {
  return {
    slug: "x", version: 1, title: "X", summary: "", family: "", topic: "", arity: "pair", low: null, high: null,
    identical: null, direction, symmetric: true, has_chance_level: false, ...ends,
  };
}

const light = ([r, g, b]: Rgb): number => r + g + b;

test("dark means alike whichever way a measure runs", () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => 0.2 + i / 200);
  for (const kind of ["fixed", "rank", "fit", "full"]) {
    const high = scaleOf(card("higher is more alike", { low: 0, high: 1, identical: 1 }), values, kind);
    assert.ok(light(high.colour(0.69)) < light(high.colour(0.21)), kind);
    const low = scaleOf(card("lower is more alike", { low: 0, identical: 0 }), values, kind);
    assert.ok(light(low.colour(0.21)) < light(low.colour(0.69)), kind);
  }
});

test("the fixed scale begins at identity and ends where the far ones begin", () => {
  const values = Float32Array.from([0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.9]);
  const scale = scaleOf(card("lower is more alike", { low: 0, high: 1, identical: 0 }), values, "fixed");
  assert.equal(scale.low, 0);
  assert.ok(Math.abs(scale.high - 0.16) < 1e-6);
  assert.equal(scale.above, 1);
  assert.ok(scale.isBeyond(0.9) && !scale.isBeyond(0.16));
  assert.deepEqual(scale.colour(0.9), scale.colour(0.16));
});

test("two strangers are as far as can be, not in the middle", () => {
  const scale = scaleOf(card("lower is more alike", { low: 0, high: 1, identical: 0 }), Float32Array.from([1, 1]), "fixed");
  assert.deepEqual([scale.low, scale.high], [0, 1]);
  assert.equal(scale.place(1), 1);
});

test("ties share one colour, in the middle of their ranks", () => {
  const scale = scaleOf(card("lower is more alike"), Float32Array.from([1, 2, 2, 2, 3]), "rank");
  assert.deepEqual([1, 2, 3].map(scale.place), [0, 0.5, 1]);
});

test("signed measures diverge around 0", () => {
  const scale = scaleOf(card("nearer to zero is more alike"), Float32Array.from([-3, -1, 0.5, 1]), "fit");
  assert.equal(scale.low, -scale.high);
  assert.ok(light(scale.colour(0)) > light(scale.colour(scale.high)));
  assert.ok(light(scale.colour(0)) > light(scale.colour(scale.low)));
});

test("equal values, no values and values that are none have a scale", () => {
  for (const values of [[], [NaN], [2, 2, 2], [1e30, 1e30]]) {
    for (const kind of ["fixed", "rank", "fit", "full"]) {
      const scale = scaleOf(card("lower is more alike"), Float32Array.from(values), kind);
      assert.ok(scale.high > scale.low, `${values} ${kind}`);
      assert.equal(scale.colour(values[0] ?? 0).length, 3);
    }
  }
});

test("groups of several have colours of their own, groups of one share a quiet one", () => {
  const colours = groupColours(["a", "a", "b", "c", "c"]);
  assert.equal(colours.get("b"), ALONE);
  assert.ok(colours.get("a") !== colours.get("c"));
  assert.equal(new Set(groupColours(["x", "y", "z"]).values()).size, 3);
});
