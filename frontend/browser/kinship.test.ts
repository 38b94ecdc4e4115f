import assert from "node:assert/strict";
import { test } from "node:test";
import { familiesOf } from "./kinship";

const one = (name: string, more: object = {}) => ({ name, root: name, init_of: null, teacher: null, run: "", ...more });

test("copies, siblings, students and steps are of one family, others are not", () => {
  const everyone = [
    one("alone"),
    one("parent"),
    one("copy", { root: "parent" }),
    one("student", { teacher: "parent" }),
    one("sibling 1", { init_of: "start" }),
    one("sibling 2", { init_of: "start" }),
    one("step 1", { run: "r" }),
    one("step 2", { run: "r" }),
    undefined,
    one("r"),
  ];
  assert.deepEqual(familiesOf(everyone), [0, 1, 1, 1, 4, 4, 6, 6, 8, 9]);
});

test("a later tie joins two families", () => {
  assert.deepEqual(familiesOf([one("a"), one("b"), one("c", { root: "b", init_of: "a" })]), [0, 0, 0]);
});
