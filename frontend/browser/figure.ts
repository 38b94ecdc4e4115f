/* The matrix as a figure to take away: with its title, its scale, and where its numbers come from. */

import { css, type Scale } from "./colour";
import { number, rankOf } from "./numbers";
import { LOOKS, paint, planOf, type Drawn, type Look } from "./painting";
import { SvgContext } from "./svg";

/* Pixels of a page: a column of a paper at three times its width. */
const ROOM = { width: 900, height: 900 };
const EDGE = 20;
const TITLE = 22;
const LINE = 15;
const SCALE = { width: 300, height: 44 };
const BARS = 60;
const FONT = "Inter, Helvetica, Arial, sans-serif";
/* Letters of a line of the caption. */
const LETTERS = 120;
const DOTS = 3;

export interface Caption {
  title: string;
  lines: string[];
  groups: [string, string][];
}

export type Context = CanvasRenderingContext2D | SvgContext;

/* Lines that are not longer than a caption is wide. */
export function wrapped(text: string, letters = LETTERS): string[] {
  const lines: string[] = [];
  // An address has no blanks, and is of use only when it is whole.
  const words = text.split(" ").flatMap((word) => word.match(new RegExp(`.{1,${letters}}`, "gsu")) ?? [""]);
  for (const word of words) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + word.length < letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function paintScale(context: Context, scale: Scale, look: Look, x: number, y: number): void {
  const step = (scale.high - scale.low) / BARS;
  const counts = Array.from({ length: BARS }, (_, k) => {
    const [low, high] = [scale.low + k * step, scale.low + (k + 1) * step];
    return rankOf(scale.sorted, high)[0] - rankOf(scale.sorted, low)[0];
  });
  const most = Math.max(1, ...counts);
  counts.forEach((count, k) => {
    context.fillStyle = css(scale.colour(scale.low + (k + 0.5) * step));
    const tall = count ? Math.max(1, (count / most) * 20) : 0;
    const left = x + (k * SCALE.width) / BARS;
    context.fillRect(left, y + 20 - tall, SCALE.width / BARS + 0.3, tall);
    context.fillRect(left, y + 22, SCALE.width / BARS + 0.3, 8);
  });
  context.fillStyle = look.quiet;
  context.font = `11px ${FONT}`;
  context.textBaseline = "middle";
  [scale.low, (scale.low + scale.high) / 2, scale.high].forEach((value, k) => {
    context.textAlign = (["left", "center", "right"] as const)[k] as CanvasTextAlign;
    context.fillText(number(value), x + (k * SCALE.width) / 2, y + 39);
  });
}

/* Draw the whole figure; its size. */
function compose(make: (width: number, height: number) => Context, drawn: Drawn, caption: Caption): void {
  const measured = new OffscreenCanvas(1, 1).getContext("2d") as OffscreenCanvasRenderingContext2D;
  measured.font = `11px ${FONT}`;
  const plan = planOf(drawn, ROOM, (text) => measured.measureText(text).width);
  const lines = caption.lines.flatMap((line) => wrapped(line));
  const top = EDGE + TITLE + SCALE.height + (caption.groups.length ? LINE : 0) + 10;
  const width = Math.max(plan.width, 700) + 2 * EDGE;
  const height = top + plan.height + lines.length * LINE + 2 * EDGE;
  const context = make(width, height);
  const { look } = drawn;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = look.ink;
  context.font = `600 16px ${FONT}`;
  context.fillText(caption.title, EDGE, EDGE + 8);
  paintScale(context, drawn.scale, look, EDGE, EDGE + TITLE);
  let x = EDGE;
  for (const [name, colour] of caption.groups) {
    context.fillStyle = colour;
    context.fillRect(x, top - LINE - 6, 9, 9);
    context.fillStyle = look.ink;
    context.font = `11px ${FONT}`;
    context.textAlign = "left";
    context.fillText(name, x + 13, top - LINE - 1);
    x += 30 + measured.measureText(name).width;
  }
  paintMoved(context, drawn, plan, top);
  context.textAlign = "left";
  context.fillStyle = look.quiet;
  context.font = `11px ${FONT}`;
  lines.forEach((line, k) => context.fillText(line, EDGE, top + plan.height + EDGE + k * LINE));
}

function paintMoved(context: Context, drawn: Drawn, plan: ReturnType<typeof planOf>, top: number): void {
  const moved = {
    ...plan,
    x: plan.x + EDGE,
    y: plan.y + top,
    beside: plan.beside + EDGE,
    width: plan.width + EDGE,
    height: plan.height + top,
  };
  paint(context as CanvasRenderingContext2D, drawn, moved, { keep: true });
}

export function figureSvg(drawn: Drawn, caption: Caption): string {
  const inLight = { ...drawn, look: LOOKS.light as Look };
  const context = new SvgContext();
  let size: [number, number] = [0, 0];
  compose(
    (width, height) => {
      size = [width, height];
      return context;
    },
    inLight,
    caption,
  );
  return context.document(size[0], size[1], inLight.look.paper, caption.title);
}

export async function figurePng(drawn: Drawn, caption: Caption): Promise<Blob> {
  const canvas = document.createElement("canvas");
  compose(
    (width, height) => {
      canvas.width = width * DOTS;
      canvas.height = height * DOTS;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      context.scale(DOTS, DOTS);
      context.fillStyle = drawn.look.paper;
      context.fillRect(0, 0, width, height);
      return context;
    },
    drawn,
    caption,
  );
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no image")))));
}

export function saveAs(name: string, body: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(body);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
