import type { Candidate } from "../../catalog/candidate.ts";
import type { RuleOutcome } from "../rule.ts";

/** Removes every candidate for which there is a reason to. */
export function removeWhere(
  candidates: readonly Candidate[],
  reasonOf: (candidate: Candidate) => string | undefined,
): NonNullable<RuleOutcome["removed"]> {
  const removed: { endpoint: string; reason: string }[] = [];
  for (const candidate of candidates) {
    const reason = reasonOf(candidate);
    if (reason !== undefined) removed.push({ endpoint: candidate.endpoint.name, reason });
  }
  return removed;
}

/** Names in the order of `rank`, lowest first; equals keep the order they had. Empty, which changes nothing, if they have it. */
export function orderBy(candidates: readonly Candidate[], rank: (candidate: Candidate) => number): readonly string[] {
  const ranked: { name: string; rank: number }[] = [];
  let inOrder = true;
  for (const candidate of candidates) {
    const own = { name: candidate.endpoint.name, rank: rank(candidate) };
    if (own.rank < (ranked.at(-1)?.rank ?? own.rank)) inOrder = false;
    ranked.push(own);
  }
  return inOrder ? [] : ranked.sort((a, b) => a.rank - b.rank).map(({ name }) => name);
}

/**
 * Names with the preferred ones first inside each class; the classes keep their order. A preference for a place or a field
 * must not turn "small first" into "large first".
 */
export function preferWithinClass(
  candidates: readonly Candidate[],
  isPreferred: (candidate: Candidate) => boolean,
): readonly string[] {
  const first = candidates[0]?.endpoint.class;
  return orderBy(
    candidates,
    (candidate) => (candidate.endpoint.class === first ? 0 : 2) + (isPreferred(candidate) ? 0 : 1),
  );
}
