/* What stands around the cells: strips of colour, the dendrogram and its cut, frames of clusters. */

import { cutHeight } from "./clusters";
import { GAP, LINED, STRIP, TREE, type Drawn, type Plan } from "./painting";

/* Strips stand side by side; one has room even where there is none, so that nothing jumps. */
export function stripsWidth(drawn: Drawn): number {
  return Math.max(1, drawn.strips.length) * (STRIP + 1) - 1;
}

export function paintStrips(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  const gap = plan.cell >= LINED ? 1 : 0;
  drawn.strips.forEach((strip, k) => {
    const colour = (position: number): string => strip.colours.get(strip.labels[position] ?? "") ?? drawn.look.blank;
    // The first one stands farthest out, beside the names.
    const away = GAP + STRIP + (drawn.strips.length - 1 - k) * (STRIP + 1);
    for (let i = 0; i < plan.rows; i++) {
      context.fillStyle = colour(drawn.order[drawn.window.rows[0] + i] as number);
      context.fillRect(plan.x - away, plan.y + i * plan.cell, STRIP, Math.max(0.5, plan.cell - gap));
    }
    for (let j = 0; j < plan.columns; j++) {
      context.fillStyle = colour(drawn.order[drawn.window.columns[0] + j] as number);
      context.fillRect(plan.x + j * plan.cell, plan.y - away, Math.max(0.5, plan.cell - gap), STRIP);
    }
  });
}

/* Frames around the clusters, where those of one stand together. */
export function paintClusters(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  if (!drawn.tree.length || !drawn.clusters.length) return;
  context.strokeStyle = drawn.look.ink;
  context.lineWidth = 1.5;
  for (let from = 0; from < plan.rows; ) {
    const cluster = drawn.clusters[drawn.order[from] as number];
    let to = from;
    while (to < plan.rows && drawn.clusters[drawn.order[to] as number] === cluster) to++;
    const side = (to - from) * plan.cell;
    context.strokeRect(plan.x + from * plan.cell, plan.y + from * plan.cell, side, side);
    from = to;
  }
}

export function paintTree(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  const bottom = plan.y - stripsWidth(drawn) - 2 * GAP;
  const x = (leaf: number): number => plan.x + (leaf + 0.5) * plan.cell;
  const y = (height: number): number => bottom - height * (TREE - 4);
  context.strokeStyle = drawn.look.quiet;
  context.lineWidth = 1;
  context.beginPath();
  for (const [a, ha, b, hb, h] of drawn.tree) {
    context.moveTo(x(a), y(ha));
    context.lineTo(x(a), y(h));
    context.lineTo(x(b), y(h));
    context.lineTo(x(b), y(hb));
  }
  context.stroke();
  if (!drawn.clusters.length) return;
  const height = y(cutHeight(drawn.tree.length + 1, new Set(drawn.clusters.filter(Boolean)).size));
  context.strokeStyle = drawn.look.accent;
  context.beginPath();
  context.moveTo(plan.x, height);
  context.lineTo(plan.x + plan.columns * plan.cell, height);
  context.stroke();
}

/* The mark of a cell without a number: a stroke for failed, a dot for what cannot be had. */
export function paintReason(
  context: CanvasRenderingContext2D,
  drawn: Drawn,
  k: number,
  { left, top, cell }: { left: number; top: number; cell: number },
): void {
  const why = drawn.matrix.header.reasons[drawn.matrix.told?.[k] ?? -1]?.why ?? "not-computed";
  context.strokeStyle = context.fillStyle = drawn.look.quiet;
  context.lineWidth = 1;
  if (why === "failed") {
    context.beginPath();
    context.moveTo(left + 2, top + cell - 2);
    context.lineTo(left + cell - 2, top + 2);
    context.stroke();
  } else if (why === "not-applicable" || why === "needs-more") {
    context.beginPath();
    context.arc(left + cell / 2, top + cell / 2, Math.min(2, cell / 6), 0, 7);
    context.fill();
  }
}
