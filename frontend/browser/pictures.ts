/* What stands on the page as one SVG for paper: in the colours of the light scheme, with its own styles. */

import { rgb } from "./colour";
import { LOOKS, type Look } from "./painting";
import { escaped } from "./svg";

export interface Picture {
  /* The content of an SVG element of this size. */
  inside: string;
  width: number;
  height: number;
}

interface Plotly {
  toImage(figure: unknown, how: { format: "svg"; width: number; height: number }): Promise<string>;
}

type Plotted = HTMLElement & { data: unknown; layout: unknown };

/* What our style sheet says of a drawing, written into it. */
const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linejoin",
  "opacity", "font-size", "font-weight", "text-anchor", "dominant-baseline", "display",
];
/* A small matrix, the gap after it and the height of its title, in pixels of the page. */
const MINI = { size: 150, gap: 18, title: 34, across: 5 };
/* What the figures of the server are drawn in, where they are not of our looks (frontend/figures/look.py). */
const OTHER_DARK = { "#8c96a8": "#697386" };

/* The picture of a figure of the server, of a drawing of ours, or of many small matrices. */
export async function pictureOf(holder: Element): Promise<Picture> {
  const plotted = holder.querySelector<Plotted>(".js-plotly-plot");
  if (plotted) return ofPlotly(plotted);
  const drawing = holder.querySelector<SVGSVGElement>("svg");
  if (drawing) return ofDrawing(drawing);
  return ofMiniatures([...holder.querySelectorAll<HTMLElement>(".mini-link")]);
}

async function ofPlotly(plotted: Plotted): Promise<Picture> {
  const [width, height] = [plotted.clientWidth, plotted.clientHeight];
  const { Plotly } = window as unknown as { Plotly: Plotly };
  const figure = JSON.parse(onPaper(JSON.stringify({ data: plotted.data, layout: plotted.layout }))) as object;
  const address = await Plotly.toImage(figure, { format: "svg", width, height });
  const text = decodeURIComponent(address.slice(address.indexOf(",") + 1));
  const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  return { inside: [...root.children].map((child) => new XMLSerializer().serializeToString(child)).join(""), width, height };
}

/* The colours of the dark scheme replaced by those of the light one. */
function onPaper(text: string): string {
  const [dark, light] = [LOOKS.dark, LOOKS.light] as [Look, Look];
  const pairs = (Object.keys(dark) as (keyof Look)[]).map((key): [string, string] => [dark[key], light[key]]);
  return [...pairs, ...Object.entries(OTHER_DARK)].reduce((all, [from, to]) => all.replaceAll(from, to), text);
}

function ofDrawing(drawing: SVGSVGElement): Picture {
  const { width, height } = drawing.getBoundingClientRect();
  const room = document.createElement("div");
  room.className = "on-paper off-screen scatter";
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  room.append(copy);
  document.body.append(room);
  const parts = [...copy.querySelectorAll<SVGElement>("*")];
  // All are read before one is changed: what a part looks like depends on those around it.
  const said = parts.map((part) => {
    const style = getComputedStyle(part);
    // The halo of a name is nothing that every program draws below its letters.
    const own = STYLES.filter((name) => !(part instanceof SVGTextElement && name.startsWith("stroke")));
    return own.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";");
  });
  for (const [k, part] of parts.entries()) {
    part.setAttribute("style", said[k] as string);
    for (const name of [...part.attributes].map((one) => one.name)) {
      if (/^(class|tabindex|role|aria-.*|data-.*)$/.test(name)) part.removeAttribute(name);
    }
  }
  room.remove();
  return { inside: [...copy.children].map((child) => new XMLSerializer().serializeToString(child)).join(""), width, height };
}

/* Small matrices in rows, each with its title. */
function ofMiniatures(links: HTMLElement[]): Picture {
  const drawn = links.filter((link) => link.querySelector("canvas"));
  const { ink, quiet } = LOOKS.light as Look;
  const parts = drawn.map((link, k) => {
    const [x, y] = [(k % MINI.across) * (MINI.size + MINI.gap), Math.floor(k / MINI.across) * (MINI.size + MINI.title + MINI.gap)];
    const told = (kind: string): string => link.querySelector(kind)?.textContent ?? "";
    const canvas = link.querySelector("canvas") as HTMLCanvasElement;
    return (
      `<image x="${x}" y="${y}" width="${MINI.size}" height="${MINI.size}" style="image-rendering:pixelated" href="${inLight(canvas)}"/>` +
      `<text x="${x}" y="${y + MINI.size + 14}" font-size="11" fill="${ink}">${escaped(told(".mini-title"))}</text>` +
      `<text x="${x}" y="${y + MINI.size + 28}" font-size="10" fill="${quiet}">${escaped(told(".mini-layer"))}</text>`
    );
  });
  const across = Math.min(MINI.across, Math.max(1, drawn.length));
  const down = Math.ceil(drawn.length / MINI.across);
  const [width, height] = [across * (MINI.size + MINI.gap), down * (MINI.size + MINI.title + MINI.gap)];
  return { inside: parts.join(""), width, height };
}

/* A small matrix whose cells without a number are as on paper. */
function inLight(canvas: HTMLCanvasElement): string {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const context = copy.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(canvas, 0, 0);
  const image = context.getImageData(0, 0, copy.width, copy.height);
  const [from, to] = [rgb((LOOKS.dark as Look).blank), rgb((LOOKS.light as Look).blank)];
  for (let p = 0; p < image.data.length; p += 4) {
    if (from.every((part, k) => image.data[p + k] === part)) image.data.set(to, p);
  }
  context.putImageData(image, 0, 0);
  return copy.toDataURL();
}
