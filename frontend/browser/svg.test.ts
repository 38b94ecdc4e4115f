import assert from "node:assert/strict";
import { test } from "node:test";
import { wrapped } from "./figure";
import { SvgContext } from "./svg";

test("what is drawn is written, and text is no markup", () => {
  const context = new SvgContext();
  context.fillStyle = "rgb(1,2,3)";
  context.fillRect(1, 2.005, 3, 4);
  context.save();
  context.translate(10, 20);
  context.rotate(-Math.PI / 2);
  context.textAlign = "right";
  context.fillText("<b> & \"x\"", 0, 0);
  context.restore();
  context.beginPath();
  context.moveTo(0, 0);
  context.lineTo(5, 5);
  context.stroke();
  const text = context.document(100, 50, "#fff", "a < b");
  assert.ok(text.includes('<rect x="1" y="2.01" width="3" height="4" fill="rgb(1,2,3)"/>'), text);
  assert.ok(text.includes("&lt;b&gt; &amp; &quot;x&quot;"));
  assert.ok(text.includes('text-anchor="end"') && text.includes("rotate(-90 10 20)"));
  assert.ok(text.includes('d="M0 0L5 5"'));
  assert.ok(text.includes("<title>a &lt; b</title>"));
  assert.ok(!text.includes("<b>"));
});

test("captions are broken between words, and long words stand alone", () => {
  assert.deepEqual(wrapped("aa bb cc", 6), ["aa bb", "cc"]);
  assert.deepEqual(wrapped("x".repeat(9), 6), ["x".repeat(6), "x".repeat(3)]);
  assert.deepEqual(wrapped(`from ${"x".repeat(9)}`, 6), ["from", "x".repeat(6), "x".repeat(3)]);
});
