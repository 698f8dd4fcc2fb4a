const edges = [0.001, 0.01, 0.1, 1, 10] as const;
const names = ["lt_0.001", "0.001-0.01", "0.01-0.1", "0.1-1", "1-10", "ge_10"] as const;

/** Jaeger searches by string equality, so the cost of a run is also a word. */
export function costBucket(costUsd: number): string {
  if (costUsd === 0) return "0";
  return names[edges.filter((edge) => costUsd >= edge).length] ?? "ge_10";
}
