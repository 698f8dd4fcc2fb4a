import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OptionReader } from "../common/option-reader.ts";
import { blendedPico, readPrice, type Price } from "./price.ts";

function read(price: unknown): { price: Price | undefined; mistakes: readonly string[] } {
  const mistakes: string[] = [];
  const reader = new OptionReader({ price }, "endpoint", (path) => void mistakes.push(path));
  return { price: readPrice(reader), mistakes };
}

const both = (usd: unknown) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });

describe("readPrice", () => {
  it("turns a price page into exact pico-dollars a token", () => {
    const { price, mistakes } = read({
      inputPerMillionTokensUsd: 0.05,
      outputPerMillionTokensUsd: 1.25,
      version: "price page 2026-11-01",
    });
    expect(mistakes).toEqual([]);
    expect(price).toEqual({
      inputPicoPerToken: 50_000n,
      outputPicoPerToken: 1_250_000n,
      version: "price page 2026-11-01",
    });
  });

  it.each([0, 0.000001, 0.1 + 0.2, 1_000_000])("takes %d dollars a million", (usd) => {
    const { price, mistakes } = read(both(usd));
    expect(mistakes).toEqual([]);
    expect(price?.inputPicoPerToken).toBe(BigInt(Math.round(usd * 1e6)));
    expect(price?.version).toBe("declared");
  });

  it.each<[string, unknown]>([
    ["more than six decimals", 0.0000001],
    ["more than six decimals behind a digit", 1.1234567],
    ["so little that it would round to nothing", 1e-13],
    ["less than nothing", -0.01],
    ["above a million", 1_000_001],
    ["no number", NaN],
    ["infinite", Infinity],
    ["a text", "1.25"],
    ["missing", undefined],
    ["null", null],
  ])("refuses what is %s", (_name, usd) => {
    expect(read(both(usd))).toEqual({ price: undefined, mistakes: ["endpoint.price"] });
    expect(read({ ...both(1), inputPerMillionTokensUsd: usd }).mistakes).toEqual(["endpoint.price"]);
  });

  it.each([null, "list", 3, []])("refuses %j as a price", (price) => {
    expect(read(price)).toEqual({ price: undefined, mistakes: ["endpoint.price"] });
  });

  it("takes a missing price for unknown, which is not nothing", () => {
    expect(read(undefined)).toEqual({ price: undefined, mistakes: [] });
    expect(blendedPico(undefined)).toBeUndefined();
    expect(blendedPico(read(both(0)).price)).toBe(0n);
  });

  it("is exact for every price with six decimals", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (micro) => {
        expect(read(both(micro / 1e6)).price?.outputPicoPerToken).toBe(BigInt(micro));
      }),
    );
  });
});

describe("blendedPico", () => {
  it("weighs three tokens in against one out", () => {
    const price: Price = { inputPicoPerToken: 5n, outputPicoPerToken: 7n, version: "declared" };
    expect(blendedPico(price)).toBe(22n);
  });
});
