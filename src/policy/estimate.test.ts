import { describe, expect, it } from "vitest";
import { candidate, facts, type CandidateCase } from "../../test/support/step-cases.ts";
import { estimateOf, type Estimate } from "./estimate.ts";
import type { StepFacts } from "./facts.ts";

const dollars = (input: number, output: number) => ({
  inputPerMillionTokensUsd: input,
  outputPerMillionTokensUsd: output,
});
const small: CandidateCase = { name: "small", price: dollars(1, 2), latency: { p95Ms: 200 } };
const other: CandidateCase = { name: "other", price: dollars(2, 4), latency: { p95Ms: 300 } };
const large: CandidateCase = { name: "large", class: "llm", price: dollars(10, 20), latency: { p95Ms: 1_000 } };

/** 1,000 to 3,000 tokens in, 100 to 300 out; an answer that a schema judges. */
function estimated(ladder: readonly CandidateCase[], changes: Partial<StepFacts> = {}): Estimate {
  const step = facts({
    needs: { tools: false, jsonSchema: true, maxOutputTokens: 1_024 },
    workload: { inputTokens: { low: 1_000, high: 3_000 }, outputTokens: { low: 100, high: 300 } },
    ...changes,
  });
  const estimate = estimateOf(ladder.map(candidate), step);
  if (estimate === "unknown") throw new Error("expected an estimate");
  return estimate;
}

const withWorkload = (more: Partial<NonNullable<StepFacts["workload"]>>): Partial<StepFacts> => ({
  workload: { inputTokens: { low: 1_000, high: 3_000 }, outputTokens: { low: 100, high: 300 }, ...more },
});

/** In micro-dollars, tokens times dollars a million: computed by hand. */
function expectCost(found: Estimate["costUsd"], low: number, high: number): void {
  if (found === "unknown") throw new Error("expected a cost");
  expect([found.low * 1e6, found.high * 1e6]).toEqual([expect.closeTo(low, 6), expect.closeTo(high, 6)]);
}

describe("the estimate of one endpoint", () => {
  it("goes from its price for the small request to that for the large one; nobody follows it, so that is expected", () => {
    const { costUsd, expectedCostUsd, monthlyUsd, latencyMs, inputTokens, outputTokens } = estimated([small]);
    // 1,000 x 1 + 100 x 2 and 3,000 x 1 + 300 x 2; 2,000 x 1 + 200 x 2 in the middle.
    expectCost(costUsd, 1_200, 3_600);
    expect(expectedCostUsd).toBeCloseTo(2_400e-6, 12);
    expect(monthlyUsd).toBe("unknown");
    expect(latencyMs).toEqual({ low: 200, high: 200 });
    expect([inputTokens, outputTokens]).toEqual([
      { low: 1_000, high: 3_000 },
      { low: 100, high: 300 },
    ]);
  });

  it("counts every turn, in money and in time", () => {
    const { costUsd, expectedCostUsd, latencyMs } = estimated([small], withWorkload({ turns: { low: 2, high: 4 } }));
    expectCost(costUsd, 2_400, 14_400);
    expect(expectedCostUsd).toBeCloseTo(7_200e-6, 12);
    expect(latencyMs).toEqual({ low: 400, high: 800 });
  });

  it("of 30 days is thirty times that of a day", () => {
    const { monthlyUsd } = estimated([small], { volume: { requestsPerDay: 1_000, tokensPerMonth: 0 } });
    expect(monthlyUsd).toEqual({ low: 36, high: 108 });
  });
});

