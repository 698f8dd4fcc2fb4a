import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PriceSpec } from "../catalog/price.ts";
import {
  apiCost,
  blendedUsdPerMillionTokens,
  breakEvenEscalationRate,
  breakEvenVolume,
  cascadeCostUsd,
  cfoRanges,
  fineTuningPayback,
  routerCostUsd,
  savingRatio,
  totalCostOfOwnership,
  type VolumeCosts,
} from "./calculators.ts";

/** Output is what S4 states; input follows from its blended $32.14, its $1,125 for 35M tokens and $3,214 for 100M. */
const gpt4o: PriceSpec = { inputPerMillionTokensUsd: 15, outputPerMillionTokensUsd: 75 };
/** Follows from S4's $0.139 and $14; not stated there. Gemini 1.5 Flash's list price of the time. */
const geminiFlash: PriceSpec = { inputPerMillionTokensUsd: 0.075, outputPerMillionTokensUsd: 0.3 };
/** S4 prints only the blended price of Opus. */
const opusBlendedUsd = 25.71;
const mix = { inputTokens: 500, outputTokens: 200 };
const flat = (usd: number): PriceSpec => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });

/** S4: one A100 over 24 months; a unit is a million tokens. */
const a100 = (opexUsdPerMonth: number): VolumeCosts => ({ capexUsd: 15_000, opexUsdPerMonth, usdPerUnit: 0 });

function millionTokens(opexUsdPerMonth: number, usdPerUnit: number): number {
  const found = breakEvenVolume(a100(opexUsdPerMonth), { usdPerUnit });
  return found.kind === "crossing" && found.cheaperAbove === "own" ? found.unitsPerMonth : NaN;
}

describe("golden numbers of decision-framework.md 4.5", () => {
  it("row S3: total is API or infrastructure + hours x rate + maintenance, per request over the requests", () => {
    const costs = {
      apiOrInfrastructureUsd: 1_200,
      engineeringHours: 40,
      engineeringUsdPerHour: 90,
      maintenanceUsd: 200,
    };
    expect(totalCostOfOwnership({ ...costs, requests: 1e6 })).toEqual({ totalUsd: 5_000, perRequestUsd: 0.005 });
  });

  it("row Cascade: c_s + e c_l + gate against (1 - e) c_s + e c_l, and e* = 1 - c_s / c_l", () => {
    const pair = { slmCostUsd: 1, llmCostUsd: 20 };
    expect(cascadeCostUsd({ ...pair, escalationRate: 0.15 })).toBeCloseTo(4, 12);
    expect(cascadeCostUsd({ ...pair, escalationRate: 0.15, gateCostUsd: 0.5 })).toBeCloseTo(4.5, 12);
    expect(routerCostUsd({ ...pair, llmShare: 0.15 })).toBeCloseTo(3.85, 12);
    expect(breakEvenEscalationRate(pair)).toBeCloseTo(0.95, 12);
  });

  it("row Break-even volume: GPT-4o at 500/200 tokens is $32.14 a million, Gemini Flash $0.139", () => {
    expect(blendedUsdPerMillionTokens(gpt4o, mix)).toBeCloseTo(32.14, 2);
    expect(blendedUsdPerMillionTokens(geminiFlash, mix)).toBeCloseTo(0.139, 3);
  });

  it.each([
    ["GPT-4o: 24-29M", blendedUsdPerMillionTokens(gpt4o, mix), [24, 29]],
    ["GPT-4o at the printed $32.14: 24-29M", 32.14, [24, 29]],
    ["Opus at the printed $25.71: 30-36M", opusBlendedUsd, [30, 36]],
    ["Gemini Flash: 5.6-6.6 billion", blendedUsdPerMillionTokens(geminiFlash, mix), [5_600, 6_600]],
    // The printed price is rounded to three digits, which is too coarse for the upper end.
    ["Gemini Flash at the printed $0.139: 5.6-6.7 billion", 0.139, [5_600, 6_700]],
  ])("row Break-even volume: one A100 against %s tokens a month", (_name, usdPerUnit, expected) => {
    const range = [millionTokens(150, usdPerUnit), millionTokens(300, usdPerUnit)];
    expect(range.map((volume) => Number(volume.toPrecision(2)))).toEqual(expected);
  });

  it.each([
    ["LoRA", { setupUsd: 1_000, newUsdPerMonth: 200 }, [0.56, 3_400]],
    ["full, with the 4.6 reading of 9,800", { setupUsd: 8_000, newUsdPerMonth: 150 }, [4.3, 9_800]],
    ["distillation", { setupUsd: 5_000, newUsdPerMonth: 50 }, [2.6, 5_600]],
  ])("row Fine-tuning: %s", (_name, costs, expected) => {
    const { paybackMonths, yearOneUsd } = fineTuningPayback({ ...costs, oldUsdPerMonth: 2_000 });
    expect([Number(paybackMonths?.toPrecision(2)), yearOneUsd]).toEqual(expected);
  });

  it("row S1 CFO ranges: infrastructure plus operations, price of 1,000 requests, one-off", () => {
    expect(cfoRanges.slm.low).toEqual({ opexUsdPerMonth: 2_500, usdPerUnit: 0.1, capexUsd: 1_000 });
    expect(cfoRanges.slm.high).toEqual({ opexUsdPerMonth: 13_000, usdPerUnit: 1, capexUsd: 10_000 });
    expect(cfoRanges.llm.low).toEqual({ opexUsdPerMonth: 7_000, usdPerUnit: 1, capexUsd: 10_000 });
    expect(cfoRanges.llm.high).toEqual({ opexUsdPerMonth: 70_000, usdPerUnit: 10, capexUsd: 100_000 });
  });
});

