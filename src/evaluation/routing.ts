/**
 * Measures of a router or a cascade over recorded answers of a weak and a strong model: how much of the gap between the
 * two a ranking of the questions recovers, for how many strong calls and at what cost. Start at `routingCurve`; the
 * other measures read its result. Pure; imports only `errors`. Every share is a ratio, 0 to 1.
 *
 * Names are those of RouteLLM (Ong et al. 2024, `evals/evaluate.py`). Its curve has a handful of thresholds; this one
 * has a point for every place where the ranking can be cut.
 * @module
 */
import { TierwiseError } from "../errors.ts";
import { requireRatio, requireRows } from "./preconditions.ts";

/** One question that both models answered, and the router's opinion of it. */
export interface RoutedAnswer {
  /**
   * The higher, the sooner the question goes to the strong model. Only the order counts. For a gate that decides yes or
   * no, 1 and 0; for a confidence, its negative.
   */
  readonly score: number;
  readonly weakRight: boolean;
  readonly strongRight: boolean;
}

/** What comes out when `strongShare` of the questions, those with the highest score, go to the strong model. */
export interface RoutingPoint {
  /** f: questions sent to the strong model, over n. */
  readonly strongShare: number;
  /** a(f): right answers, over n. */
  readonly accuracy: number;
  /** Questions sent to the strong model that it alone gets right, over n. */
  readonly recovered: number;
}

/** Points of growing `strongShare`, from 0 (all weak) to 1 (all strong), with straight lines in between. */
export type RoutingCurve = readonly [RoutingPoint, ...RoutingPoint[]];

/** How good the escalations at one strong share are. All are shares of all n questions. */
export interface EscalationQuality {
  readonly accuracy: number;
  /** Right answers of an oracle, which asks whichever model is right, minus `accuracy`. */
  readonly oracleGap: number;
  /** Questions that only the strong model gets right: no more escalations than these can be useful. */
  readonly recoverable: number;
  /** Escalated although the weak model was right or the strong one wrong. */
  readonly wasted: number;
  /** Left to the weak model, which was wrong, while the strong one was right. */
  readonly missed: number;
}

/**
 * Mean cost of one question, in USD or any one unit; f is the share of strong calls.
 * `router`, which decides before it asks: (1 - f) * weak + f * strong.
 * `cascade`, which asks the weak model first: weak + gate + f * strong; the gate (verifier, samples) is 0 by default.
 */
export type CallCosts =
  | { readonly kind: "router"; readonly weakCostUsd: number; readonly strongCostUsd: number }
  | {
      readonly kind: "cascade";
      readonly weakCostUsd: number;
      readonly strongCostUsd: number;
      readonly gateCostUsd?: number;
    };

/** Sums in floating point may miss a target that they reach exactly in theory; shares are at least 1/n apart. */
const tolerance = 1e-12;

/**
 * The accuracy of a ranking at every share of strong calls. Questions with the same score are sent in random order, in
 * expectation: a straight line over the whole tie, so the order of the rows does not matter.
 * @throws {TierwiseError} `INPUT_INVALID` without rows, or for a score that is not a number
 */
export function routingCurve(rows: readonly RoutedAnswer[]): RoutingCurve {
  requireScores(rows);
  const sorted = [...rows].sort((a, b) => (a.score === b.score ? 0 : b.score > a.score ? 1 : -1));
  let right = rows.filter((row) => row.weakRight).length;
  let recovered = 0;
  const points: [RoutingPoint, ...RoutingPoint[]] = [pointOf([0, right, 0], rows.length)];
  sorted.forEach((row, i) => {
    right += Number(row.strongRight) - Number(row.weakRight);
    if (row.strongRight && !row.weakRight) recovered++;
    // A tie has no points inside: the line across it is what a random order gives on average.
    if (sorted[i + 1]?.score !== row.score) points.push(pointOf([i + 1, right, recovered], rows.length));
  });
  return points;
}

/** The same questions in random order: one tie. The line to compare a router with; its APGR is 0.5. */
export function randomlyRouted(rows: readonly RoutedAnswer[]): readonly RoutedAnswer[] {
  return rows.map((row) => ({ ...row, score: 0 }));
}

/**
 * The same questions in the best order there is: first those that only the strong model gets right, last those that only
 * the weak one does. No router can do better at any share.
 */
export function oracleRouted(rows: readonly RoutedAnswer[]): readonly RoutedAnswer[] {
  return rows.map((row) => ({ ...row, score: Number(row.strongRight) - Number(row.weakRight) }));
}

/**
 * PGR(f) = (a(f) - w) / (s - w): the part of the gap between weak (w) and strong (s) accuracy that is recovered when the
 * share f of the questions goes to the strong model. 0 at f = 0 and 1 at f = 1; in between below 0 or above 1 where the
 * mix is worse than the weak or better than the strong model. `undefined` when the strong model is not stronger.
 * @throws {TierwiseError} `INPUT_INVALID` for a share outside 0..1
 */
export function performanceGapRecovered(curve: RoutingCurve, strongShare: number): number | undefined {
  const { accuracy } = pointAt(curve, strongShare);
  const gap = gapOf(curve);
  return gap > 0 ? (accuracy - curve[0].accuracy) / gap : undefined;
}

/**
 * APGR: the mean of PGR(f) over f from 0 to 1, exact because the curve is made of straight lines (trapezoid rule). Random
 * routing has 0.5; a ranking and its reverse add up to 1. `undefined` when the strong model is not stronger.
 */
