import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidates, stepFacts, workload } from "../../test/support/decision-arbitraries.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import type { Candidate } from "../catalog/candidate.ts";
import { estimateOf, type Estimate } from "./estimate.ts";
import type { StepFacts } from "./facts.ts";

describe("any estimate", () => {
  const cases = fc.record({ all: candidates, step: stepFacts, load: workload });
  const intervals = ["costUsd", "monthlyUsd", "latencyMs"] as const;

  it("is never negative, infinite or no number, and what is expected lies between its ends", () => {
    fc.assert(
      fc.property(cases, ({ all, step, load }) => {
        const estimate = estimateOf(all, { ...step, workload: load });
        expect(estimate === "unknown").toBe(all.length === 0);
        if (estimate === "unknown") return;
        for (const name of intervals) expectInterval(estimate[name]);
        const { costUsd, expectedCostUsd } = estimate;
        if (costUsd === "unknown") expect(all.some(({ endpoint }) => endpoint.price === undefined)).toBe(true);
        if (expectedCostUsd === "unknown" || costUsd === "unknown") return;
        expect(expectedCostUsd >= costUsd.low && expectedCostUsd <= costUsd.high).toBe(true);
      }),
      propertyRuns,
    );
  });

  it("does not fall when a request grows, and knows no more and no less of it", () => {
    const growth = fc.tuple(fc.nat(1_000), fc.nat(1_000));
    fc.assert(
      fc.property(cases, growth, ({ all, step, load }, [input, output]) => {
        const longer = (by: number, { low, high }: { low: number; high: number }) => ({
          low: low + by,
          high: high + by,
        });
        const grown = {
          ...load,
          inputTokens: longer(input, load.inputTokens),
          outputTokens: longer(output, load.outputTokens),
        };
        const before = endsOf(all, { ...step, workload: load });
        const after = endsOf(all, { ...step, workload: grown });
        expect(after.map((end) => end === "unknown")).toEqual(before.map((end) => end === "unknown"));
        for (const [index, end] of before.entries())
          if (end !== "unknown") expect(Number(after[index])).toBeGreaterThanOrEqual(end);
      }),
      propertyRuns,
    );
  });
});

function expectInterval(found: Estimate["costUsd"]): void {
  if (found === "unknown") return;
  expect(found.low >= 0 && found.low <= found.high && found.high < Infinity, JSON.stringify(found)).toBe(true);
}

/** All numbers of an estimate that depend on the request. */
function endsOf(all: readonly Candidate[], step: StepFacts): readonly (number | "unknown")[] {
  const estimate = estimateOf(all, step);
  if (estimate === "unknown") return [];
  const { costUsd, monthlyUsd, latencyMs, expectedCostUsd } = estimate;
  const ends = (one: Estimate["costUsd"]) => (one === "unknown" ? [one] : [one.low, one.high]);
  return [...ends(costUsd), ...ends(monthlyUsd), ...ends(latencyMs), expectedCostUsd];
}
