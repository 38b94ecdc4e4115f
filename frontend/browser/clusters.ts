/* Clusters of a dendrogram: what hangs together when its highest merges are taken apart. */

/* The cluster of each model, from 1 in the order of the leaves.

   merges: of two nodes each, with their height; model i is node i, and merge k makes node n + k. */
export function clustersOf(merges: number[][], order: number[], count: number): number[] {
  const n = merges.length + 1;
  if (count < 2 || count > n || order.length !== n) return [];
  const lowest = merges
    .map((_, k) => k)
    .sort((i, j) => (merges[i]?.[2] as number) - (merges[j]?.[2] as number) || i - j)
    .slice(0, n - count);
  const above = new Map<number, number>();
  for (const k of lowest) for (const child of (merges[k] as number[]).slice(0, 2)) above.set(child, n + k);
  const top = (node: number): number => {
    let at = node;
    while (above.has(at)) at = above.get(at) as number;
    return at;
  };
  const numbers = new Map<number, number>();
  for (const model of order) {
    const root = top(model);
    if (!numbers.has(root)) numbers.set(root, numbers.size + 1);
  }
  return order.map((_, model) => numbers.get(top(model)) as number);
}

/* The height between the merges that a cut keeps and those that it takes apart, as a share of all. */
export function cutHeight(leaves: number, count: number): number {
  return (leaves - count + 0.5) / (leaves - 1);
}
