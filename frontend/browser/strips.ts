/* Strips of colour beside rows and columns: the group, tags, and the clusters of a cut. */

import { between, COLUMN, css, groupColours } from "./colour";
import type { Checkpoint } from "./types";

export interface Strip {
  title: string;
  /* What each model has, in the comparison's order. */
  labels: string[];
  colours: Map<string, string>;
}

/* More values than this are numbers on a scale, or nobody could tell the colours apart. */
const MOST_COLOURS = 8;
/* Strips of more kinds leave no room for the matrix. */
const MOST_STRIPS = 4;
export const GROUP = "group";

function isNumber(text: string): boolean {
  return text !== "" && Number.isFinite(Number(text));
}

/* A colour for each value; many numbers share one scale from low to high. */
export function coloursOf(labels: string[]): Map<string, string> {
  const values = [...new Set(labels.filter(Boolean))];
  if (values.length <= MOST_COLOURS || !values.every(isNumber)) return groupColours(labels);
  const sorted = values.sort((a, b) => Number(a) - Number(b));
  return new Map(sorted.map((value, k) => [value, css(between(COLUMN, k / (sorted.length - 1)))]));
}

/* Names of the tags that the checkpoints have, sorted. */
export function tagNames(checkpoints: Checkpoint[]): string[] {
  return [...new Set(checkpoints.flatMap((one) => Object.keys(one.tags)))].sort();
}

/* The names of the strips that a view asks for. */
export function wantedStrips(text: string): string[] {
  if (text === "none") return [];
  return text ? text.split(",").slice(0, MOST_STRIPS) : [GROUP];
}

/* The strips of a picture; those on which all are alike say nothing and are left out. */
export function stripsOf(wanted: string[], groups: string[], models: (Checkpoint | undefined)[], clusters: number[]): Strip[] {
  const named: [string, string[]][] = wanted.map((name) => [
    name,
    name === GROUP ? groups : models.map((one) => one?.tags[name] ?? ""),
  ]);
  if (clusters.length) named.push(["cluster", clusters.map((one) => (one ? String(one) : ""))]);
  return named
    .map(([title, labels]) => ({ title, labels, colours: coloursOf(labels) }))
    .filter((strip) => new Set(strip.labels).size > 1);
}
