import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { complexityTiers, type Complexity } from "../tiers/complexity.ts";
import { privacyLevels, type Privacy } from "../tiers/label.ts";
import {
  complexityScore,
  latencyScore,
  privacyScore,
  scorecard,
  volumeScore,
  type Score,
  type ScorecardAxis,
  type ScorecardBand,
} from "./scorecard.ts";

type Scores = Record<ScorecardAxis, Score>;

const scoresOf = ([complexity, privacy, latency, volume]: readonly [Score, Score, Score, Score]): Scores => ({
  complexity,
  privacy,
  latency,
  volume,
});

const rank = (band: ScorecardBand): number => ["slm", "hybrid", "llm"].indexOf(band);

/** One row of decision-framework.md 4.2. */
interface Scenario {
  readonly name: string;
  /** Complexity, privacy, latency, volume, as "Scorecard inputs" states them. */
  readonly scores: readonly [Score, Score, Score, Score];
  /** Bound and volume as the row states them; tier and level are the ones of ours that match. */
  readonly facts: { tier: Complexity; level: Privacy; boundMs: number; millionTokensPerMonth: number };
  readonly literal: readonly [number, ScorecardBand];
  readonly corrected: readonly [number, ScorecardBand];
  /** Bands that agree with the recommendation of the row. */
  readonly recommended: readonly ScorecardBand[];
}

const scenarios: readonly Scenario[] = [
  {
    name: "1 customer support",
    scores: [2, 3, 3, 2],
    facts: { tier: "generation", level: "customer", boundMs: 2_000, millionTokensPerMonth: 50 },
    literal: [10, "hybrid"],
    corrected: [12, "hybrid"],
    recommended: ["hybrid"],
  },
  {
    name: "2 contract review",
    scores: [2, 4, 4, 1],
    facts: { tier: "generation", level: "regulated", boundMs: 5_000, millionTokensPerMonth: 2 },
    literal: [11, "hybrid"],
    corrected: [13, "hybrid"],
    recommended: ["slm"],
  },
  {
    name: "3 clinical support",
    scores: [1, 4, 3, 2],
    facts: { tier: "classification", level: "regulated", boundMs: 1_000, millionTokensPerMonth: 100 },
    literal: [10, "hybrid"],
    corrected: [10, "hybrid"],
    recommended: ["slm"],
  },
  {
    name: "4 market research",
    scores: [4, 1, 4, 1],
    facts: { tier: "planning", level: "public", boundMs: 10_000, millionTokensPerMonth: 3 },
    literal: [10, "hybrid"],
    corrected: [18, "llm"],
    recommended: ["llm"],
  },
  {
    name: "5 fraud",
    scores: [1, 4, 1, 2],
    facts: { tier: "classification", level: "regulated", boundMs: 50, millionTokensPerMonth: 200 },
    literal: [8, "slm"],
    corrected: [8, "slm"],
    recommended: ["slm"],
  },
  {
    name: "6 manufacturing QA",
    scores: [1, 2, 1, 2],
    facts: { tier: "classification", level: "internal", boundMs: 100, millionTokensPerMonth: 80 },
    literal: [6, "slm"],
    corrected: [10, "hybrid"],
    recommended: ["hybrid"],
  },
  {
    name: "7 strategy synthesis",
    scores: [4, 2, 4, 1],
    facts: { tier: "planning", level: "internal", boundMs: 15_000, millionTokensPerMonth: 8 },
    literal: [11, "hybrid"],
    corrected: [17, "llm"],
    recommended: ["hybrid", "llm"],
  },
  {
    name: "8 government",
    scores: [2, 5, 3, 2],
    facts: { tier: "generation", level: "classified", boundMs: 2_000, millionTokensPerMonth: 150 },
    literal: [12, "hybrid"],
    corrected: [10, "hybrid"],
    recommended: ["hybrid"],
  },
];

