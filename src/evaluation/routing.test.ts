import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { areaUnderRoc, brierScore } from "./gate-quality.ts";
import {
  averageGapRecovered,
  callPerformanceThreshold,
  escalationQuality,
  oracleRouted,
  performanceGapRecovered,
  randomlyRouted,
  relativeCostAtQuality,
  routingCurve,
  type CallCosts,
  type RoutedAnswer,
} from "./routing.ts";
import type { ScoredAnswer } from "./selective.ts";

type Kind = "both" | "strong" | "weak" | "none";
const row = (score: number, right: Kind): RoutedAnswer => ({
  score,
  weakRight: right === "both" || right === "weak",
  strongRight: right === "both" || right === "strong",
});
/** Highest score first: w = 0.4, s = 0.6; a = .4 .6 .6 .4 .6 .6 at f = 0 .2 .4 .6 .8 1. */
const five = [row(5, "strong"), row(4, "none"), row(3, "weak"), row(2, "strong"), row(1, "both")];
/** As `five`, with the three in the middle tied: a = .4 at 0, .6 at .2, .6 at .8 and 1. */
const tied = [row(5, "strong"), row(3, "none"), row(3, "weak"), row(3, "strong"), row(1, "both")];
const notStronger = [row(2, "weak"), row(1, "both")];
const router: CallCosts = { kind: "router", weakCostUsd: 1, strongCostUsd: 10 };

const anyRow = fc
  .record({ score: fc.integer({ min: -8, max: 8 }), right: fc.constantFrom<Kind>("both", "strong", "weak", "none") })
  .map(({ score, right }) => row(score, right));
const anyRows = fc.array(anyRow, { minLength: 1, maxLength: 40 });
const strongerRows = anyRows.filter((rows) => averageGapRecovered(routingCurve(rows)) !== undefined);
const ratio = fc.double({ min: 0, max: 1, noNaN: true });
const apgr = (rows: readonly RoutedAnswer[]): number => averageGapRecovered(routingCurve(rows)) ?? Number.NaN;
const check = <T>(over: fc.Arbitrary<T>, holds: (value: T) => void): void =>
  fc.assert(fc.property(over, holds), { seed: 1 });

describe("routingCurve", () => {
  it("has a point for each place to cut, from all weak to all strong", () => {
    expect(routingCurve(five)).toEqual([
      { strongShare: 0, accuracy: 0.4, recovered: 0 },
      { strongShare: 0.2, accuracy: 0.6, recovered: 0.2 },
      { strongShare: 0.4, accuracy: 0.6, recovered: 0.2 },
      { strongShare: 0.6, accuracy: 0.4, recovered: 0.2 },
      { strongShare: 0.8, accuracy: 0.6, recovered: 0.4 },
      { strongShare: 1, accuracy: 0.6, recovered: 0.4 },
    ]);
  });

  it("crosses a tie in a straight line", () => {
    expect(routingCurve(tied).map((point) => point.strongShare)).toEqual([0, 0.2, 0.8, 1]);
  });

  it("depends neither on the order of the rows nor on the size of the scores", () => {
    check(anyRows, (rows) => {
      const curve = routingCurve(rows);
      expect(routingCurve([...rows].reverse())).toEqual(curve);
      for (const grow of [(x: number) => 3 * x + 7, (x: number) => x ** 3, (x: number) => Math.exp(x)]) {
        expect(routingCurve(rows.map((r) => ({ ...r, score: grow(r.score) })))).toEqual(curve);
      }
    });
  });

  it("takes scores that send a question first or last, whatever the others", () => {
    const curve = routingCurve([row(0, "both"), row(-Infinity, "weak"), row(Infinity, "strong")]);
    expect(curve.map((point) => point.recovered)).toEqual([0, 1 / 3, 1 / 3, 1 / 3]);
  });
});

