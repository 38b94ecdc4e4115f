/* Numbers as people write them. */

/* Three significant digits; the same as frontend/figures/look.py. */
export function number(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size >= 100000 || size < 0.0001) {
    const [digits, power] = value.toExponential(2).split("e") as [string, string];
    return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  let digits = size >= 1 ? Math.max(0, 3 - String(Math.floor(size)).length) : 3;
  if (size < 0.1) digits = 4;
  if (size < 0.01) digits = 5;
  return value.toFixed(digits);
}

/* Quantile of sorted numbers by linear interpolation. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return NaN;
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const first = sorted[low] as number;
  const second = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  return first + (second - first) * (at - low);
}

/* How many of sorted numbers are below a value, and how many are at most it. */
export function rankOf(sorted: ArrayLike<number>, value: number): [number, number] {
  const search = (isBelow: (other: number) => boolean): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBelow(sorted[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return [search((other) => other < value), search((other) => other <= value)];
}

/* What lies within one and a half interquartile ranges of the middle half: its ends, and how many lie beyond. */
export function fence(sorted: ArrayLike<number>): { low: number; high: number; below: number; above: number } {
  if (sorted.length === 0) return { low: NaN, high: NaN, below: 0, above: 0 };
  const first = quantile(sorted, 0.25);
  const third = quantile(sorted, 0.75);
  const room = 1.5 * (third - first);
  if (room === 0) {
    return { low: sorted[0] as number, high: sorted[sorted.length - 1] as number, below: 0, above: 0 };
  }
  const [below] = rankOf(sorted, first - room);
  const [, inside] = rankOf(sorted, third + room);
  return {
    low: sorted[below] as number,
    high: sorted[inside - 1] as number,
    below,
    above: sorted.length - inside,
  };
}

/* Text that LaTeX prints as it stands. */
export function inTex(text: string): string {
  const named: Record<string, string> = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  return text.replace(/[\\~^&%$#_{}]/g, (c) => named[c] ?? `\\${c}`);
}
