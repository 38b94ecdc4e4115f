import assert from "node:assert/strict";
import { test } from "node:test";
import { runsOf } from "./runs";
import type { Checkpoint } from "./types";

const one = (id: number, run: string, step: number | null): Checkpoint => ({ id, run, step }) as Checkpoint;

test("a run is its checkpoints by step, and one step is no run", () => {
  const found = runsOf([one(1, "b", 9), one(2, "a", 100), one(3, "a", 0), one(4, "", 3), one(5, "a", 20), one(6, "c", null)]);
  assert.deepEqual(found, [{ name: "a", ids: [3, 5, 2] }]);
});

test("runs stand in the order of their first checkpoints", () => {
  const found = runsOf([one(1, "z", 2), one(2, "a", 1), one(3, "a", 2), one(4, "z", 1)]);
  assert.deepEqual(found.map((run) => run.name), ["z", "a"]);
});
