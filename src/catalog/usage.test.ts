import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inProcessPrice, type Price } from "./price.ts";
import {
  chargeOf,
  checkUsage,
  costElsewhere,
  costOf,
  templateTokens,
  worstCost,
  type ReportedUsage,
  type Usage,
  type UsageSource,
} from "./usage.ts";

const bound = { requestBytes: 1_000, maxOutputTokens: 50 };
const atBound = { inputTokens: 1_000 + templateTokens, outputTokens: 50 };

describe("checkUsage", () => {
  it.each<[string, ReportedUsage | undefined, UsageSource]>([
    ["nothing", undefined, "missing"],
    ["an empty report", {}, "missing"],
    ["parts without a whole", { cacheReadTokens: 3 }, "missing"],
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
    ["a negative part", { inputTokens: 10, outputTokens: 10, cacheReadTokens: -1 }, "suspect"],
    ["half a token of a part", { inputTokens: 10, outputTokens: 10, cacheWriteTokens: 0.5 }, "suspect"],
    ["a part in a text", { inputTokens: 10, outputTokens: 10, reasoningTokens: "7" }, "suspect"],
    ["NaN for a part", { inputTokens: 10, outputTokens: 10, reasoningTokens: NaN }, "suspect"],
    ["1e18 for a part", { inputTokens: 10, outputTokens: 10, cacheReadTokens: 1e18 }, "suspect"],
    ["more read than sent", { inputTokens: 10, outputTokens: 10, cacheReadTokens: 11 }, "suspect"],
    ["more written than sent", { inputTokens: 10, outputTokens: 10, cacheWriteTokens: 11 }, "suspect"],
    [
      "more read and written than sent",
      { inputTokens: 10, outputTokens: 10, cacheReadTokens: 6, cacheWriteTokens: 5 },
      "suspect",
    ],
    ["more reasoning than output", { inputTokens: 10, outputTokens: 10, reasoningTokens: 11 }, "suspect"],
  ])("charges the bound, at the dearest rate, for %s", (_name, reported, source) => {
    expect(checkUsage(reported, bound)).toEqual({ usage: atBound, source, atDearestRate: true });
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
    const parts = { cacheReadTokens: inputTokens, cacheWriteTokens: 0, reasoningTokens: outputTokens };
    expect(checkUsage({ inputTokens, outputTokens }, bound)).toEqual({ usage: { inputTokens, outputTokens }, source });
    expect(checkUsage({ inputTokens, outputTokens, ...parts }, bound)).toEqual({
      usage: { inputTokens, outputTokens, ...parts },
      source,
    });
  });

  it.each<[string, unknown, number]>([
    ["more than the sum", 99, 89],
    ["less than the sum", 12, 5],
    ["a text", "15", 5],
    ["NaN", NaN, 5],
    ["negative", -15, 5],
    ["more than there can be", 2e18, 5],
  ])(
    "suspects a total that is %s, and charges what it has above the sum as output",
    (_name, totalTokens, outputTokens) => {
      const wide = { requestBytes: 1_000, maxOutputTokens: 100 };
      const checked = checkUsage({ inputTokens: 10, outputTokens: 5, totalTokens }, wide);
      expect(checked).toEqual({ usage: { inputTokens: 10, outputTokens }, source: "suspect" });
    },
  );

  it.each([15, undefined, null])("believes a report whose total is %s", (totalTokens) => {
    const checked = checkUsage({ inputTokens: 10, outputTokens: 5, totalTokens }, bound);
    expect(checked).toEqual({ usage: { inputTokens: 10, outputTokens: 5 }, source: "provider" });
  });

  it("takes a part that is undefined or null for no part", () => {
    const parts = { cacheReadTokens: undefined, cacheWriteTokens: null, reasoningTokens: null };
    const { usage, source } = checkUsage({ inputTokens: 4, outputTokens: 2, ...parts }, bound);
    expect(Object.keys(usage)).toEqual(["inputTokens", "outputTokens"]);
    expect(source).toBe("provider");
  });

  it("charges both where parts are counted beside the whole and come to more than the bound", () => {
    const reported = { inputTokens: 10, outputTokens: 30, cacheReadTokens: 5_000, reasoningTokens: 900 };
    expect(checkUsage(reported, bound)).toEqual({
      usage: { inputTokens: 5_010, outputTokens: 930 },
      source: "suspect",
      atDearestRate: true,
    });
  });

  it("charges the whole alone where its parts fit in and another count is impossible", () => {
    const reported = { inputTokens: 3_000, outputTokens: 30, cacheReadTokens: 2_000, cacheWriteTokens: -1 };
    expect(checkUsage(reported, bound).usage).toEqual({ inputTokens: 3_000, outputTokens: 50 });
  });

  it("gives whole counts, and parts within them, for whatever a provider reports", () => {
    const count = fc.oneof(fc.anything(), fc.integer({ min: -5, max: 2_000 }), fc.constantFrom(null, undefined, 1e9));
    const report = fc.record({
      inputTokens: count,
      outputTokens: count,
      cacheReadTokens: count,
      cacheWriteTokens: count,
      reasoningTokens: count,
      totalTokens: count,
    });
    fc.assert(
      fc.property(report, (reported) => {
        const { usage } = checkUsage(reported, bound);
        for (const tokens of Object.values(usage) as number[])
          expect(Number.isInteger(tokens) && tokens >= 0 && tokens <= 1e9).toBe(true);
        const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
        expect(cacheReadTokens + cacheWriteTokens).toBeLessThanOrEqual(inputTokens);
        expect(reasoningTokens).toBeLessThanOrEqual(outputTokens);
      }),
      { numRuns: 500 },
    );
  });
});