export function averageGapRecovered(curve: RoutingCurve): number | undefined {
  const gap = gapOf(curve);
  if (gap <= 0) return undefined;
  const area = curve.slice(1).reduce((sum, point, i) => {
    const before = curve[i]!;
    return sum + ((point.strongShare - before.strongShare) * (point.accuracy + before.accuracy)) / 2;
  }, 0);
  return (area - curve[0].accuracy) / gap;
}

/**
 * CPT(x): the least share of strong calls whose accuracy reaches w + x(s - w), at the first crossing, with straight
 * lines between the points. Random routing needs x. `undefined` when the strong model is not stronger.
 * @param gapShare x; commonly 0.5 and 0.8
 * @throws {TierwiseError} `INPUT_INVALID` for a `gapShare` outside 0..1
 */
export function callPerformanceThreshold(curve: RoutingCurve, gapShare: number): number | undefined {
  requireRatio(gapShare, "the share of the gap");
  const gap = gapOf(curve);
  return gap > 0 ? leastShareReaching(curve, curve[0].accuracy + gapShare * gap) : undefined;
}

/**
 * cost@q: the least cost of reaching the share `quality` of the strong model's accuracy, over the cost of asking the
 * strong model alone. Above 1 a cascade costs more than that. Read off the rows it is judged on, it is what the ranking
 * allows; a threshold chosen beforehand on other rows pays for a margin besides.
 * @param quality q; commonly 0.95 and 0.99
 * @throws {TierwiseError} `INPUT_INVALID` for a `quality` outside 0..1, for costs that are negative or not finite, or for
 * a strong model that is free
 */
export function relativeCostAtQuality(curve: RoutingCurve, quality: number, costs: CallCosts): number {
  requireRatio(quality, "quality");
  requireCosts(costs);
  const least = leastShareReaching(curve, quality * curve.at(-1)!.accuracy);
  // A straight line in f, so the least cost is at one end: the other, all strong, where the weak model is the dearer.
  return Math.min(costAt(costs, least), costAt(costs, 1)) / costs.strongCostUsd;
}

/**
 * Oracle gap, wasted escalations and missed ones when the share f of the questions goes to the strong model. Of a tie
 * that is cut in two, in expectation. To judge decisions that were made, score them 1 and 0 and give their mean as f.
 * Always: oracle gap = missed + escalated questions that only the weak model gets right.
 * @throws {TierwiseError} `INPUT_INVALID` for a share outside 0..1
 */
export function escalationQuality(curve: RoutingCurve, strongShare: number): EscalationQuality {
  const { accuracy, recovered } = pointAt(curve, strongShare);
  const recoverable = curve.at(-1)!.recovered;
  return {
    accuracy,
    oracleGap: curve[0].accuracy + recoverable - accuracy,
    recoverable,
    wasted: strongShare - recovered,
    missed: recoverable - recovered,
  };
}

function gapOf(curve: RoutingCurve): number {
  return curve.at(-1)!.accuracy - curve[0].accuracy;
}

function pointOf([strong, right, recovered]: readonly [number, number, number], n: number): RoutingPoint {
  return { strongShare: strong / n, accuracy: right / n, recovered: recovered / n };
}

function pointAt(curve: RoutingCurve, strongShare: number): RoutingPoint {
  requireRatio(strongShare, "the share of strong calls");
  const next = curve.findIndex((point) => point.strongShare >= strongShare);
  const [from, to] = [curve[Math.max(0, next - 1)]!, curve[next]!];
  const width = to.strongShare - from.strongShare;
  const part = width === 0 ? 0 : (strongShare - from.strongShare) / width;
  const between = (a: number, b: number): number => (part === 1 ? b : a + part * (b - a));
  return {
    strongShare,
    accuracy: between(from.accuracy, to.accuracy),
    recovered: between(from.recovered, to.recovered),
  };
}

/** The first place where the curve is at least `accuracy`. Callers ask for no more than the strong model's. */
function leastShareReaching(curve: RoutingCurve, accuracy: number): number {
  const next = curve.findIndex((point) => point.accuracy >= accuracy - tolerance);
  if (next <= 0) return 0;
  const [from, to] = [curve[next - 1]!, curve[next]!];
  const part = Math.min(1, (accuracy - from.accuracy) / (to.accuracy - from.accuracy));
  return from.strongShare + part * (to.strongShare - from.strongShare);
}

function costAt(costs: CallCosts, strongShare: number): number {
  const strong = strongShare * costs.strongCostUsd;
  if (costs.kind === "router") return (1 - strongShare) * costs.weakCostUsd + strong;
  return costs.weakCostUsd + (costs.gateCostUsd ?? 0) + strong;
}

function requireCosts(costs: CallCosts): void {
  const { weakCostUsd, strongCostUsd } = costs;
  const gateCostUsd = costs.kind === "cascade" ? (costs.gateCostUsd ?? 0) : 0;
  const allKnown = [weakCostUsd, strongCostUsd, gateCostUsd].every((cost) => Number.isFinite(cost) && cost >= 0);
  if (allKnown && strongCostUsd > 0) return;
  const found = `weak ${weakCostUsd}, strong ${strongCostUsd}, gate ${gateCostUsd}`;
  throw new TierwiseError("INPUT_INVALID", `Costs must be finite, 0 or more, and the strong one above 0: ${found}.`);
}

function requireScores(rows: readonly RoutedAnswer[]): void {
  requireRows(rows);
  const bad = rows.findIndex((row) => Number.isNaN(row.score));
  if (bad >= 0) throw new TierwiseError("INPUT_INVALID", `A score must be a number: row ${bad} has NaN.`);
}
