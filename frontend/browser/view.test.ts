import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT, INTERVALS, ORDERS, parse, query, READINGS, SCALES, SURE, WAYS, windowOf, type View } from "./view";

const TABS = ["summary", "matrix", "map", "pair"];

/* A small generator of numbers, so that a failure can be repeated. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

test("any view survives its address", () => {
  const next = generator(1);
  const pick = <T>(all: T[]): T => all[Math.floor(next() * all.length)] as T;
  const text = (): string => pick(["", "a b", "é&=?#%", "<b>", "x".repeat(300), "α/β", "1,2"]);
  const number = (): number => Math.floor(next() * 1e6) * pick([0, 1]);
  for (let round = 0; round < 500; round++) {
    const view: View = {
      ...DEFAULT,
      tab: pick(TABS),
      measure: text(),
      layer: text(),
      order: pick([...ORDERS, "by:hessian-trace", "by:rankme@features.3"]),
      scale: pick(SCALES),
      reading: pick(READINGS),
      sure: pick(SURE),
      columns: pick(["", "all", "accuracy;ece-debiased", "layer-norms@a/b;x".repeat(60)]),
      way: pick(WAYS),
      intervals: pick(INTERVALS),
      find: text(),
      frame: pick(["", "0,0,2", "-0.25,1.5,12.5"]),
      aside: pick(["", "1", "3,12,500"]),
      zoom: pick(["", "0-4,2-9"]),
      block: pick(["", "1;2", "1,2;3,4,5"]),
      cut: pick(["", "2", "12"]),
      which: pick(["", "only-a", "both-wrong", "3-5"]),
      skip: number(),
      strips: pick(["", "none", "group,seed", "a tag"]),
      a: number(),
      b: number(),
      c: number(),
      d: number(),
      g: text(),
      h: text(),
      single: text(),
      outcome: text(),
      held: pick(["raw", "held"]),
    };
    assert.deepEqual(parse(query(view), TABS), { view, unknown: [] });
  }
});

test("what an address names wrongly is the default, and told", () => {
  const { view, unknown } = parse("?tab=nothing&a=-1&scale=loud&measure=ok&colour=red&aside=1;2", TABS);
  assert.deepEqual(view, { ...DEFAULT, measure: "ok" });
  assert.deepEqual(unknown, ["tab", "a", "scale", "colour", "aside"]);
});

test("what every object has is no part of a view", () => {
  const { view, unknown } = parse("?tab=matrix&constructor=1&toString=x&__proto__=y", TABS);
  assert.deepEqual(view, DEFAULT);
  assert.deepEqual(unknown, ["constructor", "toString", "__proto__"]);
});

test("no view opens the summary, a view of before tabs were named the matrix", () => {
  assert.equal(parse("", TABS).view.tab, "summary");
  assert.equal(parse("?measure=linear-cka&a=1&b=2", TABS).view.tab, "matrix");
});

test("a window outside the matrix is the whole matrix", () => {
  assert.deepEqual(windowOf("2-5,0-3", 10), { rows: [2, 5], columns: [0, 3] });
  assert.deepEqual(windowOf("2-5,5-5", 10), { rows: [0, 10], columns: [0, 10] });
  assert.deepEqual(windowOf("2-50,5-5", 10), { rows: [0, 10], columns: [0, 10] });
  assert.deepEqual(windowOf("", 0), { rows: [0, 0], columns: [0, 0] });
});
