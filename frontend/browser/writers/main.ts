/* Files that need a library: brought by ``writers.ts`` when the first is asked for, not with the page. */

import { jsPDF } from "jspdf";
import { svg2pdf } from "svg2pdf.js";
import type { Writers } from "../writers";
import { parquetOf } from "./parquet";

/* Points of a pixel. */
const POINT = 0.75;
/* About as wide as what the page is written in. */
const FAMILY = "DejaVu Sans Condensed";
const FONTS = [
  ["DejaVuSansCondensed.ttf", "normal"],
  ["DejaVuSansCondensed-Bold.ttf", "bold"],
] as const;
/* Letters that the font lacks, or that have to be shaped: Hebrew to Arabic, India to Tibet, East Asia, pictographs. */
const ELSEWHERE = /[\u0590-\u08ff\u0900-\u1cff\u2e80-\ud7ff\uf900-\ufaff\ufe70-\ufeff]|[\ud800-\udfff]/;
/* Dots of a letter that is drawn as an image, for one of the page. */
const DOTS = 4;
const EM = 1.4;

const fonts = new Map<string, Promise<string>>();

function fontOf(file: string): Promise<string> {
  const there = fonts.get(file) ?? fetch(`/assets/vendor/${file}`).then(async (answer) => {
    if (!answer.ok) throw new Error("The font of the file could not be loaded; try again in a moment.");
    const bytes = new Uint8Array(await answer.arrayBuffer());
    let text = "";
    for (let k = 0; k < bytes.length; k += 0x8000) text += String.fromCharCode(...bytes.subarray(k, k + 0x8000));
    return btoa(text);
  });
  fonts.set(file, there);
  there.catch(() => fonts.delete(file));
  return there;
}

/* Text that the font cannot write, as an image of what the browser writes. */
function asImage(text: SVGTextElement): void {
  const style = getComputedStyle(text);
  const size = Number.parseFloat(style.fontSize) || 11;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const font = `${style.fontWeight} ${size}px ${style.fontFamily}`;
  context.font = font;
  const width = Math.ceil(context.measureText(text.textContent ?? "").width) + 2;
  const height = Math.ceil(size * EM);
  [canvas.width, canvas.height] = [width * DOTS, height * DOTS];
  context.scale(DOTS, DOTS);
  context.font = font;
  context.textBaseline = "middle";
  context.fillStyle = style.fill;
  context.fillText(text.textContent ?? "", 1, height / 2);
  const [x, y] = [Number(text.getAttribute("x") ?? 0), Number(text.getAttribute("y") ?? 0)];
  const shift = { start: 0, middle: width / 2, end: width }[style.textAnchor] ?? 0;
  const isCentral = style.dominantBaseline === "central" || style.dominantBaseline === "middle";
  const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
  const attributes = { x: x - shift, y: y - height / 2 - (isCentral ? 0 : size * 0.35), width, height, href: canvas.toDataURL() };
  for (const [name, value] of Object.entries(attributes)) image.setAttribute(name, String(value));
  const turned = text.getAttribute("transform");
  if (turned) image.setAttribute("transform", turned);
  text.replaceWith(image);
}

async function pdfOf(svg: string): Promise<Blob> {
  const holder = document.createElement("div");
  holder.className = "on-paper off-screen";
  holder.innerHTML = svg;
  document.body.append(holder);
  try {
    const root = holder.querySelector("svg") as SVGSVGElement;
    const [width, height] = [root.width.baseVal.value, root.height.baseVal.value];
    for (const text of root.querySelectorAll("text")) {
      if (ELSEWHERE.test(text.textContent ?? "")) asImage(text);
      for (const part of [text, ...text.querySelectorAll<SVGElement>("tspan")]) {
        if (part.style.fontFamily) part.style.fontFamily = "";
        part.setAttribute("font-family", FAMILY);
        const weight = part.style.fontWeight || part.getAttribute("font-weight");
        if (weight) {
          part.style.fontWeight = "";
          part.setAttribute("font-weight", Number(weight) >= 600 || weight === "bold" ? "bold" : "normal");
        }
      }
    }
    const pdf = new jsPDF({
      unit: "pt", format: [width * POINT, height * POINT], orientation: width > height ? "landscape" : "portrait", compress: true,
    });
    for (const [file, style] of FONTS) {
      pdf.addFileToVFS(file, await fontOf(file));
      pdf.addFont(file, FAMILY, style);
    }
    pdf.setFont(FAMILY, "normal");
    pdf.setProperties({ title: root.querySelector("title")?.textContent ?? "", creator: "Kinscape" });
    await svg2pdf(root, pdf, { x: 0, y: 0, width: width * POINT, height: height * POINT });
    return pdf.output("blob");
  } finally {
    holder.remove();
  }
}

(window as { kinscapeWriters?: Writers }).kinscapeWriters = { pdfOf, parquetOf };
