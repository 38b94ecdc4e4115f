import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf, texOf, type Table } from "./table_files";

const table: Table = {
  about: { source: "https://x/1?a=b", intervals: "95 %" },
  columns: [
    { name: "checkpoint", title: "checkpoint", isText: true, values: ["=1+1", 'a "b"'] },
    { name: "ece", title: "ECE_15", isText: false, values: [0.125, NaN] },
    { name: "ece low", isText: false, values: [0.1, NaN] },
    { name: "ece high", isText: false, values: [0.15, NaN] },
  ],
};

test("a spreadsheet gets numbers as they are, and text that it would run as text", () => {
  assert.equal(csvOf(table), '"checkpoint","ece","ece low","ece high"\r\n"\'=1+1",0.125,0.1,0.15\r\n"a ""b""",,,');
});

test("a paper gets one column for a value and its interval, and where it is from", () => {
  const lines = texOf(table).split("\n");
  assert.equal(lines[0], "% source: https://x/1?a=b");
  assert.equal(lines[2], "\\begin{tabular}{lr}");
  assert.equal(lines[4], "checkpoint & ECE\\_15 \\\\");
  assert.equal(lines[6], "=1+1 & 0.125 {\\scriptsize [0.100, 0.150]} \\\\");
  assert.equal(lines[7], 'a "b" & -- \\\\');
});
