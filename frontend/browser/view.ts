/* The view: everything on the screen that an address has to bring back (frontend/view.py says the same). */

export interface View {
  tab: string;
  measure: string;
  layer: string;
  order: string;
  way: string;
  scale: string;
  reading: string;
  sure: string;
  columns: string;
  intervals: string;
  find: string;
  frame: string;
  aside: string;
  zoom: string;
  block: string;
  cut: string;
  strips: string;
  a: number;
  b: number;
  c: number;
  d: number;
  which: string;
  skip: number;
  g: string;
  h: string;
  single: string;
  outcome: string;
  held: string;
  x: string;
  y: string;
}

export const DEFAULT: View = {
  tab: "matrix",
  measure: "",
  layer: "",
  order: "alike",
  way: "down",
  scale: "fixed",
  reading: "raw",
  sure: "",
  columns: "",
  intervals: "shown",
  find: "",
  frame: "",
  aside: "",
  zoom: "",
  block: "",
  cut: "",
  strips: "",
  a: 0,
  b: 0,
  c: 0,
  d: 0,
  which: "",
  skip: 0,
  g: "",
  h: "",
  single: "",
  outcome: "",
  held: "raw",
  x: "",
  y: "",
};

export const ORDERS = ["alike", "group", "name", "added"];
export const SCALES = ["fixed", "rank", "fit", "full"];
export const READINGS = ["raw", "above-chance", "against-seeds"];
export const WAYS = ["down", "up"];
export const INTERVALS = ["shown", "hidden"];
export const SURE = ["", "width", "fade", "seeds"];
/* An order by a column of single models is called after it. */
export const BY = "by:";
/* A parameter of an address that is longer is not one of ours. */
const LONGEST = 300;
const LONGEST_LIST = 4000;
const ALLOWED: Partial<Record<keyof View, string[]>> = {
  scale: SCALES,
  reading: READINGS,
  sure: SURE,
  held: ["raw", "held"],
  way: WAYS,
  intervals: INTERVALS,
};
const NUMBERS: (keyof View)[] = ["a", "b", "c", "d", "skip"];
const LISTS = /^\d+(,\d+)*$/;
const BLOCK = /^\d+(,\d+)*;\d+(,\d+)*$/;
const CUT = /^([2-9]|[1-9]\d)$/;
const WHICH = /^(only-a|only-b|both-wrong|\d{1,5}-\d{1,5})$/;
const FRAME = /^(-?\d{1,12}(\.\d{1,12})?,){2}[1-9]\d{0,2}(\.\d{1,12})?$/;
const WINDOW = /^\d+-\d+,\d+-\d+$/;

function fits(key: keyof View, value: string, tabs: string[]): boolean {
  if (key === "tab") return tabs.includes(value);
  if (key === "order") return ORDERS.includes(value) || (value.startsWith(BY) && value.length <= LONGEST);
  if (key === "aside") return value.length <= LONGEST_LIST && LISTS.test(value);
  if (key === "block") return value.length <= 2 * LONGEST_LIST && BLOCK.test(value);
  if (key === "cut") return CUT.test(value);
  if (key === "which") return WHICH.test(value);
  if (key === "zoom") return value.length <= LONGEST && WINDOW.test(value);
  if (key === "frame") return FRAME.test(value);
  if (key === "columns") return value.length <= LONGEST_LIST;
  const allowed = ALLOWED[key];
  return allowed ? allowed.includes(value) : value.length <= LONGEST;
}

/* What opens where an address names no view at all. */
const FIRST = "summary";

/* The view that an address names; what it does not name, or names wrongly, is the default and told apart. */
export function parse(query: string, tabs: string[]): { view: View; unknown: string[] } {
  const isBare = [...new URLSearchParams(query).values()].every((value) => value === "");
  const view: View = { ...DEFAULT, tab: isBare && tabs.includes(FIRST) ? FIRST : DEFAULT.tab };
  const unknown: string[] = [];
  for (const [key, value] of new URLSearchParams(query)) {
    if (!Object.hasOwn(DEFAULT, key)) {
      unknown.push(key);
      continue;
    }
    const name = key as keyof View;
    const isNumber = NUMBERS.includes(name);
    if (isNumber ? /^\d{1,15}$/.test(value) : fits(name, value, tabs)) {
      Object.assign(view, { [name]: isNumber ? Number(value) : value });
    } else if (value !== "") {
      unknown.push(key);
    }
  }
  return { view, unknown };
}

/* The address's part from the question mark on: the tab, and what else differs from the default. */
export function query(view: View): string {
  const changed = new URLSearchParams({ tab: view.tab });
  for (const key of Object.keys(DEFAULT) as (keyof View)[]) {
    if (view[key] !== DEFAULT[key]) changed.set(key, String(view[key]));
  }
  return `?${changed}`;
}

export function numbersOf(list: string): number[] {
  return list ? list.split(",").map(Number) : [];
}

export interface Block {
  rows: number[];
  columns: number[];
}

/* Numbers of the checkpoints of a block; null where none is selected. */
export function blockFrom(text: string): Block | null {
  const [rows, columns] = text.split(";").map(numbersOf);
  return rows?.length && columns?.length ? { rows, columns } : null;
}

export function blockText(block: Block): string {
  return `${block.rows.join(",")};${block.columns.join(",")}`;
}

export interface Window {
  rows: [number, number];
  columns: [number, number];
}

/* Positions of the first row and the one after the last, and the same of columns. */
export function windowOf(zoom: string, rows: number): Window {
  const whole: Window = { rows: [0, rows], columns: [0, rows] };
  if (!zoom) return whole;
  const [y, x] = zoom.split(",").map((part) => part.split("-").map(Number));
  const sound = (span: number[] | undefined): [number, number] | null => {
    const [low = 0, high = 0] = span ?? [];
    return low < high && high <= rows ? [low, high] : null;
  };
  const [down, across] = [sound(y), sound(x)];
  return down && across ? { rows: down, columns: across } : whole;
}
