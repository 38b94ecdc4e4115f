import assert from "node:assert/strict";
import { test } from "node:test";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import type { Table } from "../table_files";
import { parquetOf } from "./parquet";

test("a table comes back from its Parquet file, what is missing as null", async () => {
  const table: Table = {
    about: { source: "here", intervals: "95 %" },
    columns: [
      { name: "a", title: "a", isText: true, values: ["x", "ü 网", null] },
      { name: "accuracy", title: "Accuracy", isText: false, values: [0.1, NaN, 1 / 3] },
    ],
  };
  const file = await parquetOf(table).arrayBuffer();
  assert.deepEqual(await parquetReadObjects({ file }), [
    { a: "x", accuracy: 0.1 },
    { a: "ü 网", accuracy: null },
    { a: null, accuracy: 1 / 3 },
  ]);
  const said = Object.fromEntries((parquetMetadata(file).key_value_metadata ?? []).map(({ key, value }) => [key, value]));
  assert.equal(said.source, "here");
  assert.equal(said.intervals, "95 %");
});
