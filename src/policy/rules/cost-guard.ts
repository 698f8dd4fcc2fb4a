import type { Candidate } from "../../catalog/candidate.ts";
import { blendedPico } from "../../catalog/price.ts";
import { isSensitive, type ObservedAnswers, type StepFacts } from "../facts.ts";
import type { Rule } from "../rule.ts";
import { orderBy } from "./removal.ts";

/** Judged answers from which the share of weak ones says something. */
const minAnswers = 30;

/**
 * A small model whose answers are turned down too often does not save: then the large models are asked first, and the small
 * ones stay behind them as fallbacks. Acts where a small model is asked first and a weak answer goes on to a large one, and
 * only between known prices.
 *
 * Source: a cascade costs `c_s + e * c_l` a request, where `e` is the share that escalates, so it saves only while
 * `e < 1 - c_s / c_l` (docs/concepts/decision-framework.md 4.5). Costs are those of a typical request (`blendedPico`).
 */
export const costGuardRule: Rule = {
  name: "cost-guard",
  version: "1",
  apply(candidates, facts) {
    const [small] = candidates;
    const large = candidates.find(({ endpoint }) => endpoint.class === "llm");
    if (small?.endpoint.class !== "slm" || large === undefined || !goesOn(facts)) return {};
    const seen = observedOf(small, facts);
    if (seen === undefined || seen.answers < minAnswers || cascadeSaves(seen, small, large)) return {};
    return { order: orderBy(candidates, ({ endpoint }) => (endpoint.class === "llm" ? 0 : 1)), flags: ["cost-guard"] };
  },
};

/**
 * Where a weak answer ends the step or goes to a person, no large model is paid for beside the small one. Sensitive data
 * goes to small models first whatever it costs.
 */
function goesOn(facts: StepFacts): boolean {
  return (facts.escalation ?? "allowed") === "allowed" && !isSensitive(facts);
}

/** An endpoint may be called "constructor". */
function observedOf({ endpoint: { name } }: Candidate, { observed = {} }: StepFacts): ObservedAnswers | undefined {
  return Object.hasOwn(observed, name) ? observed[name] : undefined;
}

/** `e < 1 - c_s / c_l` without fractions. What has no price, or is free, is not compared: nothing is changed on a guess. */
function cascadeSaves({ answers, rejected }: ObservedAnswers, small: Candidate, large: Candidate): boolean {
  const smallPico = blendedPico(small.endpoint.price);
  const largePico = blendedPico(large.endpoint.price);
  if (smallPico === undefined || largePico === undefined || largePico === 0n) return true;
  return BigInt(rejected) * largePico < BigInt(answers) * (largePico - smallPico);
}
