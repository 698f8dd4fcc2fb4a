import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUsd, picoToUsd, usdToPico } from "./money.ts";

describe("usdToPico", () => {
  it.each<[number, bigint]>([
    [0, 0n],
    [0.05, 50_000_000_000n],
    [1.25, 1_250_000_000_000n],
    [0.1 + 0.2, 300_000_000_000n],
    [0.1, 100_000_000_000n],
    [10, 10_000_000_000_000n],
    [1e-6, 1_000_000n],
    [5e-7, 500_000n],
    [1e-12, 1n],
    [1.5e-12, 2n],
    [4e-13, 0n],
    [0.1234567890124, 123_456_789_012n],
    [0.1234567890125, 123_456_789_013n],
    [0.9999999999996, 1_000_000_000_000n],
    [1_000_000, 1_000_000_000_000_000_000n],
    [999_999.999999, 999_999_999_999_000_000n],
  ])("takes %d US dollars for exactly %d pico-dollars", (usd, pico) => {
    expect(usdToPico(usd)).toBe(pico);
  });

  it("is exact for every amount of micro-dollars up to a million dollars", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (micro) => {
        // Division rounds correctly, so this is the number that the decimal text reads as.
        expect(usdToPico(micro / 1e6)).toBe(BigInt(micro) * 1_000_000n);
      }),
    );
  });

  it("never loses the order of amounts", () => {
    const usd = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(usd, usd, (a, b) => {
        expect(usdToPico(Math.min(a, b)) <= usdToPico(Math.max(a, b))).toBe(true);
      }),
    );
  });
});

describe("picoToUsd", () => {
  it("gives back the amount that went in, up to a pico-dollar", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1_000, noNaN: true }), (usd) => {
        expect(Math.abs(picoToUsd(usdToPico(usd)) - usd)).toBeLessThanOrEqual(1e-12);
      }),
    );
  });
});

describe("formatUsd", () => {
  it.each<[number, string]>([
    [0, "$0"],
    [0.00142, "$0.001420"],
    [0.00001234, "$0.00001234"],
    [0.0123, "$0.0123"],
    [12.34567, "$12.3457"],
    [-0.00142, "-$0.001420"],
  ])("shows %d as %s", (usd, text) => {
    expect(formatUsd(usd)).toBe(text);
  });
});
