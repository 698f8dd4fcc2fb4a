import { p95Of, type Candidate } from "../catalog/candidate.ts";
import type { Price } from "../catalog/price.ts";
import type { Interval } from "../tiers/demands.ts";
import type { StepFacts } from "./facts.ts";
import { signalOf } from "./signal.ts";

/**
 * What one execution of a step would use; for a role of an agent's turns, as if every turn had that role. Estimates inform;
 * nothing is decided by them.
 */
export interface Estimate {
  /** US dollars: from the first endpoint's answer being accepted to every endpoint of the cascade being asked. */
  readonly costUsd: Interval | "unknown";
  /** c_s + e * c_l at the middle of the workload, where the escalation share e is declared or observed. */
  readonly expectedCostUsd: number | "unknown";
  /** US dollars a month, where a volume is declared. */
  readonly monthlyUsd: Interval | "unknown";
  /** Milliseconds, from the first endpoint's p95 to the sum of those of the cascade. */
  readonly latencyMs: Interval | "unknown";
  readonly inputTokens: Interval;
  readonly outputTokens: Interval;
}

/** Answers from which an observed escalation share counts; fewer say little about a share. */
const minObservedAnswers = 30;

/**
 * Estimates a decided ladder on the declared workload. Interval ends are costs of its ends, so both are reached by some
 * request; failures are not in it. Source of the expected value: decision-framework.md 4.5, cascade.
 */
export function estimateOf(ladder: readonly Candidate[], facts: StepFacts): Estimate | "unknown" {
  const { workload, volume } = facts;
  const [first] = ladder;
  if (workload === undefined || first === undefined) return "unknown";
  const { inputTokens, outputTokens, turns = { low: 1, high: 1 } } = workload;
  const asked = cascadeOf(ladder, facts);
  const low = costs([first], { input: inputTokens.low, output: outputTokens.low, turns: turns.low });
  const high = costs(asked, { input: inputTokens.high, output: outputTokens.high, turns: turns.high });
  const costUsd = low === undefined || high === undefined ? "unknown" : interval(low, high);
  const expectedCostUsd = expected(asked, facts) ?? "unknown";
  const requests = volume && volume.requestsPerDay * 30;
  const monthlyUsd =
    costUsd === "unknown" || requests === undefined
      ? "unknown"
      : interval(costUsd.low * requests, costUsd.high * requests);
  const latencyMs = latencies(first, asked, turns);
  return Object.freeze({
    costUsd,
    expectedCostUsd,
    monthlyUsd,
    latencyMs,
    inputTokens: interval(inputTokens.low, inputTokens.high),
    outputTokens: interval(outputTokens.low, outputTokens.high),
  });
}

/** Of our own: the author's may have its members in another order, and is not ours to freeze. */
function interval(low: number, high: number): Interval {
  return Object.freeze({ low, high });
}

/**
 * The endpoints that weak answers can lead to, as the `escalation` rule orders them: the first, then every large one, then
 * every small one. An endpoint without a signal accepts every valid answer, so nothing follows it.
 */
function cascadeOf([first, ...others]: readonly Candidate[], facts: StepFacts): readonly Candidate[] {
  if (first === undefined || facts.escalation === "never" || facts.escalation === "human") return first ? [first] : [];
  const asked = [first];
  for (const next of ["llm", "slm"]) for (const other of others) if (other.endpoint.class === next) asked.push(other);
  const last = asked.findIndex((candidate) => signalOf(candidate, facts) === "unavailable");
  return last === -1 ? asked : asked.slice(0, last + 1);
}

interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly turns: number;
}

function costs(candidates: readonly Candidate[], tokens: Tokens): number | undefined {
  let sum = 0;
  for (const { endpoint } of candidates) {
    if (endpoint.price === undefined) return undefined;
    sum += costUsdOf(endpoint.price, tokens);
  }
  return sum;
}

function costUsdOf({ inputPicoPerToken, outputPicoPerToken }: Price, { input, output, turns }: Tokens): number {
  return (turns * (input * Number(inputPicoPerToken) + output * Number(outputPicoPerToken))) / 1e12;
}

function expected([first, second]: readonly Candidate[], facts: StepFacts): number | undefined {
  const { workload } = facts;
  if (first === undefined || workload === undefined) return undefined;
  const ratio = second === undefined ? 0 : escalationRatio(first, facts);
  if (ratio === undefined) return undefined;
  const { inputTokens, outputTokens, turns = { low: 1, high: 1 } } = workload;
  const tokens = { input: middle(inputTokens), output: middle(outputTokens), turns: middle(turns) };
  const own = costs([first], tokens);
  const next = second === undefined ? 0 : costs([second], tokens);
  return own === undefined || next === undefined ? undefined : own + ratio * next;
}

/** What was seen counts more than what was declared. */
function escalationRatio({ endpoint }: Candidate, { observed, workload }: StepFacts): number | undefined {
  const seen = observed?.[endpoint.name];
  if (seen !== undefined && seen.answers >= minObservedAnswers) return seen.rejected / seen.answers;
  return workload?.escalationRatio;
}

function middle({ low, high }: Interval): number {
  return (low + high) / 2;
}

function latencies(first: Candidate, asked: readonly Candidate[], turns: Interval): Interval | "unknown" {
  const own = p95Of(first);
  const all = asked.map(p95Of);
  if (own === undefined || !all.every((p95Ms) => p95Ms !== undefined)) return "unknown";
  const highMs = all.reduce((sum, p95Ms) => sum + p95Ms, 0) * turns.high;
  return interval(own * turns.low, highMs);
}
