/* Whether a checkpoint is known to compute what its owner's model computes. */

import type { Checkpoint } from "./types";

export const UNVERIFIED = "°";
export const CONTRADICTED = " ≠";

/* Programs and recordings are their owners' own; weights alone compute nothing here. */
export function markOf(one: Checkpoint | undefined): string {
  if (one?.level !== "network" || !one.verification) return "";
  if (one.verification.verdict === "contradicted") return CONTRADICTED;
  return one.verification.verdict === "verified" ? "" : UNVERIFIED;
}

/* What the marks of these checkpoints mean; nothing where there are none. */
export function meaningOf(all: Iterable<Checkpoint>): string[] {
  const marks = new Set([...all].map(markOf));
  const out: string[] = [];
  if (marks.has(CONTRADICTED)) out.push("≠ computes other outputs than its owner gave");
  if (marks.has(UNVERIFIED)) out.push("° architecture named, outputs not verified");
  return out;
}
