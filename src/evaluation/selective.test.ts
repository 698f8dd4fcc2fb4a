import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  accuracy,
  accuracyAtCoverage,
  chooseThreshold,
  coverage,
  expectedCalibrationError,
  percentile,
  selectiveAccuracy,
  type ScoredAnswer,
} from "./selective.ts";

const row = (confidence: number, correct: boolean): ScoredAnswer => ({ confidence, correct });
/** Surest first: right, right, wrong, right, wrong. */
const five = [row(0.6, true), row(0.9, true), row(0.7, false), row(0.8, true), row(0.5, false)];

const ratio = fc.double({ min: 0, max: 1, noNaN: true });
const rowsOfAnyKind = fc.array(fc.record({ confidence: ratio, correct: fc.boolean() }), {
  minLength: 1,
  maxLength: 60,
});

describe("accuracy and coverage", () => {
  it("match values worked out by hand", () => {
    expect(accuracy(five)).toBe(0.6);
    expect(coverage(five, 0.7)).toBe(0.6);
    expect(selectiveAccuracy(five, 0.7)).toBeCloseTo(2 / 3, 12);
    expect(selectiveAccuracy(five, 0.75)).toBe(1);
  });

  it("accept a confidence equal to the threshold", () => {
    expect(coverage([row(0.8, true)], 0.8)).toBe(1);
  });

  it("have no accuracy where nothing is accepted", () => {
    expect(selectiveAccuracy(five, 0.95)).toBeUndefined();
    expect(coverage(five, 0.95)).toBe(0);
  });

  it.each([
    [1, 0.6],
    [0.8, 0.75],
    [0.6, 2 / 3],
    [0.4, 1],
    [0, 1],
  ])("at exactly the share %d of the rows are right at %d", (share, expected) => {
    expect(accuracyAtCoverage(five, share)).toBeCloseTo(expected, 12);
  });
});

describe("expectedCalibrationError", () => {
  it("matches a value worked out by hand", () => {
    // Bin 9: two rows, confidence 0.95, accuracy 0.5. Bin 2: one row, 0.25, accuracy 0. Bin 5: one row, 0.5, accuracy 1.
    const rows = [row(0.95, true), row(0.95, false), row(0.25, false), row(0.5, true)];
    expect(expectedCalibrationError(rows)).toBeCloseTo((2 / 4) * 0.45 + (1 / 4) * 0.25 + (1 / 4) * 0.5, 12);
  });

  it("is 0 for a model that is right as often as it says", () => {
    expect(expectedCalibrationError([row(0.5, true), row(0.5, false), row(1, true), row(0, false)])).toBe(0);
  });

  it("is 1 for a model that is sure and wrong", () => {
    expect(expectedCalibrationError([row(1, false), row(1, false)])).toBe(1);
  });

  it("equals the formula of the definition for any rows", () => {
    const check = (rows: readonly ScoredAnswer[]): void => {
      expect(expectedCalibrationError(rows)).toBeCloseTo(byDefinition(rows), 9);
    };
    fc.assert(fc.property(rowsOfAnyKind, check), { seed: 1 });
  });
});

function byDefinition(rows: readonly ScoredAnswer[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: 10 }, (_bin, b) => rows.filter((r) => Math.min(9, Math.floor(r.confidence * 10)) === b))
    .filter((bin) => bin.length > 0)
    .map((bin) => (bin.length / rows.length) * Math.abs(mean(bin.map((r) => r.confidence)) - accuracy(bin)))
    .reduce((sum, term) => sum + term, 0);
}

describe("percentile", () => {
  it.each([
    [[15, 20, 35, 40, 50], 0, 15],
    [[15, 20, 35, 40, 50], 0.4, 29],
    [[50, 15, 40, 20, 35], 0.5, 35],
    [[1, 2], 0.5, 1.5],
    [[15, 20, 35, 40, 50], 1, 50],
    [[7], 0.95, 7],
  ])("of %j at %d is %d", (values, q, expected) => {
    expect(percentile(values, q)).toBeCloseTo(expected, 12);
  });

  it("leaves the values in their order", () => {
    const values = [3, 1, 2];
    percentile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("chooseThreshold", () => {
  it.each([
    [{ coverage: 0.4 }, 0.8],
    [{ coverage: 1 }, 0.5],
    [{ coverage: 0 }, 0.9],
    [{ maxErrorRate: 0 }, 0.8],
    [{ maxErrorRate: 0.25 }, 0.6],
    [{ maxErrorRate: 1 }, 0.5],
  ])("for %j is %d", (goal, expected) => {
    expect(chooseThreshold(five, goal)).toBe(expected);
  });

  it("accepts nothing where no threshold is good enough", () => {
    expect(chooseThreshold([row(0.9, false), row(0.8, true)], { maxErrorRate: 0.1 })).toBe(Infinity);
  });

  it("counts rows of one confidence together, whatever their order", () => {
    const tied = [row(0.9, true), row(0.9, false)];
    expect(chooseThreshold(tied, { maxErrorRate: 0 })).toBe(Infinity);
    expect(chooseThreshold([...tied].reverse(), { maxErrorRate: 0 })).toBe(Infinity);
  });

  it("keeps its promise on the rows it was chosen on", () => {
    const check = (rows: readonly ScoredAnswer[], goal: number): void => {
      const kept = selectiveAccuracy(rows, chooseThreshold(rows, { maxErrorRate: goal })) ?? 1;
      expect(1 - kept).toBeLessThanOrEqual(goal + 1e-12);
      const share = coverage(rows, chooseThreshold(rows, { coverage: goal }));
      expect(share).toBeGreaterThanOrEqual(Math.round(goal * rows.length) / rows.length);
    };
    fc.assert(fc.property(rowsOfAnyKind, ratio, check), { seed: 1 });
  });
});

describe("a measure without rows or outside its range", () => {
  it.each<[string, () => unknown]>([
    ["accuracy", () => accuracy([])],
    ["coverage", () => coverage([], 0.5)],
    ["calibration error", () => expectedCalibrationError([])],
    ["percentile", () => percentile([], 0.5)],
    ["threshold", () => chooseThreshold([], { maxErrorRate: 0.1 })],
    ["percentile above 1", () => percentile([1], 95)],
    ["confidence in percent", () => expectedCalibrationError([row(95, true)])],
    ["coverage that is not a number", () => accuracyAtCoverage(five, Number.NaN)],
  ])("is refused: %s", (_what, action) => {
    expect(action).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