describe("the estimate of a cascade", () => {
  it("goes up to all who can be asked: after the first the large ones, then the small ones", () => {
    const { costUsd, latencyMs } = estimated([small, other, large]);
    // 3,600 of the small, 36,000 of the large (3,000 x 10 + 300 x 20) and 7,200 of the other small one.
    expectCost(costUsd, 1_200, 46_800);
    expect(latencyMs).toEqual({ low: 200, high: 1_500 });
  });

  it("expects c_s + e * c_l in the middle, with the declared share", () => {
    // 2,400 of the small and a quarter of 24,000 of the large one, though another small one stands between them.
    const { expectedCostUsd } = estimated([small, other, large], withWorkload({ escalationRatio: 0.25 }));
    expect(expectedCostUsd).toBeCloseTo(8_400e-6, 12);
  });

  it.each<[string, NonNullable<StepFacts["observed"]>, number]>([
    ["from 30 answers on", { small: { answers: 30, rejected: 15 } }, 2_400 + 12_000],
    ["but not from 29", { small: { answers: 29, rejected: 29 } }, 8_400],
    ["and only of the first", { large: { answers: 100, rejected: 100 } }, 8_400],
    ["and not of what every object has", {}, 8_400],
  ])("counts with what was seen instead, %s", (_when, observed, microUsd) => {
    const { expectedCostUsd } = estimated([small, large], { ...withWorkload({ escalationRatio: 0.25 }), observed });
    expect(expectedCostUsd).toBeCloseTo(microUsd / 1e6, 12);
  });

  it("expects nothing where nobody declared or saw a share", () => {
    expect(estimated([small, large]).expectedCostUsd).toBe("unknown");
  });

  it.each<[string, Partial<StepFacts>]>([
    ["nobody may follow", { escalation: "never" }],
    ["a person follows", { escalation: "human" }],
    ["nothing judges the answer", { needs: { tools: false, jsonSchema: false, maxOutputTokens: 1_024 } }],
  ])("ends at the first endpoint where %s", (_when, changes) => {
    const { costUsd, expectedCostUsd, latencyMs } = estimated([small, large], changes);
    expectCost(costUsd, 1_200, 3_600);
    expect(expectedCostUsd).toBeCloseTo(2_400e-6, 12);
    expect(latencyMs).toEqual({ low: 200, high: 200 });
  });

  it("ends at the first endpoint whose answer nothing judges, that one included", () => {
    const labels = facts({
      kind: "classify",
      needs: { tools: false, jsonSchema: false, labels: ["a"], maxOutputTokens: 9 },
    });
    const mute: CandidateCase = { ...large, can: { logprobs: false } };
    const { costUsd } = estimated([small, mute, { ...large, name: "third" }], {
      kind: labels.kind,
      needs: labels.needs,
    });
    expectCost(costUsd, 1_200, 3_600 + 36_000);
  });
});

describe("what is not known", () => {
  const unpriced: CandidateCase = { name: "large", class: "llm", latency: { p95Ms: 1_000 } };
  const untimed: CandidateCase = { name: "large", class: "llm", price: dollars(10, 20) };

  it("is unknown, never 0: without a workload, or without an endpoint", () => {
    expect(estimateOf([candidate(small)], facts())).toBe("unknown");
    expect(estimateOf([], facts(withWorkload({})))).toBe("unknown");
  });

  it("is the cost where somebody who can be asked has no price", () => {
    const volume = { requestsPerDay: 1, tokensPerMonth: 1 };
    const estimate = estimated([small, unpriced], { ...withWorkload({ escalationRatio: 0.5 }), volume });
    expect([estimate.costUsd, estimate.expectedCostUsd, estimate.monthlyUsd]).toEqual(Array(3).fill("unknown"));
    expect(estimate.latencyMs).toEqual({ low: 200, high: 1_200 });
  });

  it("is the latency where somebody who can be asked has none", () => {
    const estimate = estimated([small, untimed]);
    expect(estimate.latencyMs).toBe("unknown");
    expectCost(estimate.costUsd, 1_200, 39_600);
  });

  it("does not matter of who cannot be asked", () => {
    expectCost(estimated([small, unpriced], { escalation: "never" }).costUsd, 1_200, 3_600);
  });
});