const middle = ({ low, high }: (typeof cfoRanges)["slm"]): VolumeCosts => ({
  opexUsdPerMonth: (low.opexUsdPerMonth! + high.opexUsdPerMonth!) / 2,
  usdPerUnit: (low.usdPerUnit + high.usdPerUnit) / 2,
  capexUsd: (low.capexUsd! + high.capexUsd!) / 2,
});

describe("readings of decision-framework.md 4.6", () => {
  it("row S4 scenario A: 50,000 x 700 is 35M tokens and $1,125 by the formula", () => {
    const { tokens, costUsd } = apiCost({ price: gpt4o, usage: mix, requests: 50_000 });
    expect(tokens).toBe(35e6);
    expect(costUsd).toBeCloseTo(1_125, 9);
  });

  it("row S4 scenario A: hybrid $306 = 0.15 x 1,050 + 148.5 saves 71 %", () => {
    const hybridUsd = cascadeCostUsd({ slmCostUsd: 148.5, llmCostUsd: 1_050, escalationRate: 0.15 });
    expect(hybridUsd).toBeCloseTo(306, 9);
    expect(savingRatio({ beforeUsd: 1_050, afterUsd: hybridUsd })).toBeCloseTo(0.71, 2);
  });

  it("row S4 scenario A: from the formula's $1,125 the hybrid is $317.25 and saves 72 %", () => {
    const hybridUsd = cascadeCostUsd({ slmCostUsd: 148.5, llmCostUsd: 1_125, escalationRate: 0.15 });
    expect(hybridUsd).toBeCloseTo(317.25, 9);
    expect(savingRatio({ beforeUsd: 1_125, afterUsd: hybridUsd })).toBeCloseTo(0.72, 2);
  });

  it("row S4 on-prem saves 85 %: 62 % with operations, 85.7 % only if $250 of the $400 are left out", () => {
    expect(savingRatio({ beforeUsd: 1_050, afterUsd: 400 })).toBeCloseTo(0.62, 2);
    expect(savingRatio({ beforeUsd: 1_050, afterUsd: 400 - 250 })).toBeCloseTo(0.857, 3);
  });

  it("row S4 TCO: 1M queries a day at 700 tokens are $8.2M a year, about 1,000 times the table's $6,000-9,600", () => {
    const { costUsd } = apiCost({ price: gpt4o, usage: mix, requests: 365e6 });
    expect(costUsd / 1e6).toBeCloseTo(8.2, 1);
    expect([costUsd / 9_600, costUsd / 6_000].map(Math.round)).toEqual([855, 1369]);
  });

  it("row S4 infra: 100M tokens are $3,214 on GPT-4o and $14 on Gemini Flash", () => {
    const requests = 100e6 / 700;
    expect(Math.round(apiCost({ price: gpt4o, usage: mix, requests }).costUsd)).toBe(3_214);
    expect(Math.round(apiCost({ price: geminiFlash, usage: mix, requests }).costUsd)).toBe(14);
  });

  it("row S3: 10M queries x 500 tokens x $30-60 a million are $150-300K, of one month", () => {
    const bill = (usd: number): number =>
      apiCost({ price: flat(usd), usage: { inputTokens: 500, outputTokens: 0 }, requests: 10e6 }).costUsd;
    expect([bill(30), bill(60)]).toEqual([150_000, 300_000]);
  });

  it.each([
    ["low", cfoRanges.slm.low, cfoRanges.llm.low],
    ["middle", middle(cfoRanges.slm), middle(cfoRanges.llm)],
    ["high", cfoRanges.slm.high, cfoRanges.llm.high],
  ])("row S1 break-even: at the %s ends the SLM is cheaper from zero volume, so nothing crosses", (_end, slm, llm) => {
    for (const amortisationMonths of [1, 12, 24, 36]) {
      const found = breakEvenVolume({ ...slm, amortisationMonths }, { ...llm, amortisationMonths });
      expect(found).toEqual({ kind: "no-crossing", cheaper: "own" });
    }
  });

  it("row Price: $0.001-0.01 for 1,000 tokens is $1-10 a million", () => {
    const usage = { inputTokens: 1_000, outputTokens: 0 };
    expect([1, 10].map((usd) => apiCost({ price: flat(usd), usage, requests: 1 }).costUsd)).toEqual([0.001, 0.01]);
  });
});

