/* Tables as files: CSV for spreadsheets, LaTeX for papers, Parquet for programs. */

import { inTex, number } from "./numbers";
import { writers } from "./writers";

export type TableFormat = "csv" | "tex" | "parquet";

export interface TableColumn {
  /* Its name in a file for programs, such as ``accuracy low``. */
  name: string;
  isText: boolean;
  /* One value for each row; NaN or null where there is none. */
  values: (string | number | null)[];
  /* What stands over it in a paper; without one it is the end of an interval and stands in the cell before. */
  title?: string;
}

export interface Table {
  columns: TableColumn[];
  /* What the file says of itself: address, version, level of the intervals. */
  about: Record<string, string>;
}

const isNone = (value: string | number | null | undefined): boolean =>
  value === null || value === undefined || (typeof value === "number" && Number.isNaN(value));

/* Text that a spreadsheet would run is made harmless. */
export function csvOf(table: Table): string {
  const quoted = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const field = (value: string | number | null | undefined): string =>
    isNone(value) ? "" : typeof value === "string" ? quoted(value) : String(value);
  const lines = rowsOf(table).map((i) => table.columns.map((column) => field(column.values[i])));
  return [table.columns.map((column) => quoted(column.name)), ...lines].map((line) => line.join(",")).join("\r\n");
}

function rowsOf(table: Table): number[] {
  return [...(table.columns[0]?.values ?? []).keys()];
}

/* As the package booktabs draws it, with the ends of intervals beside their values. */
export function texOf(table: Table): string {
  const shown = table.columns.filter((column) => column.title !== undefined);
  const cell = (column: TableColumn, i: number): string => {
    const value = column.values[i];
    if (isNone(value)) return "--";
    if (typeof value === "string") return inTex(value);
    const at = table.columns.indexOf(column);
    const ends = [table.columns[at + 1], table.columns[at + 2]].map((end) =>
      end && end.title === undefined ? (end.values[i] as number | null | undefined) : null,
    );
    const told = number(value as number);
    return ends.some(isNone) ? told : `${told} {\\scriptsize [${number(ends[0] as number)}, ${number(ends[1] as number)}]}`;
  };
  return [
    ...Object.entries(table.about).map(([key, value]) => `% ${key}: ${value.replace(/\s+/g, " ")}`),
    `\\begin{tabular}{${shown.map((column) => (column.isText ? "l" : "r")).join("")}}`,
    "\\toprule",
    `${shown.map((column) => inTex(column.title as string)).join(" & ")} \\\\`,
    "\\midrule",
    ...rowsOf(table).map((i) => `${shown.map((column) => cell(column, i)).join(" & ")} \\\\`),
    "\\bottomrule",
    "\\end{tabular}",
    "",
  ].join("\n");
}

export async function fileOf(table: Table, format: TableFormat): Promise<Blob> {
  if (format === "parquet") return (await writers()).parquetOf(table);
  return format === "csv" ? new Blob([csvOf(table)], { type: "text/csv" }) : new Blob([texOf(table)], { type: "text/x-tex" });
}