describe("scorecard on the eight scenarios of S4", () => {
  it.each(scenarios)("decision-framework.md 4.2 row $name: literal $literal, corrected $corrected", (row) => {
    const literal = scorecard(scoresOf(row.scores));
    const corrected = scorecard(scoresOf(row.scores), { orientation: "corrected" });
    expect([literal.total, literal.band]).toEqual(row.literal);
    expect([corrected.total, corrected.band]).toEqual(row.corrected);
  });

  it.each(scenarios)(
    "decision-framework.md 4.2 row $name: its scores follow from its facts at 700 tokens a request",
    (row) => {
      const { tier, level, boundMs, millionTokensPerMonth } = row.facts;
      const requestsPerDay = (millionTokensPerMonth * 1e6) / 700 / 30;
      const scores = [complexityScore(tier), privacyScore(level), latencyScore(boundMs), volumeScore(requestsPerDay)];
      expect(scores).toEqual(row.scores);
    },
  );

  it.each([
    ["literal", ["2", "3", "4", "6"]],
    ["corrected", ["2", "3"]],
  ] as const)("decision-framework.md 4.2: the %s score alone misses %j", (orientation, missed) => {
    const misses = scenarios.filter(
      (row) => !row.recommended.includes(scorecard(scoresOf(row.scores), { orientation }).band),
    );
    expect(misses.map((row) => row.name.charAt(0))).toEqual(missed);
  });
});

describe("scorecard", () => {
  it.each<[[Score, Score, Score, Score], number, ScorecardBand]>([
    [[1, 1, 1, 1], 4, "slm"],
    [[2, 2, 2, 2], 8, "slm"],
    [[2, 2, 2, 3], 9, "hybrid"],
    [[4, 4, 3, 3], 14, "hybrid"],
    [[4, 4, 4, 3], 15, "llm"],
    [[5, 5, 5, 5], 20, "llm"],
  ])("decision-framework.md 4.1 row Scorecard (S1): %j is %d and %s", (scores, total, band) => {
    expect(scorecard(scoresOf(scores))).toMatchObject({ total, band });
  });

  it("reports what every axis adds, as frozen data of the literal orientation unless told otherwise", () => {
    const scores = { complexity: 2, privacy: 5, latency: 3, volume: 1 } as const;
    expect(scorecard(scores).orientation).toBe("literal");
    const report = scorecard(scores, { orientation: "corrected" });
    expect(report).toEqual({
      orientation: "corrected",
      total: 11,
      band: "hybrid",
      axes: {
        complexity: { score: 2, contribution: 2 },
        privacy: { score: 5, contribution: 1 },
        latency: { score: 3, contribution: 3 },
        volume: { score: 1, contribution: 5 },
      },
    });
    expect(structuredClone(report)).toEqual(report);
    expect(Object.isFrozen(report) && Object.isFrozen(report.axes.privacy)).toBe(true);
  });

  const one = scoresOf([1, 1, 1, 1]);
  it.each<[string, { scores: object; options?: object }, readonly string[]]>([
    ["a score above 5", { scores: { ...one, complexity: 6 } }, ["scores.complexity"]],
    ["a score below 1", { scores: { ...one, privacy: 0 } }, ["scores.privacy"]],
    ["a broken score", { scores: { ...one, latency: 2.5 } }, ["scores.latency"]],
    ["what is no number", { scores: { ...one, latency: NaN, volume: "3" } }, ["scores.latency", "scores.volume"]],
    ["a missing axis", { scores: { complexity: 1, privacy: 1, latency: 1 } }, ["scores.volume"]],
    ["an unknown axis", { scores: { ...one, budget: 1 } }, ["scores.budget"]],
    ["an unknown orientation", { scores: one, options: { orientation: "inverted" } }, ["options.orientation"]],
    ["an unknown option", { scores: one, options: { orient: "literal" } }, ["options.orient"]],
    ["both", { scores: { ...one, volume: 6 }, options: { orient: 1 } }, ["scores.volume", "options.orient"]],
  ])("refuses %s, every mistake at once", (_name, { scores, options }, paths) => {
    const problems = paths.map((path) => expect.objectContaining({ path, code: "RUNTIME_INVALID" }) as unknown);
    expect(() => scorecard(scores as Scores, options)).toThrow(
      expect.objectContaining({ name: "DefinitionError", code: "RUNTIME_INVALID", problems }),
    );
  });

  it.each([null, 3, []])("refuses %j as scores and as options", (bag) => {
    const invalid = expect.objectContaining({ code: "RUNTIME_INVALID" });
    expect(() => scorecard(bag as never)).toThrow(invalid);
    expect(() => scorecard(one, bag as never)).toThrow(invalid);
  });
});

const anyScore = fc.constantFrom<Score[]>(1, 2, 3, 4, 5);
const anyScores = fc.record({ complexity: anyScore, privacy: anyScore, latency: anyScore, volume: anyScore });
const anyAxis = fc.constantFrom<ScorecardAxis[]>("complexity", "privacy", "latency", "volume");
const anyOrientation = fc.constantFrom("literal" as const, "corrected" as const);

