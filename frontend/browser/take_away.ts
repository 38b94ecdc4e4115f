/* Taking a picture away as a file that says what it shows. */

import { ALONE } from "./colour";
import { chosenColumns, drawnOf } from "./drawn";
import { figurePng, figureSvg, saveAs, type Caption } from "./figure";
import { provenance } from "./provenance";
import type { Store } from "./store";
import { GROUP } from "./strips";

/* The matrix that is shown, as a file. */
export async function saveFigure(store: Store, format: "svg" | "png"): Promise<void> {
  const asked = store.measure;
  const matrix = asked && store.matrixOf(asked, store.layerOf(asked)).value;
  const comparison = store.comparison;
  if (!asked || !matrix || !comparison) return;
  const card = store.card(asked);
  const drawn = drawnOf(store, asked, matrix, chosenColumns(store));
  const colours = drawn.strips.flatMap((strip) =>
    [...strip.colours]
      .filter(([, colour]) => colour !== ALONE)
      .map(([name, colour]): [string, string] => [strip.title === GROUP ? name || "no group" : `${strip.title} ${name}`, colour]),
  );
  const caption: Caption = {
    title: card.title,
    lines: [
      `${card.summary} ${comparison.checkpoints.length} checkpoints of ${comparison.name || "this comparison"} on ${comparison.probe}.`,
      provenance(store, matrix, asked),
      location.origin + store.href({}),
    ],
    groups: colours,
  };
  const name = `comparison-${comparison.id}-${asked.slug}.${format}`;
  if (format === "png") saveAs(name, await figurePng(drawn, caption));
  else saveAs(name, new Blob([figureSvg(drawn, caption)], { type: "image/svg+xml" }));
}
