/**
 * How sure a model is, and what accepts an answer. Pure. A missing signal is `unavailable`, never 0.5.
 * @module
 */

/**
 * `probability`: a classifier's probability of its label. `label-margin`: best minus second-best label, from the
 * log-probabilities of the deciding token. `validator`: a check that failed is 0. `unavailable`: no signal.
 */
export type ConfidenceKind = "probability" | "label-margin" | "validator" | "unavailable";

export interface Confidence {
  readonly kind: ConfidenceKind;
  /** As the model or check gives it, 0 to 1. */
  readonly raw?: number;
  /** Probability of being right after calibration, 0 to 1. */
  readonly calibrated?: number;
}

export const unavailable: Confidence = Object.freeze({ kind: "unavailable" });
export const failedCheck: Confidence = Object.freeze({ kind: "validator", raw: 0 });

/** Outcome of a gate for one answer, with what a reader of the trace needs to judge it. */
export interface Verdict {
  readonly accepted: boolean;
  /** `ungated`: accepted because there is nothing to judge by. `uncalibrated`: the score is not a probability of being right. */
  readonly basis: "calibrated" | "uncalibrated" | "check" | "ungated";
}

/**
 * Accepts a confidence of at least `acceptAt` (equality accepts). NaN is never confident.
 * @param acceptAt threshold, 0 to 1
 */
export function judge(confidence: Confidence, acceptAt: number): Verdict {
  switch (confidence.kind) {
    case "unavailable":
      return { accepted: true, basis: "ungated" };
    case "validator":
      return { accepted: confidence.raw === 1, basis: "check" };
    case "probability":
    case "label-margin": {
      const score = confidence.calibrated ?? confidence.raw ?? Number.NaN;
      return {
        accepted: score >= acceptAt,
        basis: confidence.calibrated === undefined ? "uncalibrated" : "calibrated",
      };
    }
  }
}