const price: Price = {
  inputPicoPerToken: 1_000_000n,
  outputPicoPerToken: 10_000_000n,
  cacheReadPicoPerToken: 100_000n,
  cacheWritePicoPerToken: 1_250_000n,
  reasoningPicoPerToken: 12_000_000n,
  version: "declared",
};

/** Usages of at most so many tokens, with parts that fit in. */
function usageUpTo(inputTokens: number, outputTokens: number): fc.Arbitrary<Usage> {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.tuple(share, share, share, share, share).map(([a, b, c, d, e]) => {
    const input = Math.floor(inputTokens * a);
    const output = Math.floor(outputTokens * b);
    const cacheReadTokens = Math.floor(input * c);
    const cacheWriteTokens = Math.floor((input - cacheReadTokens) * d);
    const reasoningTokens = Math.floor(output * e);
    return { inputTokens: input, outputTokens: output, cacheReadTokens, cacheWriteTokens, reasoningTokens };
  });
}

const pico = fc.bigInt({ min: 0n, max: 10n ** 12n });
const prices: fc.Arbitrary<Price> = fc.record({
  inputPicoPerToken: pico,
  outputPicoPerToken: pico,
  cacheReadPicoPerToken: pico,
  cacheWritePicoPerToken: pico,
  reasoningPicoPerToken: pico,
  version: fc.constant("declared"),
});

describe("costOf", () => {
  it.each<[string, Usage, bigint]>([
    ["nothing", { inputTokens: 0, outputTokens: 0 }, 0n],
    ["a token each way", { inputTokens: 1, outputTokens: 1 }, 11_000_000n],
    ["whole sides", { inputTokens: 333_333, outputTokens: 777 }, 341_103_000_000n],
    ["the most", { inputTokens: 1e9, outputTokens: 1e9 }, 11_000_000_000_000_000n],
    ["all read from the cache", { inputTokens: 100, outputTokens: 0, cacheReadTokens: 100 }, 10_000_000n],
    ["all written to it", { inputTokens: 100, outputTokens: 0, cacheWriteTokens: 100 }, 125_000_000n],
    ["all reasoning", { inputTokens: 0, outputTokens: 100, reasoningTokens: 100 }, 1_200_000_000n],
    [
      "some of everything",
      // 3 x 1 + 5 x 0.1 + 2 x 1.25 + 6 x 10 + 1 x 12 dollars a million
      { inputTokens: 10, outputTokens: 7, cacheReadTokens: 5, cacheWriteTokens: 2, reasoningTokens: 1 },
      78_000_000n,
    ],
  ])("prices %s exactly", (_name, usage, expected) => {
    expect(costOf(usage, price)).toBe(expected);
  });

  it("is the sum of its parts at their own prices, to the pico-dollar", () => {
    fc.assert(
      fc.property(usageUpTo(1e9, 1e9), prices, (usage, anyPrice) => {
        const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
        const alone = (rate: bigint): Price => ({ ...anyPrice, inputPicoPerToken: rate, outputPicoPerToken: rate });
        const of = (tokens: number, rate: bigint) => costOf({ inputTokens: tokens, outputTokens: 0 }, alone(rate));
        expect(costOf(usage, anyPrice)).toBe(
          of(inputTokens - cacheReadTokens - cacheWriteTokens, anyPrice.inputPicoPerToken) +
            of(cacheReadTokens, anyPrice.cacheReadPicoPerToken) +
            of(cacheWriteTokens, anyPrice.cacheWritePicoPerToken) +
            of(outputTokens - reasoningTokens, anyPrice.outputPicoPerToken) +
            of(reasoningTokens, anyPrice.reasoningPicoPerToken),
        );
      }),
    );
  });

  it("adds up: the parts of a usage cost what the whole does", () => {
    const usage = usageUpTo(1e9, 1e9);
    fc.assert(
      fc.property(usage, usage, prices, (a, b, anyPrice) => {
        const sum = (key: keyof Usage): number => (a[key] ?? 0) + (b[key] ?? 0);
        const whole = {
          inputTokens: sum("inputTokens"),
          outputTokens: sum("outputTokens"),
          cacheReadTokens: sum("cacheReadTokens"),
          cacheWriteTokens: sum("cacheWriteTokens"),
          reasoningTokens: sum("reasoningTokens"),
        };
        expect(costOf(whole, anyPrice)).toBe(costOf(a, anyPrice) + costOf(b, anyPrice));
      }),
    );
  });

  it("does not see parts where their prices are those of the whole", () => {
    const flat = { ...price, cacheReadPicoPerToken: 1_000_000n, cacheWritePicoPerToken: 1_000_000n };
    fc.assert(
      fc.property(usageUpTo(1e6, 1e6), (usage) => {
        const { inputTokens, outputTokens } = usage;
        expect(costOf(usage, { ...flat, reasoningPicoPerToken: flat.outputPicoPerToken })).toBe(
          costOf({ inputTokens, outputTokens }, flat),
        );
      }),
    );
  });
});