describe("breakEvenVolume", () => {
  it.each<[string, [own: VolumeCosts, api: VolumeCosts], string]>([
    ["own tokens cost as much as the API's", [{ opexUsdPerMonth: 1, usdPerUnit: 2 }, { usdPerUnit: 2 }], "api"],
    ["own tokens cost more", [{ opexUsdPerMonth: 1, usdPerUnit: 3 }, { usdPerUnit: 2 }], "api"],
    ["own tokens cost more and nothing is fixed", [{ usdPerUnit: 3 }, { usdPerUnit: 2 }], "api"],
    ["own tokens cost less and nothing is fixed", [{ usdPerUnit: 1 }, { usdPerUnit: 2 }], "own"],
    ["only the API has fixed costs", [{ usdPerUnit: 2 }, { usdPerUnit: 2, opexUsdPerMonth: 1 }], "own"],
    ["both are alike", [{ usdPerUnit: 2 }, { usdPerUnit: 2 }], "same"],
  ])("has no crossing where %s", (_name, [own, api], cheaper) => {
    expect(breakEvenVolume(own, api)).toEqual({ kind: "no-crossing", cheaper });
  });

  it("subtracts the own marginal price and spreads the hardware over its months", () => {
    const own = { capexUsd: 1_200, amortisationMonths: 12, opexUsdPerMonth: 50, usdPerUnit: 2 };
    expect(breakEvenVolume(own, { usdPerUnit: 5 })).toEqual({
      kind: "crossing",
      unitsPerMonth: 50,
      cheaperAbove: "own",
    });
  });

  it("says so where an API with fixed costs becomes the cheaper one with volume", () => {
    const found = breakEvenVolume({ usdPerUnit: 5 }, { usdPerUnit: 2, opexUsdPerMonth: 30 });
    expect(found).toEqual({ kind: "crossing", unitsPerMonth: 10, cheaperAbove: "api" });
  });
});

const cents = fc.integer({ min: 0, max: 10_000_000 }).map((value) => value / 100);
const ratio = fc.double({ min: 0, max: 1, noNaN: true });
const line = fc.record({ usdPerUnit: cents, opexUsdPerMonth: cents });