describe("performanceGapRecovered", () => {
  it.each([
    [0, 0],
    [0.1, 0.5],
    [0.2, 1],
    [0.5, 0.5],
    [0.6, 0],
    [0.7, 0.5],
    [1, 1],
  ])("at a strong share of %d is %d", (share, expected) => {
    expect(performanceGapRecovered(routingCurve(five), share)).toBeCloseTo(expected, 12);
  });

  it("runs from 0 to 1 and never beyond the oracle's", () => {
    check(fc.tuple(strongerRows, ratio), ([rows, share]) => {
      const curve = routingCurve(rows);
      expect(performanceGapRecovered(curve, 0)).toBe(0);
      expect(performanceGapRecovered(curve, 1)).toBe(1);
      const best = performanceGapRecovered(routingCurve(oracleRouted(rows)), share)!;
      expect(performanceGapRecovered(curve, share)).toBeLessThanOrEqual(best + 1e-9);
    });
  });
});

describe("averageGapRecovered", () => {
  it("matches areas worked out by hand", () => {
    // Trapezoids of PGR over steps of 0.2: 0 1 1 0 1 1 gives 0.2 * (0.5 + 1 + 0.5 + 0.5 + 1).
    expect(apgr(five)).toBeCloseTo(0.7, 12);
    expect(apgr(tied)).toBeCloseTo(0.1 + 0.6 + 0.2, 12);
    expect(apgr(oracleRouted(five))).toBeCloseTo(0.2 * (0.5 + 1.5 + 2 + 2 + 1.5), 12);
  });

  it("is one half for random routing: a single tie, and the mean over every order", () => {
    expect(apgr(randomlyRouted(five))).toBeCloseTo(0.5, 12);
    expect(mean(orders(five).map(apgr))).toBeCloseTo(0.5, 12);
  });

  it("of a tie is the mean over the orders of the tie", () => {
    const first = tied[0]!;
    const last = tied[4]!;
    const each = orders(tied.slice(1, 4)).map((middle) => ranked([first, ...middle, last]));
    expect(mean(each.map(apgr))).toBeCloseTo(apgr(tied), 12);
  });

  it("lies between the worst order and the oracle's, and mirrors its reverse", () => {
    check(strongerRows, (rows) => {
      const reversed = rows.map((r) => ({ ...r, score: -r.score }));
      expect(apgr(rows) + apgr(reversed)).toBeCloseTo(1, 9);
      expect(apgr(rows)).toBeLessThanOrEqual(apgr(oracleRouted(rows)) + 1e-9);
      expect(apgr(rows)).toBeGreaterThanOrEqual(1 - apgr(oracleRouted(rows)) - 1e-9);
    });
  });
});

describe("callPerformanceThreshold", () => {
  it.each([
    [0, 0],
    [0.5, 0.1],
    [0.8, 0.16],
    [1, 0.2],
  ])("for %d of the gap takes the first crossing, %d", (gapShare, expected) => {
    expect(callPerformanceThreshold(routingCurve(five), gapShare)).toBeCloseTo(expected, 12);
  });

  it("of random routing is the share of the gap", () => {
    check(fc.tuple(strongerRows, ratio), ([rows, gapShare]) => {
      const curve = routingCurve(randomlyRouted(rows));
      expect(callPerformanceThreshold(curve, gapShare)).toBeCloseTo(gapShare, 9);
    });
  });

  it("is where that part of the gap is recovered, and nowhere before", () => {
    check(fc.tuple(strongerRows, ratio, ratio), ([rows, gapShare, part]) => {
      const curve = routingCurve(rows);
      const least = callPerformanceThreshold(curve, gapShare)!;
      expect(performanceGapRecovered(curve, least)).toBeCloseTo(gapShare, 9);
      expect(performanceGapRecovered(curve, part * least)).toBeLessThanOrEqual(gapShare + 1e-9);
    });
  });
});

describe("a strong model that is not stronger", () => {
  it("has no gap to recover, but wasted escalations and a cost", () => {
    const curve = routingCurve(notStronger);
    expect(performanceGapRecovered(curve, 0.5)).toBeUndefined();
    expect(averageGapRecovered(curve)).toBeUndefined();
    expect(callPerformanceThreshold(curve, 0.5)).toBeUndefined();
    expect(escalationQuality(curve, 0.5)).toEqual({
      accuracy: 0.5,
      oracleGap: 0.5,
      recoverable: 0,
      wasted: 0.5,
      missed: 0,
    });
    expect(relativeCostAtQuality(curve, 1, router)).toBeCloseTo(0.1, 12);
  });
});

