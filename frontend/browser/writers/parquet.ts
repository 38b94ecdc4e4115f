/* A table as a Parquet file, with what it says of itself as metadata. */

import { parquetWriteBuffer } from "hyparquet-writer";
import type { Table } from "../table_files";

export function parquetOf(table: Table): Blob {
  const columnData = table.columns.map((column) => ({
    name: column.name,
    type: column.isText ? ("STRING" as const) : ("DOUBLE" as const),
    data: column.values.map((value) => (typeof value === "number" && Number.isNaN(value) ? null : value)),
    nullable: true,
  }));
  const kvMetadata = Object.entries(table.about).map(([key, value]) => ({ key, value }));
  return new Blob([parquetWriteBuffer({ columnData, kvMetadata })], { type: "application/vnd.apache.parquet" });
}