describe("any scorecard", () => {
  it("adds up to its total, which stays between 4 and 20", () => {
    const check = (scores: Scores, orientation: "literal" | "corrected"): void => {
      const { axes, total } = scorecard(scores, { orientation });
      expect(Object.values(axes).reduce((sum, { contribution }) => sum + contribution, 0)).toBe(total);
      expect(total).toBeGreaterThanOrEqual(4);
      expect(total).toBeLessThanOrEqual(20);
    };
    fc.assert(fc.property(anyScores, anyOrientation, check), { seed: 1 });
  });

  it("moves towards the LLM with every score; corrected, away from it with privacy and volume", () => {
    const check = (low: Scores, axis: ScorecardAxis, orientation: "literal" | "corrected"): void => {
      fc.pre(low[axis] < 5);
      const high = { ...low, [axis]: low[axis] + 1 };
      const [before, after] = [scorecard(low, { orientation }), scorecard(high, { orientation })];
      const step = orientation === "corrected" && (axis === "privacy" || axis === "volume") ? -1 : 1;
      expect(after.total - before.total).toBe(step);
      expect((rank(after.band) - rank(before.band)) * step).toBeGreaterThanOrEqual(0);
    };
    fc.assert(fc.property(anyScores, anyAxis, anyOrientation, check), { seed: 1 });
  });

  it("corrected equals literal with 6 - privacy and 6 - volume (decision-framework.md 4.6, first row)", () => {
    const check = (scores: Scores): void => {
      const turned = { ...scores, privacy: 6 - scores.privacy, volume: 6 - scores.volume } as Scores;
      const corrected = scorecard(scores, { orientation: "corrected" });
      expect([corrected.total, corrected.band]).toEqual([scorecard(turned).total, scorecard(turned).band]);
    };
    fc.assert(fc.property(anyScores, check), { seed: 1 });
  });
});

describe("scores", () => {
  it("decision-framework.md 4.1 row Complexity tiers (S1): a tier scores its position", () => {
    expect(complexityTiers.map(complexityScore)).toEqual([1, 2, 3, 4, 5]);
  });

  it("decision-framework.md 4.1 row Privacy (S4), S1 scale: a level scores its position", () => {
    expect(privacyLevels.map(privacyScore)).toEqual([1, 2, 3, 4, 5]);
  });

  it.each<[number | undefined, Score]>([
    [0.5, 1],
    [50, 1],
    [100, 1],
    [101, 2],
    [500, 2],
    [501, 3],
    [2_000, 3],
    [2_001, 4],
    [60_000, 4],
    [60_001, 5],
    [undefined, 5],
  ])("decision-framework.md 4.1 row Latency (S4), S1 scale, with 4.6: a bound of %s ms is %d", (boundMs, score) => {
    expect(latencyScore(boundMs)).toBe(score);
  });

  it.each<[number, Score]>([
    [0, 1],
    [999.9, 1],
    [1_000, 2],
    [9_999, 2],
    [10_000, 3],
    [99_999, 3],
    [100_000, 4],
    [1_000_000, 4],
    [1_000_001, 5],
  ])("decision-framework.md 4.2 Scorecard inputs: %d requests a day are %d", (requestsPerDay, score) => {
    expect(volumeScore(requestsPerDay)).toBe(score);
  });

  it("never fall as the bound or the volume grows", () => {
    const positive = fc.double({ min: 1e-3, max: 1e7, noNaN: true });
    const check = (a: number, b: number): void => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      expect(latencyScore(low)).toBeLessThanOrEqual(latencyScore(high));
      expect(volumeScore(low)).toBeLessThanOrEqual(volumeScore(high));
    };
    fc.assert(fc.property(positive, positive, check), { seed: 1 });
  });

  it.each<[string, () => unknown]>([
    ["a tier that does not exist", () => complexityScore("hard" as Complexity)],
    ["a level that does not exist", () => privacyScore("secret" as Privacy)],
    ["a bound of 0 ms", () => latencyScore(0)],
    ["a bound that is not a number", () => latencyScore(NaN)],
    ["an infinite bound", () => latencyScore(Infinity)],
    ["a bound as text", () => latencyScore("100" as unknown as number)],
    ["less than no requests", () => volumeScore(-1)],
    ["requests that are not a number", () => volumeScore(NaN)],
    ["missing requests", () => volumeScore(undefined as unknown as number)],
  ])("refuse %s", (_name, call) => {
    expect(call).toThrow(expect.objectContaining({ code: "RUNTIME_INVALID" }));
  });
});
