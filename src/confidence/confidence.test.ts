import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failedCheck, judge, unavailable, type Confidence, type Verdict } from "./confidence.ts";

describe("judge", () => {
  it.each<[string, Confidence, Verdict]>([
    ["a score above the threshold", { kind: "probability", raw: 0.9 }, { accepted: true, basis: "uncalibrated" }],
    ["a score equal to the threshold", { kind: "probability", raw: 0.85 }, { accepted: true, basis: "uncalibrated" }],
    ["a score below the threshold", { kind: "probability", raw: 0.8499 }, { accepted: false, basis: "uncalibrated" }],
    ["a margin equal to the threshold", { kind: "label-margin", raw: 0.85 }, { accepted: true, basis: "uncalibrated" }],
    [
      "the calibrated score, not the raw one",
      { kind: "probability", raw: 0.99, calibrated: 0.6 },
      { accepted: false, basis: "calibrated" },
    ],
    [
      "a calibrated score above a poor raw one",
      { kind: "probability", raw: 0.2, calibrated: 0.9 },
      { accepted: true, basis: "calibrated" },
    ],
    ["a score that is no number", { kind: "probability", raw: NaN }, { accepted: false, basis: "uncalibrated" }],
    [
      "a calibrated score that is no number",
      { kind: "probability", raw: 1, calibrated: NaN },
      { accepted: false, basis: "calibrated" },
    ],
    ["a probability without a number", { kind: "probability" }, { accepted: false, basis: "uncalibrated" }],
    ["a margin without a number", { kind: "label-margin" }, { accepted: false, basis: "uncalibrated" }],
    ["a check that passed", { kind: "validator", raw: 1 }, { accepted: true, basis: "check" }],
    ["a check that failed", failedCheck, { accepted: false, basis: "check" }],
    ["a check without a result", { kind: "validator" }, { accepted: false, basis: "check" }],
    ["no signal at all", unavailable, { accepted: true, basis: "ungated" }],
  ])("decides by %s", (_name, confidence, verdict) => {
    expect(judge(confidence, 0.85)).toEqual(verdict);
  });

  it("accepts nothing where the threshold is no number, and everything that is a number at 0", () => {
    expect(judge({ kind: "probability", raw: 1 }, NaN).accepted).toBe(false);
    expect(judge({ kind: "probability", raw: 0 }, 0).accepted).toBe(true);
    expect(judge({ kind: "probability", raw: NaN }, 0).accepted).toBe(false);
  });

  it("accepts no less when the score rises or the threshold falls", () => {
    const ratio = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.tuple(ratio, ratio), fc.tuple(ratio, ratio), (scores, thresholds) => {
        const low = judge({ kind: "probability", raw: Math.min(...scores) }, Math.max(...thresholds)).accepted;
        const high = judge({ kind: "probability", raw: Math.max(...scores) }, Math.min(...thresholds)).accepted;
        expect(!low || high).toBe(true);
      }),
    );
  });
});
