/**
 * The policy engine: a pure function from facts to a decision. The gates (privacy first) run before the rules and are no
 * part of a policy, so no rule, and no bug in one, can choose a place that may not see the data, spend what cannot be
 * bounded, or ask for ever. May import `catalog`, `confidence`, `tiers` and `common`; it knows nothing of graphs.
 * @module
 */
import type { Candidate } from "../catalog/candidate.ts";
import { deepFreeze } from "../common/freeze.ts";
import { stableHash } from "../common/stable-hash.ts";
import type { ConfidenceKind } from "../confidence/confidence.ts";
import { flowsTo } from "../tiers/clearance.ts";
import { formatLabel } from "../tiers/label.ts";
import type { Decision, DecisionClass, Refusal, Rung } from "./decision.ts";
import type { StepFacts } from "./facts.ts";
import { gates } from "./gates.ts";
import type { Policy } from "./policy.ts";
import type { Rule, RuleOutcome } from "./rule.ts";

export function decide(policy: Policy, candidates: readonly Candidate[], facts: StepFacts): Decision {
  const refused: Refusal[] = [];
  const flags: string[] = [];
  const shown = Object.freeze({ ...facts });
  // Copies, frozen: what a rule writes into the facts or candidates it is shown reaches nobody.
  let remaining: readonly Candidate[] = candidates
    .filter((candidate) => passes(candidate, facts, refused))
    .map((candidate) => Object.freeze({ ...candidate }));
  for (const rule of policy.rules) {
    const applied = applyRule(rule, Object.freeze(remaining), shown);
    refused.push(...applied.refused);
    flags.push(...applied.flags);
    remaining = applied.remaining;
  }
  const ladder = remaining.map((candidate) => rungOf(candidate, facts));
  const decision = {
    step: facts.step,
    policy: { name: policy.name, version: policy.version },
    class: classOf(ladder, facts),
    label: facts.label,
    ...(facts.role === undefined ? {} : { role: facts.role }),
    ladder,
    refused,
    flags,
    acceptAt: policy.acceptAt,
    reason: reasonOf(ladder, facts, refused),
  };
  return deepFreeze({ ...decision, id: stableHash(decision) });
}

/** What may be chosen at all: every gate has to let it through. */
function passes(candidate: Candidate, facts: StepFacts, refused: Refusal[]): boolean {
  for (const { name, refuse } of gates) {
    const reason = refuse(candidate, facts);
    if (reason === undefined) continue;
    refused.push({ endpoint: candidate.endpoint.name, rule: name, reason });
    return false;
  }
  return true;
}

/** Holds a rule to its contract: names it does not know are ignored, so it can only remove and order. */
function applyRule(rule: Rule, candidates: readonly Candidate[], facts: StepFacts) {
  const { removed = [], order = [], flags = [] } = outcomeOf(rule, candidates, facts);
  const reasons = new Map(removed.map(({ endpoint, reason }) => [endpoint, reason]));
  const position = new Map(order.map((name, index) => [name, index]));
  const refused = candidates.flatMap(({ endpoint: { name } }): Refusal[] => {
    const reason = reasons.get(name);
    return reason === undefined ? [] : [{ endpoint: name, rule: rule.name, reason }];
  });
  const kept = candidates.filter(({ endpoint }) => !reasons.has(endpoint.name));
  const rank = ({ endpoint }: Candidate): number => position.get(endpoint.name) ?? order.length;
  return { refused, flags, remaining: kept.toSorted((a, b) => rank(a) - rank(b)) };
}

/** A rule that throws, or answers with something else, refuses all it was shown: a broken rule opens nothing. */
function outcomeOf(rule: Rule, candidates: readonly Candidate[], facts: StepFacts): RuleOutcome {
  const refuseAll = (why: string): RuleOutcome => ({
    removed: candidates.map(({ endpoint }) => ({
      endpoint: endpoint.name,
      reason: `the rule ${why}; it must return { removed, order, flags }`,
    })),
  });
  try {
    const outcome: unknown = rule.apply(candidates, facts);
    return isOutcome(outcome) ? outcome : refuseAll("returned no outcome");
  } catch (error) {
    return refuseAll(`threw ${error instanceof Error ? error.name : typeof error}`);
  }
}

function isOutcome(found: unknown): found is RuleOutcome {
  if (typeof found !== "object" || found === null) return false;
  const { removed = [], order = [], flags = [] } = found as Partial<Record<keyof RuleOutcome, unknown>>;
  const areTexts = (items: unknown): boolean => Array.isArray(items) && items.every((item) => typeof item === "string");
  const areRemovals =
    Array.isArray(removed) &&
    removed.every((item: Partial<Refusal> | null) => areTexts([item?.endpoint, item?.reason]));
  return areRemovals && areTexts(order) && areTexts(flags);
}

function rungOf({ endpoint, capabilities }: Candidate, facts: StepFacts): Rung {
  return {
    endpoint: endpoint.name,
    class: endpoint.class,
    location: endpoint.location,
    signal: signalOf(capabilities, facts),
  };
}

function signalOf({ onlyLabels, logprobs }: Candidate["capabilities"], facts: StepFacts): ConfidenceKind {
  if (onlyLabels !== undefined) return "probability";
  if (facts.kind === "classify") return logprobs ? "label-margin" : "unavailable";
  return facts.needs.jsonSchema ? "validator" : "unavailable";
}

function classOf(ladder: readonly Rung[], { human, label }: StepFacts): DecisionClass {
  const [first, ...rest] = ladder;
  if (first === undefined) return human !== undefined && flowsTo(label, human) ? "human" : "refused";
  return rest.some((rung) => rung.class !== first.class) ? "hybrid" : first.class;
}

function reasonOf(ladder: readonly Rung[], facts: StepFacts, refused: readonly Refusal[]): string {
  const data = `${facts.role === undefined ? "" : `${facts.role} turn, `}${facts.complexity} on ${formatLabel(facts.label)}`;
  if (ladder.length === 0) return `${data}: nothing eligible, ${refused.length} refused`;
  return `${data}: ${ladder.map((rung) => `${rung.endpoint} (${rung.class}, ${rung.location})`).join(", then ")}`;
}
