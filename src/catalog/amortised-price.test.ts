import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OptionReader } from "../common/option-reader.ts";
import { amortisedPrice, type OwnHardware } from "./amortised-price.ts";
import { readPrice } from "./price.ts";

const a100: OwnHardware = {
  capexUsd: 15_000,
  amortisationMonths: 24,
  opexUsdPerMonth: 300,
  outputTokensPerSecond: 1_000,
  utilisation: 0.3,
};
const secondsPerMonth = (365 / 12) * 24 * 3600;

/** Utilisation at which the machine writes so many tokens a month at 1,000 a second. */
const busyFor = (tokensPerMonth: number) => tokensPerMonth / 1_000 / secondsPerMonth;

describe("amortisedPrice", () => {
  it("prices the A100 of the example", () => {
    expect(amortisedPrice(a100)).toEqual({
      inputPerMillionTokensUsd: 1.173263,
      outputPerMillionTokensUsd: 1.173263,
      version: "amortised: 925 US dollars a month",
    });
  });

  // decision-framework.md 4.5: $15,000 over 24 months and $150-300 a month against GPT-4o at $32.14 a million blended breaks
  // even at 24-29 million tokens a month, against Claude Opus at $25.71 at 30-36 million.
  it.each([
    ["GPT-4o, low opex", 150, 32.14, 24],
    ["GPT-4o, high opex", 300, 32.14, 29],
    ["Opus, low opex", 150, 25.71, 30],
    ["Opus, high opex", 300, 25.71, 36],
  ])("costs an A100 what the API does at the break-even volume of 4.5: %s", (...row) => {
    const [, opexUsdPerMonth, apiUsd, millions] = row;
    const at = (tokensMillions: number) =>
      amortisedPrice({ ...a100, opexUsdPerMonth, utilisation: busyFor(tokensMillions * 1e6) })
        .outputPerMillionTokensUsd;
    expect(at(millions + 0.5)).toBeLessThan(apiUsd);
    expect(at(millions - 0.5)).toBeGreaterThan(apiUsd);
  });

  it("spreads the purchase over 24 months when nothing else is said", () => {
    const { capexUsd, opexUsdPerMonth, outputTokensPerSecond, utilisation } = a100;
    const unsaid = { capexUsd, opexUsdPerMonth, outputTokensPerSecond, utilisation };
    expect(amortisedPrice(unsaid)).toEqual(amortisedPrice(a100));
  });

  it("includes operations: without a purchase they are the price", () => {
    const { outputPerMillionTokensUsd: rented } = amortisedPrice({ ...a100, capexUsd: 0, utilisation: 1 });
    expect(rented).toBe(0.114156);
    expect(rented).toBeGreaterThanOrEqual((300 / (secondsPerMonth * 1_000)) * 1e6);
  });

  it("prices a speedup as throughput of output, not of input", () => {
    const plain = amortisedPrice({ ...a100, utilisation: 1 });
    const endpointSpec = { draftModel: "tiny", speedup: 2, exactLogprobs: true };
    const fast = amortisedPrice({ ...a100, utilisation: 1, speculativeDecoding: endpointSpec });
    expect(plain.outputPerMillionTokensUsd).toBe(0.351979);
    expect(fast.outputPerMillionTokensUsd).toBe(0.17599);
    expect(fast.inputPerMillionTokensUsd).toBe(plain.inputPerMillionTokensUsd);
    const none = amortisedPrice({ ...a100, utilisation: 1, speculativeDecoding: { speedup: 1 } });
    expect(none).toEqual(plain);
  });

  it("prices input by its own throughput where that is known", () => {
    const { inputPerMillionTokensUsd, outputPerMillionTokensUsd } = amortisedPrice({
      ...a100,
      inputTokensPerSecond: 10_000,
    });
    expect(inputPerMillionTokensUsd).toBe(0.117327);
    expect(outputPerMillionTokensUsd).toBe(1.173263);
  });

  it("says in its version what the author says", () => {
    expect(amortisedPrice({ ...a100, version: "rack 7, 2026-11" }).version).toBe("rack 7, 2026-11");
  });

  it("never counts too little, and is a price that an endpoint takes", () => {
    const positive = (max: number) => fc.double({ min: 1e-3, max, noNaN: true });
    const machines = fc.record({
      capexUsd: fc.integer({ min: 0, max: 1e8 }).map((cents) => cents / 100),
      amortisationMonths: positive(120),
      opexUsdPerMonth: fc.integer({ min: 0, max: 1e7 }).map((cents) => cents / 100),
      outputTokensPerSecond: fc.double({ min: 1, max: 1e6, noNaN: true }),
      inputTokensPerSecond: fc.double({ min: 1, max: 1e7, noNaN: true }),
      utilisation: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(machines, (machine) => {
        const monthlyUsd = machine.capexUsd / machine.amortisationMonths + machine.opexUsdPerMonth;
        const tokens = secondsPerMonth * machine.utilisation * machine.outputTokensPerSecond;
        fc.pre((monthlyUsd / secondsPerMonth / machine.utilisation) * 1e6 < 1e6);
        const price = amortisedPrice(machine);
        // Paid for by a month of output, the machine is paid for; the tolerance is that of the doubles of this test.
        expect((price.outputPerMillionTokensUsd * tokens) / 1e6).toBeGreaterThanOrEqual(monthlyUsd * (1 - 1e-12));
        const mistakes: string[] = [];
        const reader = new OptionReader({ price }, "endpoint", (path, message) => mistakes.push(`${path}: ${message}`));
        expect(readPrice(reader, () => ({ invoke: () => Promise.resolve() })).price).toBeDefined();
        expect(mistakes).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("is free only where the machine is", () => {
    expect(amortisedPrice({ ...a100, capexUsd: 0, opexUsdPerMonth: 0 }).outputPerMillionTokensUsd).toBe(0);
    expect(amortisedPrice({ ...a100, capexUsd: 1e-6, opexUsdPerMonth: 0 }).outputPerMillionTokensUsd).toBe(0.0005);
  });

  const above = "expected a number above 0 to 1e12, found";
  it.each<[string, object, string]>([
    [
      "no opex",
      { opexUsdPerMonth: undefined },
      "hardware.opexUsdPerMonth: expected US dollars from 0 to 1e12, found undefined",
    ],
    [
      "negative opex",
      { opexUsdPerMonth: -1 },
      "hardware.opexUsdPerMonth: expected US dollars from 0 to 1e12, found -1",
    ],
    ["capex in a text", { capexUsd: "15k" }, 'hardware.capexUsd: expected US dollars from 0 to 1e12, found "15k"'],
    ["endless capex", { capexUsd: Infinity }, "hardware.capexUsd: expected US dollars from 0 to 1e12, found Infinity"],
    ["NaN", { capexUsd: NaN }, "hardware.capexUsd: expected US dollars from 0 to 1e12, found NaN"],
    ["no month", { amortisationMonths: 0 }, `hardware.amortisationMonths: ${above} 0`],
    ["null months", { amortisationMonths: null }, `hardware.amortisationMonths: ${above} null`],
    ["no throughput", { outputTokensPerSecond: undefined }, `hardware.outputTokensPerSecond: ${above} undefined`],
    ["no input", { inputTokensPerSecond: 0 }, `hardware.inputTokensPerSecond: ${above} 0`],
    [
      "an idle machine",
      { utilisation: 0 },
      "hardware.utilisation: expected the share of the month that is busy, above 0 to 1, found 0",
    ],
    [
      "a percentage",
      { utilisation: 30 },
      "hardware.utilisation: expected the share of the month that is busy, above 0 to 1, found 30",
    ],
    [
      "a slowdown",
      { speculativeDecoding: { speedup: 0.5 } },
      "hardware.speculativeDecoding.speedup: expected a number from 1 to 10, found 0.5",
    ],
    [
      "null for a draft",
      { speculativeDecoding: null },
      "hardware.speculativeDecoding.speedup: expected a number from 1 to 10, found undefined",
    ],
    ["an empty version", { version: "" }, 'hardware.version: expected a text that is not empty, found ""'],
    [
      "a price above all",
      { outputTokensPerSecond: 1e-6 },
      "hardware.outputTokensPerSecond: gives 1173262304 US dollars per million tokens, above 1,000,000; check the units",
    ],
    [
      "a misspelt option",
      { capex: 1 },
      "hardware.capex: unknown option; known are capexUsd, amortisationMonths, opexUsdPerMonth, outputTokensPerSecond, inputTokensPerSecond, utilisation, speculativeDecoding, version",
    ],
  ])("refuses %s with one sentence", (_name, change, message) => {
    expect(() => amortisedPrice({ ...a100, ...change })).toThrow(`amortisedPrice: 1 problem\n  ${message}`);
  });

  it("names every mistake at once", () => {
    expect(() => amortisedPrice({} as OwnHardware)).toThrow(/^amortisedPrice: 4 problems/);
    expect(() => amortisedPrice(undefined as unknown as OwnHardware)).toThrow(
      "expected an object of options, found undefined",
    );
  });
});
