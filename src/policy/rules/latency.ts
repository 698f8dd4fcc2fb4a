import { isLocal, p95Of, type Candidate } from "../../catalog/candidate.ts";
import { latencyBoundMs } from "../../tiers/demands.ts";
import type { StepFacts } from "../facts.ts";
import type { Rule, RuleOutcome } from "../rule.ts";
import { removeWhere } from "./removal.ts";
import { ordered } from "./tier-ladder.ts";

/**
 * Under a latency bound, removes endpoints whose p95 does not fit what is left of it. Latency that nobody declared or
 * measured does not fit a bound: a promise cannot rest on a guess. Up to 50 ms only small local models are asked at all.
 * A large model that is too slow is named as one to ask later. Source: decision-framework.md 4.2, rule 2.
 */
export const latencyRule: Rule = {
  name: "latency",
  version: "2",
  apply(candidates, facts): RuleOutcome {
    if (facts.latencyLeftMs === undefined) return {};
    const removed = removeWhere(candidates, (candidate) => latencyMisfit(candidate, facts));
    return removed.length === 0 ? {} : { removed, ...later(candidates, removed, facts) };
  },
};

/** Why an endpoint does not fit the step's latency bound; `undefined` when it fits or there is none. */
export function latencyMisfit(candidate: Candidate, { latencyLeftMs, maxLatencyMs }: StepFacts): string | undefined {
  if (latencyLeftMs === undefined) return undefined;
  if (isRealTime(maxLatencyMs) && !(candidate.endpoint.class === "slm" && isLocal(candidate)))
    return `the step is real-time (${maxLatencyMs} ms): small local models only`;
  const p95Ms = p95Of(candidate);
  if (p95Ms === undefined) return "its latency is not declared, and the step has a bound";
  if (p95Ms <= latencyLeftMs) return undefined;
  return `needs ${p95Ms} ms (p95), the step has ${Math.max(0, Math.floor(latencyLeftMs))} ms left`;
}

function isRealTime(maxLatencyMs: number | undefined): boolean {
  return maxLatencyMs !== undefined && maxLatencyMs <= latencyBoundMs["real-time"]!;
}

/** Where every large model is too slow, they are named for later, cheapest first. Real-time steps do not escalate at all. */
function later(
  candidates: readonly Candidate[],
  removed: NonNullable<RuleOutcome["removed"]>,
  facts: StepFacts,
): Pick<RuleOutcome, "obligations"> {
  if (isRealTime(facts.maxLatencyMs)) return {};
  const slow = new Set(removed.map(({ endpoint }) => endpoint));
  // No rule has ordered them yet.
  return escalateLater(ordered(candidates.filter(isLarge), ["llm"]), (name) => slow.has(name), facts);
}

export function isLarge({ endpoint }: Candidate): boolean {
  return endpoint.class === "llm";
}

/**
 * An obligation to name the large models for later; none where one of them is still to be asked, or where the step does not
 * escalate.
 * @param large names, the best first
 */
export function escalateLater(
  large: readonly string[],
  isTooLate: (endpoint: string) => boolean,
  { escalation = "allowed" }: StepFacts,
): Pick<RuleOutcome, "obligations"> {
  if (escalation !== "allowed" || large.length === 0 || !large.every(isTooLate)) return {};
  return { obligations: [{ type: "escalate-later", endpoints: large, reason: "no time to ask a large model" }] };
}
