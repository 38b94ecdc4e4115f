/* How a number is distributed over the checkpoints of each group. */

export interface Curve {
  group: string;
  /* Values in order; the share of checkpoints with at most the k-th is (k + 1) / n. */
  values: number[];
  /* Half width of the band in which the whole curve lies with 95 % confidence; 0 where there are too few. */
  band: number;
  /* Families that these checkpoints are of: related ones are no independent draws. */
  families: number;
}

/* With fewer the band is nearly everything. */
const FEWEST = 5;
const LEVEL = 0.05;

/* Dvoretzky, Kiefer & Wolfowitz 1956, with the constant of Massart 1990. */
export function bandOf(count: number): number {
  return count < FEWEST ? 0 : Math.sqrt(Math.log(2 / LEVEL) / (2 * count));
}

/* A curve for each group of two or more, or one for all where there is no such group; bands are of so many families. */
export function curvesOf(values: ArrayLike<number>, groups: string[], aside: Set<number>, families: number[]): Curve[] {
  const byGroup = new Map<string, number[]>();
  const known = Array.from(values).flatMap((value, i) => (Number.isFinite(value) && !aside.has(i) ? [i] : []));
  for (const i of known) byGroup.set(groups[i] ?? "", [...(byGroup.get(groups[i] ?? "") ?? []), i]);
  const several = [...byGroup].filter(([, some]) => some.length > 1).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown: [string, number[]][] = several.length ? several : [["", known]];
  return shown
    .filter(([, some]) => some.length > 1)
    .map(([group, some]) => {
      const count = new Set(some.map((i) => families[i] ?? i)).size;
      return { group, values: some.map((i) => values[i] as number).sort((a, b) => a - b), band: bandOf(count), families: count };
    });
}

/* Corners of the steps of a curve, moved up by so much and kept within 0 and 1. */
export function stepsOf(values: number[], low: number, high: number, up = 0): [number, number][] {
  const within = (share: number): number => Math.min(1, Math.max(0, share + up));
  const corners: [number, number][] = [[low, within(0)]];
  values.forEach((value, k) => {
    corners.push([value, within(k / values.length)], [value, within((k + 1) / values.length)]);
  });
  return [...corners, [high, within(1)]];
}
