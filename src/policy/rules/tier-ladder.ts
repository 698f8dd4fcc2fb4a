import { p95Of, type Candidate } from "../../catalog/candidate.ts";
import type { EndpointClass } from "../../catalog/endpoint.ts";
import { blendedPico } from "../../catalog/price.ts";
import { assertNever } from "../../common/assert-never.ts";
import type { StepFacts } from "../facts.ts";
import type { Rule, RuleOutcome } from "../rule.ts";
import { signalOf } from "../signal.ts";
import { removeWhere } from "./removal.ts";

/**
 * The default ladder by complexity, cheapest adequate first: classification and generation SLM then LLM; reasoning and
 * planning LLM only, or SLM then LLM where a gate is certified and something judges the answer; an agent's `plan` turns LLM
 * first, its `act` turns SLM first. Source: decision-framework.md 4.1, "Complexity tiers (S1)", and 4.2, rule 6.
 */
export const tierLadderRule: Rule = {
  name: "tier-ladder",
  version: "2",
  apply(candidates, facts): RuleOutcome {
    switch (facts.complexity) {
      case "classification":
      case "generation":
        return { order: ordered(candidates, ["slm", "llm"]) };
      case "reasoning":
      case "planning":
        return {
          removed: removeWhere(candidates, (candidate) => tierMisfit(candidate, facts)),
          order: ordered(candidates, ["slm", "llm"]),
        };
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

/** Why a small model may not serve the step's tier; `undefined` when it may, and for large models. */
export function tierMisfit(candidate: Candidate, facts: StepFacts): string | undefined {
  const { complexity } = facts;
  if (candidate.endpoint.class === "llm" || !(complexity === "reasoning" || complexity === "planning"))
    return undefined;
  if (candidate.endpoint.certified?.tiers.includes(complexity) !== true)
    return `${complexity} needs a large model: no certified gate for a small one`;
  return signalOf(candidate, facts) === "unavailable"
    ? `${complexity} needs a large model: its gate is certified, but nothing judges this step's answer`
    : undefined;
}

function missing(candidates: readonly Candidate[]): string[] {
  if (candidates.length === 0) return [];
  const has = (wanted: EndpointClass): boolean => candidates.some(({ endpoint }) => endpoint.class === wanted);
  return [...(has("llm") ? [] : ["no-llm"]), ...(has("slm") ? [] : ["no-slm"])];
}

interface Ranked {
  readonly name: string;
  readonly class: number;
  /** Unknown comes last. */
  readonly price: number;
  readonly latency: number;
}

/** By class, then by price (unpriced last), then by latency, then by name, so that equal catalogs give equal ladders. */
export function ordered(candidates: readonly Candidate[], classes: readonly EndpointClass[]): string[] {
  const ranked = candidates.map((candidate): Ranked => ({
    name: candidate.endpoint.name,
    class: classes.indexOf(candidate.endpoint.class),
    price: Number(blendedPico(candidate.endpoint.price) ?? Infinity),
    latency: p95Of(candidate) ?? Infinity,
  }));
  return ranked.sort(compare).map(({ name }) => name);
}

function compare(a: Ranked, b: Ranked): number {
  if (a.class !== b.class) return a.class - b.class;
  // Not by subtraction: infinity minus infinity is no number.
  if (a.price !== b.price) return a.price < b.price ? -1 : 1;
  if (a.latency !== b.latency) return a.latency < b.latency ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
