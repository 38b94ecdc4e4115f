/* Filters that people type, as backend/contracts/filtering.py reads them; tests/frontend/filters.json holds both. */

export interface Row {
  name: string;
  /* What a word without a column is looked for in. */
  text: string;
  tags: Record<string, string>;
  metrics: Record<string, number>;
  [column: string]: unknown;
}

const TERM = /(?:([\p{L}\p{N}_.-]+)(:|~|>=|<=|>|<|=))?("[^"]*"|\S+)/gu;
const ALIASES: Record<string, string> = { acc: "accuracy", arch: "architecture", params: "parameters" };

/* Whether a row fits every term: ``word`` is in its text, ``key:word`` the whole value of a column, tag or number,
   ``key~word`` a part of it, ``key>number`` compares one. */
export function matches(row: Row, text: string): boolean {
  return [...text.matchAll(TERM)].every(([, key, sign, value]) => fits(row, key, sign ?? "", bare(value as string)));
}

/* What of a filter no row could ever fit; nothing where all of it can be read. */
export function misunderstood(rows: Row[], text: string): string {
  for (const [, key, sign, value] of text.matchAll(TERM)) {
    const word = bare(value as string);
    if (key === undefined) {
      if (/[:~<>=]/.test(word)) return `${word} is not understood: write it as group:sam, name~pruned or acc>0.9`;
    } else if (rows.length && rows.every((row) => valueOf(row, key) === undefined)) return `no checkpoint has ${key}`;
    else if (/[<>]/.test(sign ?? "") && numeric(word) === null) return `${key}${sign} needs a number, not ${word}`;
  }
  return "";
}

function bare(value: string): string {
  return value.replace(/^"+|"+$/g, "");
}

function numeric(text: string): number | null {
  const trimmed = text.trim();
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : null;
}

function fits(row: Row, key: string | undefined, sign: string, value: string): boolean {
  const wanted = value.toLowerCase();
  if (key === undefined) return row.text.toLowerCase().includes(wanted);
  const found = valueOf(row, key);
  if (found === undefined) return false;
  const text = String(found).toLowerCase();
  if (sign === "~") return text.includes(wanted);
  if (sign === ":" || sign === "=") return text === wanted;
  const [have, limit] = [numeric(text), numeric(wanted)];
  if (have === null || limit === null) return false;
  return { ">": have > limit, "<": have < limit, ">=": have >= limit, "<=": have <= limit }[sign] ?? false;
}

function valueOf(row: Row, key: string): unknown {
  const name = ALIASES[key.toLowerCase()] ?? key.toLowerCase();
  for (const place of [row, row.tags, row.metrics]) {
    for (const [k, v] of Object.entries(place)) {
      if (k.toLowerCase() === name && v !== null && v !== undefined && !Number.isNaN(v)) return v;
    }
  }
  return undefined;
}
