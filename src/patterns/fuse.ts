/**
 * The constant of reciprocal rank fusion, which damps the lead of a first place. Source: Cormack, Clarke and Büttcher,
 * "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009.
 */
const fusionConstant = 60;

/**
 * Merges rankings by reciprocal rank fusion: an item scores the sum of `1 / (60 + rank)` over the rankings that hold it,
 * rank from 1. Best first; equal scores keep the order in which they first appeared. An item that stands in one ranking
 * twice counts there at its better place.
 * @param rankings each best first
 * @param keyOf what makes two items the same
 */
export function fuseRankings<T>(rankings: readonly (readonly T[])[], keyOf: (item: T) => string): readonly T[] {
  const fused = new Map<string, { readonly item: T; score: number }>();
  for (const ranking of rankings) {
    const seen = new Set<string>();
    for (const [index, item] of ranking.entries()) {
      const key = keyOf(item);
      if (seen.has(key)) continue;
      seen.add(key);
      const entry = fused.get(key) ?? { item, score: 0 };
      entry.score += 1 / (fusionConstant + index + 1);
      fused.set(key, entry);
    }
  }
  return [...fused.values()].sort((a, b) => b.score - a.score).map(({ item }) => item);
}
