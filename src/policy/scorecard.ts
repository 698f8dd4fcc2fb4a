import { deepFreeze } from "../common/freeze.ts";
import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, TierwiseError, type Problem } from "../errors.ts";
import { complexityTiers, isComplexity, type Complexity } from "../tiers/complexity.ts";
import { isPrivacy, levelOf, privacyLevels, type Privacy } from "../tiers/label.ts";

/** A whole number from 1 to 5. */
export type Score = 1 | 2 | 3 | 4 | 5;

const axes: readonly ScorecardAxis[] = ["complexity", "privacy", "latency", "volume"];
const orientations: readonly ScorecardOrientation[] = ["literal", "corrected"];

export type ScorecardAxis = "complexity" | "privacy" | "latency" | "volume";

/** `literal` adds the scores as published; `corrected` adds 6 - privacy and 6 - volume in their place. */
export type ScorecardOrientation = "literal" | "corrected";

/** `slm` from 4 to 8, `hybrid` from 9 to 14, `llm` (an LLM, or a hybrid that leans on one) from 15 to 20. */
export type ScorecardBand = "slm" | "hybrid" | "llm";

/** Where a workload would go by adding four scores. A report: nothing in the policy reads it. */
export interface Scorecard {
  readonly orientation: ScorecardOrientation;
  /** Sum of the contributions, 4 to 20. */
  readonly total: number;
  readonly band: ScorecardBand;
  /** The score as given and what it adds to the total; they differ where the orientation turns an axis round. */
  readonly axes: Readonly<Record<ScorecardAxis, { readonly score: Score; readonly contribution: Score }>>;
}

/** The axes whose published direction contradicts the published advice. */
const inverted: readonly ScorecardAxis[] = ["privacy", "volume"];

/**
 * The four-axis scorecard of S1. Advisory: it never decides and never overrides a gate or a rule. As published, high
 * privacy and high volume count towards the LLM, although the same text and S4 send both to an SLM; alone it misses
 * scenarios 2, 3 and 4 of the eight in 4.2, and 6 in part. `corrected` is the reading of 4.6. Source: the policy
 * framework (docs/concepts/decision-framework.md) 4.1, 4.2 and 4.6; S1 and S4 are articles it was drawn from.
 * @param options.orientation default "literal"
 * @throws {DefinitionError} `RUNTIME_INVALID`, with every mistake at once: a score that is no whole number from 1 to 5,
 * an axis that is missing or unknown, an unknown orientation
 */
export function scorecard(
  scores: Readonly<Record<ScorecardAxis, Score>>,
  options: { readonly orientation?: ScorecardOrientation } = {},
): Scorecard {
  const orientation = check(scores, options);
  const entry = (axis: ScorecardAxis): Scorecard["axes"][ScorecardAxis] => {
    const score = scores[axis];
    const turned = orientation === "corrected" && inverted.includes(axis);
    return { score, contribution: turned ? ((6 - score) as Score) : score };
  };
  const [complexity, privacy, latency, volume] = [
    entry("complexity"),
    entry("privacy"),
    entry("latency"),
    entry("volume"),
  ];
  const total = complexity.contribution + privacy.contribution + latency.contribution + volume.contribution;
  return deepFreeze({ orientation, total, band: bandOf(total), axes: { complexity, privacy, latency, volume } });
}

function check(scores: unknown, options: unknown): ScorecardOrientation {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(scores, "scores", report);
  reader.only(axes);
  for (const axis of axes) {
    const found = reader.get(axis);
    if (!isScore(found)) reader.mistake(axis, `expected a whole number from 1 to 5, found ${show(found)}`);
  }
  const optionReader = new OptionReader(options, "options", report);
  optionReader.only(["orientation"]);
  const orientation = optionReader.oneOf("orientation", orientations, "literal");
  if (problems.length > 0) throw new DefinitionError("scorecard", problems, "RUNTIME_INVALID");
  return orientation;
}

function isScore(value: unknown): value is Score {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 5;
}

function bandOf(total: number): ScorecardBand {
  return total <= 8 ? "slm" : total <= 14 ? "hybrid" : "llm";
}

/**
 * Position of the tier, easiest first. Source: decision-framework.md 4.1, row "Complexity tiers (S1)".
 * @throws {TierwiseError} `RUNTIME_INVALID` for an unknown tier
 */
export function complexityScore(tier: Complexity): Score {
  if (!isComplexity(tier)) throw mistake("complexityScore", `one of ${complexityTiers.join(", ")}`, tier);
  return (complexityTiers.indexOf(tier) + 1) as Score;
}

/**
 * Position of the level, lowest first. Source: decision-framework.md 4.1, row "Privacy (S4)", S1 scale. S4's words, as 4.6 reads
 * them: low is 1, moderate 2 (3 with customer data), high 4, critical 4 (5 where no data may leave).
 * @throws {TierwiseError} `RUNTIME_INVALID` for an unknown level
 */
export function privacyScore(level: Privacy): Score {
  if (!isPrivacy(level)) throw mistake("privacyScore", `one of ${privacyLevels.join(", ")}`, level);
  return (levelOf(level) + 1) as Score;
}

/** Highest bound of the scores 1 to 4, in milliseconds. */
const latencyScaleMs = [100, 500, 2_000, 60_000];

/**
 * How soon an answer is due: up to 100 ms 1, 500 ms 2, 2 s 3, 60 s 4; later, or no bound at all, 5. Source: decision-framework.md
 * 4.1, row "Latency (S4)", S1 scale (<100 ms, <500 ms, <2 s, batch, not critical), with the reading of 4.6 (<50 and
 * <100 ms are 1; 2 to 60 s are 4). "<2 s" is a bound of 2,000 ms, so a bound on the edge takes the tighter score.
 * @param boundMs milliseconds, finite and above 0; `undefined` when latency is not critical
 * @throws {TierwiseError} `RUNTIME_INVALID` for any other value
 */
export function latencyScore(boundMs: number | undefined): Score {
  if (boundMs === undefined) return 5;
  if (!Number.isFinite(boundMs) || boundMs <= 0)
    throw mistake("latencyScore", "milliseconds above 0, or undefined for no bound", boundMs);
  return (1 + latencyScaleMs.filter((limit) => boundMs > limit).length) as Score;
}

/**
 * Requests a day: under 1,000 is 1, under 10,000 2, under 100,000 3, up to 1,000,000 4, more 5. Source: decision-framework.md 4.2,
 * "Scorecard inputs" (<1K, 1-10K, 10-100K, 100K-1M, >1M). The source leaves 10,000 and 100,000 open; both take the
 * higher score, as 1,000 does.
 * @param requestsPerDay finite, 0 or more; an average need not be whole
 * @throws {TierwiseError} `RUNTIME_INVALID` for any other value
 */
export function volumeScore(requestsPerDay: number): Score {
  if (!Number.isFinite(requestsPerDay) || requestsPerDay < 0)
    throw mistake("volumeScore", "requests a day, 0 or more", requestsPerDay);
  if (requestsPerDay > 1_000_000) return 5;
  return (1 + [1_000, 10_000, 100_000].filter((limit) => requestsPerDay >= limit).length) as Score;
}

function mistake(name: string, expected: string, found: unknown): TierwiseError {
  return new TierwiseError("RUNTIME_INVALID", `${name}: expected ${expected}, found ${show(found)}`);
}