describe("relativeCostAtQuality", () => {
  const cascade: CallCosts = { ...router, kind: "cascade" };

  // q * s = .57 is reached at f = .17, the whole of s at f = .2.
  it.each<[string, { quality: number; costs: CallCosts; expected: number }]>([
    ["a router pays weak or strong", { quality: 0.95, costs: router, expected: 0.83 * 0.1 + 0.17 }],
    [
      "a cascade pays weak, gate and strong",
      { quality: 0.95, costs: { ...cascade, gateCostUsd: 0.5 }, expected: 0.1 + 0.05 + 0.17 },
    ],
    ["a gate is free by default", { quality: 1, costs: cascade, expected: 0.1 + 0.2 }],
    ["a weak model that is good enough is all there is to pay", { quality: 0.6, costs: router, expected: 0.1 }],
    [
      "a weak model that is dearer than the strong one is not asked",
      { quality: 0.95, costs: { ...router, weakCostUsd: 20 }, expected: 1 },
    ],
    [
      "a cascade may cost more than the strong model alone",
      { quality: 0.95, costs: { ...cascade, weakCostUsd: 9 }, expected: 1.07 },
    ],
  ])("%s", (_what, { quality, costs, expected }) => {
    expect(relativeCostAtQuality(routingCurve(five), quality, costs)).toBeCloseTo(expected, 12);
  });

  it("grows with the quality asked for", () => {
    check(fc.tuple(anyRows, ratio, ratio), ([rows, a, b]) => {
      const cost = (quality: number): number => relativeCostAtQuality(routingCurve(rows), quality, router);
      expect(cost(Math.min(a, b))).toBeLessThanOrEqual(cost(Math.max(a, b)) + 1e-12);
    });
  });

  it("gives the strong shares known for RouteLLM's MMLU from its four counts", () => {
    const counts: readonly [Kind, number][] = [
      ["both", 8818],
      ["strong", 2497],
      ["weak", 742],
      ["none", 1985],
    ];
    const rows = counts.flatMap(([kind, count]) => Array.from({ length: count }, () => row(0, kind)));
    const free: CallCosts = { kind: "router", weakCostUsd: 0, strongCostUsd: 1 };
    expect(relativeCostAtQuality(routingCurve(randomlyRouted(rows)), 0.95, free)).toBeCloseTo(0.678, 3);
    expect(relativeCostAtQuality(routingCurve(oracleRouted(rows)), 0.95, free)).toBeCloseTo(0.085, 3);
    const { accuracy, oracleGap } = escalationQuality(routingCurve(rows), 0);
    expect([accuracy, accuracy + oracleGap]).toEqual([expect.closeTo(0.681, 3), expect.closeTo(0.859, 3)]);
  });
});

describe("escalationQuality", () => {
  it.each([
    [0, { accuracy: 0.4, oracleGap: 0.4, recoverable: 0.4, wasted: 0, missed: 0.4 }],
    [0.6, { accuracy: 0.4, oracleGap: 0.4, recoverable: 0.4, wasted: 0.4, missed: 0.2 }],
    [1, { accuracy: 0.6, oracleGap: 0.2, recoverable: 0.4, wasted: 0.6, missed: 0 }],
  ])("at a strong share of %d matches a count by hand", (share, expected) => {
    const found = escalationQuality(routingCurve(five), share);
    for (const [name, value] of Object.entries(expected)) expect(found).toHaveProperty(name, expect.closeTo(value, 12));
  });

  it("shares a tie that is cut in two", () => {
    // One question and a half of the tie's three: half of its one recoverable question.
    expect(escalationQuality(routingCurve(tied), 0.5)).toEqual({
      accuracy: expect.closeTo(0.6, 12),
      oracleGap: expect.closeTo(0.2, 12),
      recoverable: 0.4,
      wasted: expect.closeTo(0.2, 12),
      missed: expect.closeTo(0.1, 12),
    });
  });

  it("accounts for every question of decisions that were made", () => {
    check(fc.array(fc.tuple(fc.boolean(), anyRow), { minLength: 1, maxLength: 40 }), (decided) => {
      const count = (holds: (escalated: boolean, r: RoutedAnswer) => boolean): number =>
        decided.filter(([escalated, r]) => holds(escalated, r)).length / decided.length;
      const curve = routingCurve(decided.map(([escalated, r]) => ({ ...r, score: Number(escalated) })));
      const found = escalationQuality(
        curve,
        count((escalated) => escalated),
      );
      expect(found.wasted).toBeCloseTo(
        count((escalated, r) => escalated && (r.weakRight || !r.strongRight)),
        9,
      );
      expect(found.missed).toBeCloseTo(
        count((escalated, r) => !escalated && !r.weakRight && r.strongRight),
        9,
      );
      const spoilt = count((escalated, r) => escalated && r.weakRight && !r.strongRight);
      expect(found.oracleGap).toBeCloseTo(found.missed + spoilt, 9);
    });
  });
});

