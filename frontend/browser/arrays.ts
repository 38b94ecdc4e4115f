/* Numbers as they come over the wire. */

import type { MatrixHeader, ModelTableDocument, ModelColumn, Packed, Reason } from "./types";

export interface Matrix {
  header: MatrixHeader;
  rows: number;
  columns: number;
  values: Float32Array;
  low: Float32Array;
  high: Float32Array;
  /* Positions in the header's reasons, -1 where there is a number; null where every place has one. */
  told: Int16Array | null;
}

/* The API's ``format=float32``: length of the header, header, values, low, high, reasons. */
export function decode(buffer: ArrayBuffer): Matrix {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as MatrixHeader;
  const rows = header.ids.length;
  const columns = header.columns;
  const sent = header.is_triangle ? (rows * (rows + 1)) / 2 : rows * columns;
  const part = (k: number): Float32Array => new Float32Array(buffer, 4 + length + 4 * k * sent, sent);
  const told = header.has_reasons ? new Int16Array(buffer, 4 + length + 12 * sent, sent) : null;
  const whole = <T extends Float32Array | Int16Array>(some: T): T => (header.is_triangle ? square(some, rows) : some);
  return {
    header,
    rows,
    columns,
    values: whole(part(0)),
    low: whole(part(1)),
    high: whole(part(2)),
    told: told && whole(told),
  };
}

/* A symmetric matrix from its places on and above the diagonal. */
function square<T extends Float32Array | Int16Array>(triangle: T, rows: number): T {
  const out = new (triangle.constructor as new (length: number) => T)(rows * rows);
  let k = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = i; j < rows; j++, k++) {
      out[i * rows + j] = out[j * rows + i] = triangle[k] as number;
    }
  }
  return out;
}

export function unpack(packed: Packed): Float64Array {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Float64Array(bytes.buffer);
}

export interface Column extends ModelColumn {
  /* Its name in an address. */
  id: string;
  values: Float64Array;
  low: Float64Array;
  high: Float64Array;
  reasons: Map<number, Reason>;
}

export interface ModelTable {
  ids: number[];
  labels: string[];
  columns: Column[];
  version: number;
}

export function columnId(measure: string, layer: string | null): string {
  return layer ? `${measure}@${layer}` : measure;
}

export function modelTable(document: ModelTableDocument): ModelTable {
  const wide = document.columns.length;
  const grids = { values: unpack(document.values), low: unpack(document.low), high: unpack(document.high) };
  const pick = (grid: Float64Array, k: number): Float64Array =>
    Float64Array.from(document.ids, (_, i) => grid[i * wide + k] as number);
  const columns = document.columns.map((column, k) => ({
    ...column,
    id: columnId(column.measure, column.layer),
    values: pick(grids.values, k),
    low: pick(grids.low, k),
    high: pick(grids.high, k),
    reasons: new Map<number, Reason>(),
  }));
  for (const missing of document.missing) columns[missing.column]?.reasons.set(missing.row, missing);
  return { ids: document.ids, labels: document.labels, columns, version: document.version };
}
