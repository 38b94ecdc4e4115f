import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelTable } from "./arrays";
import { hasGiven, withGiven } from "./given";
import type { Checkpoint, Comparison } from "./types";

const comparison = { checkpoints: [1, 2], labels: ["a", "b"], progress: { version: 3 } } as unknown as Comparison;
const people = (first: object, second: object): Map<number, Checkpoint> =>
  new Map([[1, { id: 1, metrics: first }], [2, { id: 2, metrics: second }]] as unknown as [number, Checkpoint][]);

test("given numbers stand after those that were computed, and are missing where they were not given", () => {
  const table = { ids: [1, 2], labels: ["a", "b"], columns: [{ id: "ece" }], version: 3 } as unknown as ModelTable;
  const there = people({ accuracy: 0.5, epochs: 3 }, { accuracy: 0.25 });
  const whole = withGiven(comparison, there, table);
  assert.deepEqual(whole?.columns.map((c) => c.id), ["ece", "given:accuracy", "given:epochs"]);
  assert.deepEqual([...(whole?.columns[1]?.values ?? [])], [0.5, 0.25]);
  assert.ok(Number.isNaN(whole?.columns[2]?.values[1] ?? 0));
  // Asked again it is the same table, so that nothing is drawn anew.
  assert.equal(withGiven(comparison, there, table), whole);
});

test("where nothing was computed the given ones stand alone, and where nothing was given nothing changes", () => {
  assert.deepEqual(withGiven(comparison, people({ x: 1 }, {}), null)?.labels, ["a", "b"]);
  assert.equal(withGiven(comparison, people({}, {}), null), null);
  assert.equal(hasGiven(people({}, {})), false);
});
