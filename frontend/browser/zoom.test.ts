import assert from "node:assert/strict";
import { test } from "node:test";
import { windowOf } from "./view";
import { panned, zoomed, zoomText } from "./zoom";

const whole = windowOf("", 24);

test("nearer keeps the cell under the pointer where it was, farther ends at the whole", () => {
  const nearer = zoomed(whole, 24, [12, 0], true);
  assert.deepEqual(nearer, { rows: [3, 21], columns: [0, 18] });
  let shown = nearer;
  for (let k = 0; k < 20; k++) shown = zoomed(shown, 24, [12, 0], true);
  assert.equal(shown.rows[1] - shown.rows[0], 3);
  for (let k = 0; k < 20; k++) shown = zoomed(shown, 24, [12, 0], false);
  assert.deepEqual(shown, whole);
  assert.equal(zoomText(shown, 24), "");
  assert.deepEqual(windowOf(zoomText(nearer, 24), 24), nearer);
});

test("moving ends at the edges, and small matrices stay whole", () => {
  const part = { rows: [3, 9] as [number, number], columns: [0, 6] as [number, number] };
  assert.deepEqual(panned(part, 24, 2, -5), { rows: [5, 11], columns: [0, 6] });
  assert.deepEqual(panned(part, 24, 100, 100), { rows: [18, 24], columns: [18, 24] });
  assert.deepEqual(zoomed(windowOf("", 2), 2, [0, 0], true), windowOf("", 2));
});