describe("worstCost", () => {
  it("takes the dearest rate of each side", () => {
    const one = { requestBytes: 0, maxOutputTokens: 100 };
    const input = BigInt(templateTokens);
    expect(worstCost(one, price)).toBe(input * 1_250_000n + 100n * 12_000_000n);
    expect(worstCost(one, { ...price, inputPicoPerToken: 2_000_000n })).toBe(input * 2_000_000n + 1_200_000_000n);
    expect(worstCost(one, { ...price, cacheReadPicoPerToken: 3_000_000n })).toBe(input * 3_000_000n + 1_200_000_000n);
    expect(worstCost(one, { ...price, outputPicoPerToken: 20_000_000n })).toBe(input * 1_250_000n + 2_000_000_000n);
    expect(worstCost(one, inProcessPrice)).toBe(0n);
  });

  it("covers every usage within the bound, whatever its parts and prices", () => {
    const limits = fc.record({ requestBytes: fc.nat(100_000), maxOutputTokens: fc.nat(100_000) });
    const usages = limits.chain((own) =>
      fc.tuple(fc.constant(own), usageUpTo(own.requestBytes + templateTokens, own.maxOutputTokens)),
    );
    fc.assert(
      fc.property(usages, prices, ([own, usage], anyPrice) => {
        expect(costOf(usage, anyPrice) <= worstCost(own, anyPrice)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("covers what is charged for a report unless the provider says that the bound was broken", () => {
    const count = fc.option(fc.oneof(fc.nat(2_000), fc.constantFrom<unknown>(-1, 0.5, NaN, "9", 1e18)), {
      nil: undefined,
    });
    const report = fc.record({
      inputTokens: count,
      outputTokens: count,
      cacheReadTokens: count,
      cacheWriteTokens: count,
      reasoningTokens: count,
      totalTokens: count,
    });
    fc.assert(
      fc.property(report, prices, (reported, anyPrice) => {
        const checked = checkUsage(reported, bound);
        const { inputTokens, outputTokens } = checked.usage;
        const isAbove = inputTokens > atBound.inputTokens || outputTokens > atBound.outputTokens;
        if (isAbove) expect(checked.source).toBe("suspect");
        else expect(chargeOf(checked, anyPrice) <= worstCost(bound, anyPrice)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("is what an absent or impossible usage is charged", () => {
    fc.assert(
      fc.property(prices, (anyPrice) => {
        const impossible = { inputTokens: 10, outputTokens: 10, cacheReadTokens: 11 };
        for (const reported of [undefined, { inputTokens: -1, outputTokens: 1 }, impossible])
          expect(chargeOf(checkUsage(reported, bound), anyPrice)).toBe(worstCost(bound, anyPrice));
      }),
    );
  });
});

describe("chargeOf", () => {
  it("never charges less than the parts that nobody could tell", () => {
    fc.assert(
      fc.property(usageUpTo(1_000, 50), prices, (usage, anyPrice) => {
        const { inputTokens, outputTokens } = usage;
        const unknown = { usage: { inputTokens, outputTokens }, source: "suspect", atDearestRate: true } as const;
        expect(chargeOf(unknown, anyPrice) >= costOf(usage, anyPrice)).toBe(true);
      }),
    );
  });

  it("charges a believed usage its exact cost", () => {
    const reported = { inputTokens: 10, outputTokens: 7, cacheReadTokens: 5, cacheWriteTokens: 2, reasoningTokens: 1 };
    expect(chargeOf(checkUsage(reported, bound), price)).toBe(78_000_000n);
  });
});

describe("costElsewhere", () => {
  it("knows no warm cache: cached input costs the other endpoint's input price, reasoning its own", () => {
    const usage = { inputTokens: 10, outputTokens: 7, cacheReadTokens: 5, cacheWriteTokens: 2, reasoningTokens: 1 };
    expect(costElsewhere(usage, price)).toBe(10n * 1_000_000n + 6n * 10_000_000n + 12_000_000n);
  });
});
