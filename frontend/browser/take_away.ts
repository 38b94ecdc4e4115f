/* Taking pictures and tables away as files that say what they show. */

import type { Column, Matrix } from "./arrays";
import { ALONE, groupColours } from "./colour";
import { chosenColumns, drawnOf } from "./drawn";
import { figurePng, figureSvg, saveAs, wrapped, type Caption } from "./figure";
import { LOOKS, type Look } from "./painting";
import { pictureOf, type Picture } from "./pictures";
import { provenance } from "./provenance";
import type { Store } from "./store";
import { GROUP } from "./strips";
import { escaped } from "./svg";
import type { Table } from "./table_files";
import type { AskedMeasure } from "./types";
import { writers } from "./writers";

export type FigureFormat = "svg" | "pdf" | "png";
export const FORMATS: FigureFormat[] = ["svg", "pdf", "png"];
/* More checkpoints make so many cells that a page of them is an image. */
const MOST_AS_LINES = 150;
const EDGE = 20;
const TITLE = 30;
const LINE = 15;
const DOTS = 3;
const FONT = "Inter, Helvetica, Arial, sans-serif";

/* A matrix, what it is of, and what stands beside it. */
export interface Shown {
  asked: AskedMeasure;
  matrix: Matrix;
  columns: Column[];
}

function shownOf(store: Store): Shown | null {
  const asked = store.measure;
  const matrix = asked && store.matrixOf(asked, store.layerOf(asked)).value;
  return asked && matrix ? { asked, matrix, columns: chosenColumns(store) } : null;
}

/* The matrix that is shown, as a file. */
export async function saveMatrix(store: Store, format: FigureFormat, shown = shownOf(store)): Promise<void> {
  const comparison = store.comparison;
  if (!shown || !comparison) return;
  const { asked, matrix, columns } = shown;
  const card = store.card(asked);
  const drawn = { ...drawnOf(store, asked, matrix, columns), look: LOOKS.light as Look };
  const colours = drawn.strips.flatMap((strip) => {
    const named = [...strip.colours].filter(([, colour]) => colour !== ALONE);
    const alone = strip.colours.size - named.length;
    const called = (name: string): string => (strip.title === GROUP ? name || "no group" : `${strip.title} ${name}`);
    const others: [string, string][] = alone ? [[`${alone} ${strip.title === GROUP ? "groups" : "values"} of one`, ALONE]] : [];
    return [...named.map(([name, colour]): [string, string] => [called(name), colour]), ...others];
  });
  const caption: Caption = {
    title: card.title,
    lines: [
      `${card.summary} ${comparison.checkpoints.length} checkpoints of ${comparison.name || "this comparison"} on ${comparison.probe}.`,
      provenance(store, matrix, asked),
      location.origin + store.href({}),
    ],
    groups: colours,
  };
  const name = `comparison-${comparison.id}-${asked.slug}`;
  if (format === "png") saveAs(`${name}.png`, await figurePng(drawn, caption));
  else if (format === "pdf" && drawn.order.length > MOST_AS_LINES) {
    saveAs(`${name}.pdf`, await (await writers()).pdfOf(await asOneImage(await figurePng(drawn, caption), caption.title)));
  } else await saveSvg(figureSvg(drawn, caption), name, format);
}

async function asOneImage(png: Blob, title: string): Promise<string> {
  const bitmap = await createImageBitmap(png);
  const address = await new Promise<string>((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.readAsDataURL(png);
  });
  const picture = { inside: `<image width="100%" height="100%" href="${address}"/>`, width: bitmap.width / DOTS, height: bitmap.height / DOTS };
  return svgOf(picture, title);
}

/* Any other picture on the page, with the words around it. */
export async function savePicture(holder: Element, store: Store | null, format: FigureFormat): Promise<void> {
  const picture = await pictureOf(holder);
  const { title, lines } = captionOf(holder, store);
  const stem = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "figure";
  const place = /\/(comparison|shared|study|checkpoint)\/(\d+)/.exec(location.pathname);
  const groups = holder.matches(".scatter") && store ? [...groupColours(store.groups)] : [];
  await saveSvg(framed(picture, { title, lines, groups: groups.filter(([, colour]) => colour !== ALONE) }), place ? `${place[1]}-${place[2]}-${stem}` : stem, format);
}

