import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Price } from "./price.ts";
import { checkUsage, costOf, templateTokens, worstCost, type ReportedUsage, type UsageSource } from "./usage.ts";

const bound = { requestBytes: 1_000, maxOutputTokens: 50 };
const atBound = { inputTokens: 1_000 + templateTokens, outputTokens: 50 };

describe("checkUsage", () => {
  it.each<[string, ReportedUsage | undefined, UsageSource]>([
    ["nothing", undefined, "missing"],
    ["an empty report", {}, "missing"],
    ["only input", { inputTokens: 10 }, "suspect"],
    ["only output", { outputTokens: 10 }, "suspect"],
    ["null", { inputTokens: null, outputTokens: null }, "suspect"],
    ["NaN", { inputTokens: NaN, outputTokens: 10 }, "suspect"],
    ["a text", { inputTokens: "12", outputTokens: 10 }, "suspect"],
    ["a negative count", { inputTokens: 10, outputTokens: -1 }, "suspect"],
    ["a fraction", { inputTokens: 10.5, outputTokens: 10 }, "suspect"],
    ["1e18", { inputTokens: 1e18, outputTokens: 10 }, "suspect"],
    ["infinity", { inputTokens: 10, outputTokens: Infinity }, "suspect"],
    ["a bigint", { inputTokens: 10n, outputTokens: 10 }, "suspect"],
  ])("charges the bound for %s", (_name, reported, source) => {
    expect(checkUsage(reported, bound)).toEqual({ usage: atBound, source });
  });

  it.each<[string, number, number, UsageSource]>([
    ["counts inside the bound", 400, 20, "provider"],
    ["counts at the bound", 1_000, 50, "provider"],
    ["nothing used", 0, 0, "provider"],
    ["what a chat template adds", 1_000 + templateTokens, 50, "provider"],
    ["more input than bytes", 1_001 + templateTokens, 50, "suspect"],
    ["more output than the limit that was sent", 400, 51, "suspect"],
    ["the most that can be", 1e9, 1e9, "suspect"],
  ])("charges what was reported for %s", (...[, inputTokens, outputTokens, source]) => {
    expect(checkUsage({ inputTokens, outputTokens }, bound)).toEqual({ usage: { inputTokens, outputTokens }, source });
  });

  it("gives whole counts of at least 0 for whatever a provider reports", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (inputTokens, outputTokens) => {
        const { usage } = checkUsage({ inputTokens, outputTokens }, bound);
        for (const count of [usage.inputTokens, usage.outputTokens]) {
          expect(Number.isInteger(count) && count >= 0 && count <= 1e9).toBe(true);
        }
      }),
    );
  });
});

const price: Price = { inputPicoPerToken: 50_000n, outputPicoPerToken: 1_250_000n, version: "declared" };

describe("costOf", () => {
  it.each([
    [0, 0, 0n],
    [1, 1, 1_300_000n],
    [1_000_000, 0, 50_000_000_000n],
    [333_333, 777, 17_637_900_000n],
    [1e9, 1e9, 1_300_000_000_000_000n],
  ])("of %d tokens in and %d out is exactly %d pico-dollars", (inputTokens, outputTokens, pico) => {
    expect(costOf({ inputTokens, outputTokens }, price)).toBe(pico);
  });

  it("adds up: the parts of a usage cost what the whole does", () => {
    const tokens = fc.integer({ min: 0, max: 1e9 });
    const usage = fc.record({ inputTokens: tokens, outputTokens: tokens });
    fc.assert(
      fc.property(usage, usage, (a, b) => {
        const whole = {
          inputTokens: a.inputTokens + b.inputTokens,
          outputTokens: a.outputTokens + b.outputTokens,
        };
        expect(costOf(whole, price)).toBe(costOf(a, price) + costOf(b, price));
      }),
    );
  });
});

describe("worstCost", () => {
  it("covers whatever an honest provider can report, and what is charged where it reports nothing", () => {
    const count = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(
        count,
        count,
        fc.option(count, { nil: undefined }),
        fc.option(count, { nil: undefined }),
        (...args) => {
          const [requestBytes, maxOutputTokens, inputTokens, outputTokens] = args;
          const own = { requestBytes, maxOutputTokens };
          const { usage, source } = checkUsage({ inputTokens, outputTokens }, own);
          const isAbove = source === "suspect" && inputTokens !== undefined && outputTokens !== undefined;
          if (!isAbove) expect(costOf(usage, price) <= worstCost(own, price)).toBe(true);
        },
      ),
    );
  });
});
