/* Whether a checkpoint is known to compute what its owner's model computes. */

import type { Matrix } from "./arrays";
import type { Checkpoint } from "./types";

export const UNVERIFIED = "°";
export const CONTRADICTED = " ≠";

/* Programs and recordings are their owners' own; weights alone compute nothing here. */
export function markOf(one: Checkpoint | undefined): string {
  if (one?.level !== "network" || !one.verification) return "";
  if (one.verification.verdict === "contradicted") return CONTRADICTED;
  return one.verification.verdict === "verified" ? "" : UNVERIFIED;
}

/* How many cells have no number, by the mark that they bear; nothing where all have one. */
export function missingOf(matrix: Matrix, order: number[], isRunning: boolean): string[] {
  const counts = { failed: 0, dot: 0, blank: 0 };
  for (const i of order) {
    for (const j of order) {
      const k = i * matrix.columns + j;
      if (i === j || Number.isFinite(matrix.values[k] as number)) continue;
      const why = matrix.header.reasons[matrix.told?.[k] ?? -1]?.why ?? "";
      counts[why === "failed" ? "failed" : why === "not-applicable" || why === "needs-more" ? "dot" : "blank"] += 1;
    }
  }
  const of = (count: number): string => `${count} ${count === 1 ? "cell" : "cells"}`;
  return [
    counts.failed ? `╱ failed: ${of(counts.failed)}` : "",
    counts.dot ? `• cannot be had of these two: ${of(counts.dot)}` : "",
    counts.blank ? `blank ${isRunning ? "not computed yet" : "not computed"}: ${of(counts.blank)}` : "",
  ].filter(Boolean);
}

/* What the marks of these checkpoints mean; nothing where there are none. */
export function meaningOf(all: Iterable<Checkpoint>): string[] {
  const marks = new Set([...all].map(markOf));
  const out: string[] = [];
  if (marks.has(CONTRADICTED)) out.push("≠ computes other outputs than its owner gave");
  if (marks.has(UNVERIFIED)) out.push("° architecture named, outputs not verified");
  return out;
}
