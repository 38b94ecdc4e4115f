import assert from "node:assert/strict";
import { test } from "node:test";
import filters from "../../tests/frontend/filters.json";
import { matches, misunderstood, type Row } from "./filtering";

const { row, cases } = filters as unknown as { row: Omit<Row, "text">; cases: [string, boolean][] };
const whole = { ...row, text: row.name } as Row;

test("filters keep what the library's keep", () => {
  for (const [text, isKept] of cases) assert.equal(matches(whole, text), isKept, text);
});

test("what no row can fit is told", () => {
  assert.equal(misunderstood([whole], "group:sam acc>0.9"), "");
  assert.match(misunderstood([whole], "colour:red"), /no checkpoint has colour/);
  assert.match(misunderstood([whole], "acc>high"), /needs a number/);
  assert.match(misunderstood([whole], ">3"), /not understood/);
});

test("a number that is missing fits nothing", () => {
  assert.equal(matches({ ...whole, metrics: { accuracy: NaN } }, "accuracy<1"), false);
});
