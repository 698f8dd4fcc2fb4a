/** Holds a rule to its contract: it can only remove and order what it was shown, and a broken rule opens nothing. */
import type { Candidate } from "../catalog/candidate.ts";
import type { Refusal, RuleObligation } from "./decision.ts";
import type { StepFacts } from "./facts.ts";
import type { Rule } from "./rule.ts";
import { outsideOf, readOutcome, type ReadOutcome } from "./rule-contract.ts";

export interface AppliedRule extends Pick<ReadOutcome, "flags" | "assignments"> {
  readonly refused: readonly Refusal[];
  readonly obligations: readonly RuleObligation[];
  readonly remaining: readonly Candidate[];
  /** Whether it removed or ordered anybody. */
  readonly hasSay: boolean;
}

/** Names that the rule was not shown are ignored, in everything that it says. */
export function applyRule(rule: Rule, candidates: readonly Candidate[], facts: StepFacts): AppliedRule {
  const { removed, order, flags, obligations, assignments } = outcomeOf(rule, candidates, facts);
  const kept = obligations.length === 0 ? obligations : obligations.flatMap((one) => onShown(one, candidates));
  const hasSay = removed.length > 0 || order.length > 0;
  if (removed.length === 0)
    return { flags, assignments, obligations: kept, refused: [], remaining: inOrder(candidates, order), hasSay };
  const reasons = new Map(removed.map(({ endpoint, reason }) => [endpoint, reason]));
  const refused: Refusal[] = [];
  const remaining: Candidate[] = [];
  for (const candidate of candidates) {
    const { name } = candidate.endpoint;
    const reason = reasons.get(name);
    if (reason === undefined) remaining.push(candidate);
    else refused.push(Object.freeze({ endpoint: name, rule: rule.name, reason }));
  }
  refused.sort(byEndpoint);
  return { flags, assignments, obligations: kept, refused, remaining: inOrder(remaining, order), hasSay };
}

/** The order in which refusals are listed, so that the catalog's does not matter. */
export function byEndpoint(a: Refusal, b: Refusal): number {
  return a.endpoint < b.endpoint ? -1 : 1;
}

/** Whoever is asked later sees the data, too: an endpoint that no gate let through is not named. */
function onShown(obligation: RuleObligation, candidates: readonly Candidate[]): RuleObligation[] {
  return obligation.type === "escalate-later"
    ? keepLater(obligation, (name) => candidates.some(({ endpoint }) => endpoint.name === name))
    : [obligation];
}

/** @returns no obligation where nobody is left to be asked */
export function keepLater(
  obligation: Extract<RuleObligation, { type: "escalate-later" }>,
  isKept: (endpoint: string) => boolean,
): RuleObligation[] {
  const endpoints = [...new Set(obligation.endpoints)].filter(isKept);
  return endpoints.length === 0 ? [] : [Object.freeze({ ...obligation, endpoints: Object.freeze(endpoints) })];
}

function inOrder(candidates: readonly Candidate[], order: readonly string[]): readonly Candidate[] {
  if (order.length === 0) return candidates;
  const rest = new Map<string, Candidate>();
  for (const candidate of candidates) rest.set(candidate.endpoint.name, candidate);
  const listed: Candidate[] = [];
  for (const name of order) {
    const found = rest.get(name);
    if (found !== undefined && rest.delete(name)) listed.push(found);
  }
  return rest.size === 0 ? listed : [...listed, ...rest.values()];
}

/** A rule that throws, or answers with something else, refuses all it was shown: a broken rule opens nothing. */
function outcomeOf(rule: Rule, candidates: readonly Candidate[], facts: StepFacts): ReadOutcome {
  try {
    const beyond = outsideOf(rule, candidates);
    // Each rule gets a list of its own: what it writes into it reaches nobody. (A frozen one would do, but is slow to walk.)
    const outcome = readOutcome(rule.apply(inside(candidates, beyond), facts));
    if (outcome === undefined) return refuseAll(candidates, "returned no outcome");
    return beyond.length === 0 ? outcome : { ...outcome, removed: [...outcome.removed, ...beyond] };
  } catch (error) {
    return refuseAll(candidates, `threw ${nameOf(error)}`);
  }
}

function inside(candidates: readonly Candidate[], beyond: ReadOutcome["removed"]): Candidate[] {
  if (beyond.length === 0) return [...candidates];
  const names = new Set(beyond.map(({ endpoint }) => endpoint));
  return candidates.filter(({ endpoint }) => !names.has(endpoint.name));
}

function refuseAll(candidates: readonly Candidate[], why: string): ReadOutcome {
  const reason = `the rule ${why}; it must return { removed, order, flags }`;
  const removed = candidates.map(({ endpoint }) => ({ endpoint: endpoint.name, reason }));
  return { removed, order: [], flags: [], obligations: [], assignments: [] };
}

/** The message may hold anything, so it is not repeated. What was thrown may throw again when it is looked at. */
function nameOf(error: unknown): string {
  try {
    const name: unknown = error instanceof Error ? error.name : undefined;
    return typeof name === "string" ? name : typeof error;
  } catch {
    return "something";
  }
}
