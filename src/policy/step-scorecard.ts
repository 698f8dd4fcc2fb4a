import type { StepFacts } from "./facts.ts";
import { complexityScore, latencyScore, privacyScore, scorecard, volumeScore, type Scorecard } from "./scorecard.ts";

/** The advisory scorecard of a step, as published and as corrected. */
export interface StepScorecard {
  readonly literal: Scorecard;
  readonly corrected: Scorecard;
}

/** The four scores from what the step declares; `undefined` where it declares no volume. Nothing is decided by it. */
export function stepScorecard({ complexity, label, maxLatencyMs, volume }: StepFacts): StepScorecard | undefined {
  if (volume === undefined) return undefined;
  const scores = {
    complexity: complexityScore(complexity),
    privacy: privacyScore(label.level),
    latency: latencyScore(maxLatencyMs),
    volume: volumeScore(volume.requestsPerDay),
  };
  return { literal: scorecard(scores), corrected: scorecard(scores, { orientation: "corrected" }) };
}
