import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crossValidate, fitTemperature, type HeldOut } from "./calibrate.ts";
import { createExtractor } from "./features.ts";
import { seededRandom } from "./random.ts";
import { logProbability, softmax, topTwo } from "./softmax.ts";

const numbers = fc.array(fc.double({ min: -500, max: 500, noNaN: true }), { minLength: 2, maxLength: 20 });

/** Rows of two classes that say p = 1/(1+e^-gap) and are right with probability 1/(1+e^(-gap/truth)). */
function rowsWithTruth(truth: number, count: number): readonly HeldOut[] {
  const random = seededRandom(5);
  return Array.from({ length: count }, () => {
    const gap = 0.5 + 4 * random();
    const isRight = random() < 1 / (1 + Math.exp(-gap / truth));
    return { logits: Float64Array.of(gap, 0), target: isRight ? 0 : 1 };
  });
}

describe("softmax", () => {
  it("gives probabilities that sum to 1 at any temperature", () => {
    const check = (logits: readonly number[], temperature: number): void => {
      const probabilities = softmax(Float64Array.from(logits), temperature);
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
      expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
    };
    fc.assert(fc.property(numbers, fc.double({ min: 0.05, max: 20, noNaN: true }), check), { seed: 1 });
  });

  it("matches values worked out by hand", () => {
    const [first, second] = softmax(Float64Array.of(Math.log(3), 0));
    expect(first).toBeCloseTo(0.75, 12);
    expect(second).toBeCloseTo(0.25, 12);
    expect(softmax(Float64Array.of(2 * Math.log(3), 0), 2)[0]).toBeCloseTo(0.75, 12);
    expect(logProbability(Float64Array.of(Math.log(3), 0), 1, 1)).toBeCloseTo(Math.log(0.25), 12);
  });

  it("keeps the logarithm finite where the probability is 0", () => {
    expect(logProbability(Float64Array.of(5_000, 0), 1, 1)).toBe(-5_000);
  });
});

describe("topTwo", () => {
  it.each([
    [[1, 2], 1, 0],
    [[2, 1], 0, 1],
    [[3, 1, 2], 0, 2],
    [[1, 3, 2], 1, 2],
    [[1, 2, 3], 2, 1],
    [[2, 2, 2], 0, 1],
  ])("finds the two largest of %j", (values, best, second) => {
    expect(topTwo(Float64Array.from(values))).toEqual({ best, second });
  });
});

describe("fitTemperature", () => {
  it.each([0.5, 1, 2, 4])("finds the temperature %d that the rows were made with", (truth) => {
    const error = fitTemperature(rowsWithTruth(truth, 5_000)) / truth - 1;
    expect(Math.abs(error)).toBeLessThan(0.1);
  });

  it("stays near 1 on a handful of rows, instead of running into its bound", () => {
    const allRight = rowsWithTruth(1, 8).map(({ logits }) => ({ logits, target: 0 }));
    const allWrong = allRight.map(({ logits }) => ({ logits, target: 1 }));
    expect(fitTemperature(allRight)).toBeGreaterThan(0.4);
    expect(fitTemperature(allWrong)).toBeLessThan(5);
  });

  it("is 1 without rows", () => {
    expect(fitTemperature([])).toBe(1);
  });
});

describe("crossValidate", () => {
  const extract = createExtractor(64);
  const settings = { classCount: 2, bucketCount: 64, epochs: 2, seed: 1 };
  const rows = (count: number) =>
    Array.from({ length: count }, (_item, i) => ({ features: extract(`word${i}`), target: i % 2 }));

  it("scores every row of a small set once", () => {
    const heldOut = crossValidate(rows(33), settings, 5);
    expect(heldOut).toHaveLength(33);
    expect(heldOut.filter((row) => row.target === 0)).toHaveLength(17);
  });

  it("stops after enough rows of a large set", () => {
    expect(crossValidate(rows(3_000), settings, 5)).toHaveLength(600);
  });

  it("holds nothing out of a single row", () => {
    expect(crossValidate(rows(1), settings, 5)).toHaveLength(0);
  });
});