describe("any calculation", () => {
  it("finds the volume at which both sides cost the same, and the cheaper side above it", () => {
    const check = (own: Required<Omit<VolumeCosts, "capexUsd" | "amortisationMonths">>, api: typeof own): void => {
      const found = breakEvenVolume(own, api);
      const lead = (units: number): number =>
        api.opexUsdPerMonth + units * api.usdPerUnit - own.opexUsdPerMonth - units * own.usdPerUnit;
      if (found.kind === "crossing") {
        expect(Math.abs(lead(found.unitsPerMonth))).toBeLessThan(
          1e-6 * (1 + api.opexUsdPerMonth + own.opexUsdPerMonth) * (1 + found.unitsPerMonth),
        );
        expect(Math.sign(lead(found.unitsPerMonth * 2 + 1))).toBe(found.cheaperAbove === "own" ? 1 : -1);
      } else {
        expect(Math.sign(Math.round(lead(1e6) * 100))).toBe({ own: 1, api: -1, same: 0 }[found.cheaper]);
      }
    };
    fc.assert(fc.property(line, line, check), { seed: 1 });
  });

  it("a cascade costs what the LLM alone does at the break-even escalation rate, and never less than a router", () => {
    const check = (slmCostUsd: number, llmCostUsd: number, rate: number): void => {
      fc.pre(llmCostUsd > slmCostUsd);
      const pair = { slmCostUsd, llmCostUsd };
      const escalationRate = breakEvenEscalationRate(pair);
      expect(cascadeCostUsd({ ...pair, escalationRate }) / llmCostUsd).toBeCloseTo(1, 9);
      const cascade = cascadeCostUsd({ ...pair, escalationRate: rate });
      expect(cascade).toBeGreaterThanOrEqual(routerCostUsd({ ...pair, llmShare: rate }) * (1 - 1e-12));
    };
    fc.assert(fc.property(cents, cents, ratio, check), { seed: 1 });
  });

  it("blends to a price between that of input and that of output", () => {
    const tokens = fc.integer({ min: 1, max: 1e6 });
    const check = (input: number, output: number, [inputTokens, outputTokens]: [number, number]): void => {
      const price = { inputPerMillionTokensUsd: input, outputPerMillionTokensUsd: output };
      const blended = blendedUsdPerMillionTokens(price, { inputTokens, outputTokens });
      expect(blended).toBeGreaterThanOrEqual(Math.min(input, output) * (1 - 1e-9));
      expect(blended).toBeLessThanOrEqual(Math.max(input, output) * (1 + 1e-9));
    };
    fc.assert(fc.property(cents, cents, fc.tuple(tokens, tokens), check), { seed: 1 });
  });
});

describe("where there is no answer", () => {
  it("a cascade whose small model costs as much as the large one saves at no rate", () => {
    expect(breakEvenEscalationRate({ slmCostUsd: 2, llmCostUsd: 2 })).toBe(0);
    expect(breakEvenEscalationRate({ slmCostUsd: 1, llmCostUsd: 2, gateCostUsd: 2 })).toBe(-0.5);
  });

  it.each([2_000, 2_500])("fine-tuning never pays back when a month still costs %d of 2,000", (newUsdPerMonth) => {
    const result = fineTuningPayback({ setupUsd: 1_000, oldUsdPerMonth: 2_000, newUsdPerMonth });
    expect(result).toEqual({ paybackMonths: undefined, yearOneUsd: 1_000 + 12 * newUsdPerMonth });
  });

  const tco = { apiOrInfrastructureUsd: 1, engineeringHours: 1, engineeringUsdPerHour: 1, maintenanceUsd: 1 };
  it.each<[string, () => unknown]>([
    ["an escalation rate in percent", () => cascadeCostUsd({ slmCostUsd: 1, llmCostUsd: 2, escalationRate: 15 })],
    ["a rate that is not a number", () => routerCostUsd({ slmCostUsd: 1, llmCostUsd: 2, llmShare: NaN })],
    ["a negative cost", () => cascadeCostUsd({ slmCostUsd: -1, llmCostUsd: 2, escalationRate: 0 })],
    ["an infinite cost", () => routerCostUsd({ slmCostUsd: 1, llmCostUsd: Infinity, llmShare: 0 })],
    ["a missing cost", () => breakEvenEscalationRate({ slmCostUsd: 1 } as { slmCostUsd: number; llmCostUsd: number })],
    ["a free LLM", () => breakEvenEscalationRate({ slmCostUsd: 0, llmCostUsd: 0 })],
    ["a saving on nothing", () => savingRatio({ beforeUsd: 0, afterUsd: 0 })],
    ["a total over no requests", () => totalCostOfOwnership({ ...tco, requests: 0 })],
    ["a mix without tokens", () => blendedUsdPerMillionTokens(gpt4o, { inputTokens: 0, outputTokens: 0 })],
    ["a price as text", () => apiCost({ price: flat("5" as unknown as number), usage: mix, requests: 1 })],
    ["no months to spread over", () => breakEvenVolume({ usdPerUnit: 1, amortisationMonths: 0 }, { usdPerUnit: 1 })],
    ["a setup that is not a number", () => fineTuningPayback({ setupUsd: NaN, oldUsdPerMonth: 2, newUsdPerMonth: 1 })],
  ])("is refused: %s", (_what, action) => {
    expect(action).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
