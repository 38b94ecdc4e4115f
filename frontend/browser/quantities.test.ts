import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenQuantities, spread, type Quantity } from "./quantities";

const single = (id: string): Quantity => ({ id, title: id, layer: null });
const pair = (id: string): Quantity => ({ id, title: id, layer: null, asked: {} as Quantity["asked"] });
const ALL = [single("accuracy"), single("ece"), single("trace"), pair("cka"), pair("js")];

const ids = (found: [Quantity, Quantity] | null): string[] => (found ?? []).map((one) => one.id);

test("a view names both, or the first that are likely stand in", () => {
  assert.deepEqual(ids(chosenQuantities(ALL, "ece", "trace", [])), ["ece", "trace"]);
  assert.deepEqual(ids(chosenQuantities(ALL, "", "", ["trace", "ece"])), ["trace", "ece"]);
  assert.deepEqual(ids(chosenQuantities(ALL, "", "", [])), ["accuracy", "ece"]);
});

test("a number of pairs stands against one of pairs", () => {
  assert.deepEqual(ids(chosenQuantities(ALL, "js", "ece", ["trace"])), ["js", "cka"]);
  assert.deepEqual(ids(chosenQuantities(ALL, "unknown", "cka", [])), ["accuracy", "ece"]);
});

test("one number alone stands against nothing", () => {
  assert.equal(chosenQuantities([single("accuracy"), pair("cka")], "", "", []), null);
  assert.equal(chosenQuantities([], "", "", []), null);
});

test("too many are thinned evenly", () => {
  const some = Array.from({ length: 1000 }, (_, k) => k);
  assert.deepEqual(spread(some, 4), [0, 250, 500, 750]);
  assert.equal(spread(some, 2000), some);
});
