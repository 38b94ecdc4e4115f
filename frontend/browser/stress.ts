/* How well places on a map follow what they stand for. */

/* Kruskal's stress-1 of a map: the root of the squared errors of its distances over the sum of their squares.

   Places and the distances they stand for are of the same models in the same order; 0 is a perfect map, above 0.2 it
   misleads. Source: Kruskal 1964, Multidimensional scaling by optimizing goodness of fit. */
export function stressOf(places: number[][], wanted: Float64Array[]): number {
  let [missed, all] = [0, 0];
  for (let i = 0; i < places.length; i++) {
    for (let j = i + 1; j < places.length; j++) {
      const drawn = apart(places, i, j);
      missed += (drawn - (wanted[i]?.[j] as number)) ** 2;
      all += drawn ** 2;
    }
  }
  return all > 0 ? Math.sqrt(missed / all) : 0;
}

/* Rank correlation between distances on a map and those they stand for. */
export function faithfulness(places: number[][], wanted: Float64Array[]): number {
  const far: number[] = [];
  const unlike: number[] = [];
  for (let i = 0; i < places.length; i++) {
    for (let j = i + 1; j < places.length; j++) {
      far.push(apart(places, i, j));
      unlike.push(wanted[i]?.[j] as number);
    }
  }
  return correlation(ranks(far), ranks(unlike));
}

function apart(places: number[][], i: number, j: number): number {
  const [p, q] = [places[i] as number[], places[j] as number[]];
  return Math.hypot((p[0] as number) - (q[0] as number), (p[1] as number) - (q[1] as number));
}

/* Ranks with ties at their mean. */
export function ranks(values: number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => (values[i] as number) - (values[j] as number));
  const out = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1] as number] === values[order[start] as number]) end++;
    for (let k = start; k <= end; k++) out[order[k] as number] = (start + end) / 2;
    start = end + 1;
  }
  return out;
}

export function correlation(x: number[], y: number[]): number {
  const mean = (v: number[]): number => v.reduce((sum, one) => sum + one, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((one, i) => {
    const [dx, dy] = [one - mx, (y[i] as number) - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  return xx && yy ? xy / Math.sqrt(xx * yy) : 0;
}
