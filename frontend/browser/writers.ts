/* The libraries that write PDF and Parquet, brought when the first such file is asked for. */

import type { Table } from "./table_files";

export interface Writers {
  /* A drawing of one SVG element as a page of its size. */
  pdfOf(svg: string): Promise<Blob>;
  parquetOf(table: Table): Blob;
}

declare global {
  interface Window {
    kinscapeWriters?: Writers;
  }
}

let coming: Promise<Writers> | null = null;

export function writers(): Promise<Writers> {
  coming ??= new Promise<Writers>((done, fail) => {
    const script = document.createElement("script");
    script.src = "/assets/vendor/writers.js";
    script.onload = () => (window.kinscapeWriters ? done(window.kinscapeWriters) : fail(new Error("no writers")));
    script.onerror = () => {
      coming = null;
      fail(new Error("The writer of this kind of file could not be loaded; try again in a moment."));
    };
    document.head.append(script);
  });
  return coming;
}