describe("areaUnderRoc and brierScore", () => {
  const answer = (confidence: number, correct: boolean): ScoredAnswer => ({ confidence, correct });
  const answers = [answer(0.9, true), answer(0.6, true), answer(0.6, false), answer(0.2, false)];
  const anyAnswers = fc.array(fc.record({ confidence: ratio, correct: fc.boolean() }), { minLength: 1, maxLength: 40 });

  it("match values worked out by hand", () => {
    expect(areaUnderRoc(answers)).toBe(3.5 / 4);
    expect(brierScore(answers)).toBeCloseTo((0.01 + 0.16 + 0.36 + 0.04) / 4, 12);
  });

  it("have no area where all answers are right, or none", () => {
    expect(areaUnderRoc([answer(0.9, true)])).toBeUndefined();
    expect(areaUnderRoc([answer(0.9, false)])).toBeUndefined();
  });

  it("equal the definition over all pairs of a right and a wrong answer", () => {
    const coarse = anyAnswers.map((rows) => rows.map((r) => ({ ...r, confidence: Math.round(r.confidence * 8) / 8 })));
    check(coarse, (rows) => {
      const wrong = rows.filter((r) => !r.correct);
      const won = rows
        .filter((r) => r.correct)
        .flatMap((r) => wrong.map((w) => (Math.sign(r.confidence - w.confidence) + 1) / 2));
      const area = areaUnderRoc(rows);
      if (won.length === 0) expect(area).toBeUndefined();
      else expect(area).toBeCloseTo(mean(won), 12);
    });
  });

  it("a Brier score stays between 0 and 1", () => {
    check(anyAnswers, (rows) => {
      expect(brierScore(rows)).toBeGreaterThanOrEqual(0);
      expect(brierScore(rows)).toBeLessThanOrEqual(1);
    });
  });

  it.each<[string, () => unknown]>([
    ["a curve without rows", () => routingCurve([])],
    ["a score that is not a number", () => routingCurve([row(Number.NaN, "both")])],
    ["a strong share in percent", () => performanceGapRecovered(routingCurve(five), 50)],
    ["a negative share of the gap", () => callPerformanceThreshold(routingCurve(five), -0.1)],
    ["a quality above 1", () => relativeCostAtQuality(routingCurve(five), 1.1, router)],
    [
      "a strong model that is free",
      () => relativeCostAtQuality(routingCurve(five), 1, { ...router, strongCostUsd: 0 }),
    ],
    ["a cost that is not known", () => relativeCostAtQuality(routingCurve(five), 1, { ...router, weakCostUsd: NaN })],
    ["no answers", () => areaUnderRoc([])],
    ["a confidence in percent", () => brierScore([answer(90, true)])],
  ])("refuse %s", (_what, action) => {
    expect(action).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});

/** Every order of the items. */
function orders(items: readonly RoutedAnswer[]): readonly (readonly RoutedAnswer[])[] {
  if (items.length === 0) return [[]];
  const all = items.flatMap((item, i) => orders(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
  return all.map(ranked);
}

/** Scores that send the rows in the order given. */
function ranked(rows: readonly RoutedAnswer[]): readonly RoutedAnswer[] {
  return rows.map((r, i) => ({ ...r, score: -i }));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
