import type { Candidate } from "../../catalog/candidate.ts";
import type { EndpointClass } from "../../catalog/endpoint.ts";
import { blendedPico } from "../../catalog/price.ts";
import { assertNever } from "../../common/assert-never.ts";
import type { StepFacts } from "../facts.ts";
import type { Rule, RuleOutcome } from "../rule.ts";

/**
 * The default ladder by complexity, cheapest adequate first: classification and generation SLM then LLM; reasoning and
 * planning LLM only, as no gate is certified; an agent's `plan` turns LLM first, its `act` turns SLM first.
 */
export const tierLadderRule: Rule = {
  name: "tier-ladder",
  version: "1",
  apply(candidates, facts): RuleOutcome {
    switch (facts.complexity) {
      case "classification":
      case "generation":
        return { order: ordered(candidates, ["slm", "llm"]) };
      case "reasoning":
      case "planning":
        return { removed: smallOnes(candidates, facts), order: ordered(candidates, ["llm"]) };
      case "agentic":
        return {
          order: ordered(candidates, facts.role === "act" ? ["slm", "llm"] : ["llm", "slm"]),
          flags: missing(candidates),
        };
      default:
        return assertNever(facts.complexity, "complexity tier");
    }
  },
};

function smallOnes(candidates: readonly Candidate[], { complexity }: StepFacts): NonNullable<RuleOutcome["removed"]> {
  const reason = `${complexity} needs a large model: no certified gate for a small one`;
  return candidates
    .filter(({ endpoint }) => endpoint.class === "slm")
    .map(({ endpoint }) => ({ endpoint: endpoint.name, reason }));
}

function missing(candidates: readonly Candidate[]): string[] {
  if (candidates.length === 0) return [];
  const has = (wanted: EndpointClass): boolean => candidates.some(({ endpoint }) => endpoint.class === wanted);
  return [...(has("llm") ? [] : ["no-llm"]), ...(has("slm") ? [] : ["no-slm"])];
}

/** By class, then by price (unpriced last), then by latency, then by name, so that equal catalogs give equal ladders. */
function ordered(candidates: readonly Candidate[], classes: readonly EndpointClass[]): string[] {
  return [...candidates].sort((a, b) => compare(a, b, classes)).map(({ endpoint }) => endpoint.name);
}

function compare({ endpoint: a }: Candidate, { endpoint: b }: Candidate, classes: readonly EndpointClass[]): number {
  const byClass = classes.indexOf(a.class) - classes.indexOf(b.class);
  if (byClass !== 0) return byClass;
  const byPrice = compareOptional(blendedPico(a.price), blendedPico(b.price));
  if (byPrice !== 0) return byPrice;
  const byLatency = compareOptional(a.p95Ms, b.p95Ms);
  return byLatency !== 0 ? byLatency : a.name < b.name ? -1 : 1;
}

function compareOptional<T extends number | bigint>(a: T | undefined, b: T | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}
