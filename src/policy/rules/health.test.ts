import { describe, expect, it } from "vitest";
import type { Candidate, Measured } from "../../catalog/candidate.ts";
import { healthRule } from "./health.ts";

const facts = {} as Parameters<typeof healthRule.apply>[1];

function candidate(name: string, measured?: Omit<Measured, "p95Ms">): Candidate {
  return { endpoint: { name }, ...(measured && { measured: { p95Ms: 10, ...measured } }) } as Candidate;
}

describe("the health rule", () => {
  it.each([
    [4, 1, false],
    [5, 0.5, true],
    [5, 0.499, false],
    [100, 0.5, true],
    [100, 0.49, false],
    [100, 0, false],
  ])(
    "takes an endpoint with %i requests and a failed share of %d as unhealthy: %s",
    (samples, failureRatio, isSick) => {
      const outcome = healthRule.apply(
        [candidate("a", { samples, answered: Math.round(samples * (1 - failureRatio)), failureRatio }), candidate("b")],
        facts,
      );
      expect(outcome).toEqual(isSick ? { order: ["b", "a"], flags: ["unhealthy:a"] } : {});
    },
  );

  it("keeps the order among the healthy and among the others, and removes none", () => {
    const sick = { samples: 10, answered: 0, failureRatio: 1 };
    const shown = [candidate("d", sick), candidate("c"), candidate("b", sick), candidate("a")];
    expect(healthRule.apply(shown, facts)).toEqual({
      order: ["c", "a", "d", "b"],
      flags: ["unhealthy:d", "unhealthy:b"],
    });
  });
});