/* The heading before a figure, what stands beside it, and where it is from. */
function captionOf(holder: Element, store: Store | null): { title: string; lines: string[] } {
  let title = "";
  let told: string[] = [];
  for (let around = holder.parentElement; around && !title; around = around.parentElement) {
    const heading = around.querySelector("h1, h2, h3, figcaption strong");
    title = heading?.textContent?.trim() ?? "";
    if (title) told = [...around.querySelectorAll(".provenance, .quiet")].filter((one) => !one.closest(".figure-verbs")).map((one) => one.textContent?.trim() ?? "");
    if (around.matches("#page, .middle, .study-answer")) break;
  }
  const comparison = store?.comparison;
  const of = comparison ? `${comparison.checkpoints.length} checkpoints of ${comparison.name || "this comparison"} on ${comparison.probe}` : "";
  return {
    title: title || document.querySelector("#tabs [aria-current]")?.textContent || document.title,
    lines: [
      [...new Set(told)].filter(Boolean).slice(0, 3).join(" · ").slice(0, 500),
      [of, comparison ? `results ${comparison.progress.version}` : document.title].filter(Boolean).join(" · "),
      location.href,
    ].filter(Boolean),
  };
}

function framed(picture: Picture, { title, lines, groups }: Caption): string {
  const { ink, quiet, paper } = LOOKS.light as Look;
  const width = Math.max(picture.width, 500) + 2 * EDGE;
  const letters = Math.floor((width - 2 * EDGE) / 6.2);
  const named = groups.map(([name, colour]) => `<tspan fill="${colour}">●</tspan> ${escaped(name || "no group")}`);
  const written = lines.flatMap((line) => wrapped(line, letters));
  const height = EDGE + TITLE + picture.height + EDGE + (written.length + (named.length ? 1 : 0)) * LINE + EDGE;
  const texts = [...(named.length ? [named.join("  ")] : []), ...written.map(escaped)].map((line, k) => {
    const y = EDGE + TITLE + picture.height + EDGE + k * LINE;
    return `<text x="${EDGE}" y="${y}" font-size="11" fill="${quiet}">${line}</text>`;
  });
  const inside =
    `<rect width="100%" height="100%" fill="${paper}"/>` +
    `<text x="${EDGE}" y="${EDGE + 10}" font-size="16" font-weight="600" fill="${ink}">${escaped(title)}</text>` +
    `<svg x="${EDGE}" y="${EDGE + TITLE}" width="${picture.width}" height="${picture.height}" ` +
    `viewBox="0 0 ${picture.width} ${picture.height}">${picture.inside}</svg>${texts.join("")}`;
  return svgOf({ inside, width, height }, title);
}

function svgOf(picture: Picture, title: string): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${picture.width}" ` +
    `height="${picture.height}" viewBox="0 0 ${picture.width} ${picture.height}" font-family="${FONT}">` +
    `<title>${escaped(title)}</title>${picture.inside}</svg>`
  );
}

async function saveSvg(svg: string, name: string, format: FigureFormat): Promise<void> {
  const file = new Blob([svg], { type: "image/svg+xml" });
  if (format === "svg") saveAs(`${name}.svg`, file);
  if (format === "pdf") saveAs(`${name}.pdf`, await (await writers()).pdfOf(svg));
  if (format === "png") saveAs(`${name}.png`, await rastered(file));
}

async function rastered(svg: Blob): Promise<Blob> {
  const image = new Image();
  const address = URL.createObjectURL(svg);
  try {
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width * DOTS, image.height * DOTS];
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no image")))));
  } finally {
    URL.revokeObjectURL(address);
  }
}

/* What a table says of itself in its file. */
export function aboutFile(store: Store, ...more: string[]): Record<string, string> {
  const { comparison } = store;
  return {
    source: location.origin + store.href({}),
    comparison: `${comparison?.name || `Comparison ${comparison?.id}`} on ${comparison?.probe}`,
    intervals: "95 %",
    version: [`results ${comparison?.progress.version}`, ...more].join("; "),
  };
}

/* The pairs of the matrix that is shown, a row each. */
export function pairsTable(store: Store): Table | null {
  const asked = store.measure;
  const matrix = asked && store.matrixOf(asked, store.layerOf(asked)).value;
  if (!asked || !matrix) return null;
  const order = store.order(matrix);
  const isOneWay = store.card(asked).symmetric;
  const cells = order.flatMap((i, row) => order.flatMap((j, column) => (i === j || (isOneWay && column < row) ? [] : [[i, j] as const])));
  const numbers = (values: Float32Array): number[] => cells.map(([i, j]) => values[i * matrix.columns + j] as number);
  const names = (at: 0 | 1): string[] => cells.map((cell) => matrix.header.labels[cell[at]] as string);
  return {
    about: { ...aboutFile(store), measure: provenance(store, matrix, asked) },
    columns: [
      { name: "a", title: "a", isText: true, values: names(0) },
      { name: "b", title: "b", isText: true, values: names(1) },
      { name: asked.key, title: store.card(asked).title, isText: false, values: numbers(matrix.values) },
      { name: "low", isText: false, values: numbers(matrix.low) },
      { name: "high", isText: false, values: numbers(matrix.high) },
    ],
  };
}
