/* Where the numbers of a picture come from, in one line. */

import type { Matrix } from "./arrays";
import type { Store } from "./store";
import type { AskedMeasure } from "./types";

export function provenance(store: Store, matrix: Matrix, asked: AskedMeasure): string {
  const { header } = matrix;
  const settings = Object.entries(asked.parameters).map(([k, v]) => `${k} = ${v}`);
  const band = header.band;
  return [
    header.n ? `N = ${header.n}` : "",
    header.role && header.role !== "none" ? `${header.role} samples${asked.probe ? ` of ${asked.probe}` : ""}` : "",
    header.layer ? `layer ${header.layer}` : "",
    settings.join(", "),
    header.method,
    band ? `seeds: ${band.roots} independent networks of ${band.group || "no group"}, ${band.pairs} pairs` : "",
    `${asked.slug} v${asked.version}`,
    `results ${store.comparison?.progress.version ?? header.version}`,
  ].filter(Boolean).join(" · ");
}
