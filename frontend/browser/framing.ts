/* The part of a picture of points that is seen: nearer, farther, moved. */

export interface Frame {
  /* Its middle, in the units of the points. */
  x: number;
  y: number;
  /* How many times it is enlarged. */
  zoom: number;
}

type Span = [number, number];

const STEP = 1.5;
const MOST = 200;

/* The frame that an address names; nothing where all is seen. */
export function frameOf(text: string): Frame | null {
  const [x, y, zoom] = text.split(",").map(Number);
  return text && zoom !== undefined && zoom > 1 ? { x: x as number, y: y as number, zoom: Math.min(MOST, zoom) } : null;
}

/* As the address has it, without digits that nobody sees. */
export function frameText(frame: Frame | null): string {
  if (!frame || frame.zoom <= 1) return "";
  const plain = (v: number): string => (Number(v.toPrecision(5)) || 0).toFixed(12).replace(/\.?0+$/, "");
  return [frame.x, frame.y, frame.zoom].map(plain).join(",");
}

/* The ends of an axis within a frame. */
export function framed([low, high]: Span, middle: number, zoom: number): Span {
  const half = (high - low) / zoom / 2;
  return [middle - half, middle + half];
}

/* A step nearer or farther about a place that stays where it is; the whole is nothing. */
export function stepped(frame: Frame | null, whole: { x: Span; y: Span }, at: { x: number; y: number } | null, inward: boolean): Frame | null {
  const now = frame ?? { x: (whole.x[0] + whole.x[1]) / 2, y: (whole.y[0] + whole.y[1]) / 2, zoom: 1 };
  const zoom = Math.min(MOST, inward ? now.zoom * STEP : now.zoom / STEP);
  if (zoom <= 1.001) return null;
  const about = at ?? now;
  const share = now.zoom / zoom;
  return { x: about.x + (now.x - about.x) * share, y: about.y + (now.y - about.y) * share, zoom };
}
