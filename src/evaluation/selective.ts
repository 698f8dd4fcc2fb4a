/**
 * Measures of a model that may pass a question on: how often it is right, how honest its confidence is, and what is left
 * to go wrong once the least sure answers are escalated. Pure; imports only `errors`. Every share is a ratio, 0 to 1.
 * @module
 */
import { requireRatio, requireRows } from "./preconditions.ts";

/** One answered question: how sure the model was, 0 to 1, and whether it was right. */
export interface ScoredAnswer {
  readonly confidence: number;
  readonly correct: boolean;
}

/** What a threshold is chosen for: an error rate among the accepted answers, or a share of answers to accept. */
export type ThresholdGoal = { readonly maxErrorRate: number } | { readonly coverage: number };

const binCount = 10;

/**
 * Share of right answers: right / n.
 * @throws {TierwiseError} `INPUT_INVALID` without rows
 */
export function accuracy(rows: readonly ScoredAnswer[]): number {
  requireRows(rows);
  return rows.filter((row) => row.correct).length / rows.length;
}

/**
 * Share of answers that a threshold accepts: those with confidence >= threshold, over n. One minus it is the escalation
 * rate.
 * @throws {TierwiseError} `INPUT_INVALID` without rows
 */
export function coverage(rows: readonly ScoredAnswer[], threshold: number): number {
  requireRows(rows);
  return acceptedAt(rows, threshold).length / rows.length;
}

/**
 * Share of right answers among those a threshold accepts; one minus it is the selective risk. `undefined` when nothing
 * is accepted.
 */
export function selectiveAccuracy(rows: readonly ScoredAnswer[], threshold: number): number | undefined {
  const accepted = acceptedAt(rows, threshold);
  return accepted.length === 0 ? undefined : accuracy(accepted);
}

/**
 * Share of right answers among the surest `share` of all rows: exactly round(share * n) of them, at least one; of rows
 * with the same confidence the earlier count first. Needs no threshold, so it compares models at the same escalation
 * rate.
 * @throws {TierwiseError} `INPUT_INVALID` without rows, or for a share outside 0..1
 */
export function accuracyAtCoverage(rows: readonly ScoredAnswer[], share: number): number {
  return accuracy(surestFirst(rows).slice(0, acceptedCount(rows, share)));
}

/**
 * Expected calibration error over 10 bins of equal width: the sum over the bins of
 * (rows in the bin / n) * |mean confidence - accuracy|. Naeini et al. 2015, as used for temperature scaling by Guo et
 * al. 2017. Bin b holds b/10 <= confidence < (b+1)/10; the last one includes 1.
 * @throws {TierwiseError} `INPUT_INVALID` without rows, or for a confidence outside 0..1
 */
export function expectedCalibrationError(rows: readonly ScoredAnswer[]): number {
  requireRows(rows);
  const surplus = new Array<number>(binCount).fill(0);
  for (const { confidence, correct } of rows) {
    requireRatio(confidence, "confidence");
    surplus[Math.min(binCount - 1, Math.floor(confidence * binCount))]! += confidence - (correct ? 1 : 0);
  }
  // (n_b / n) * |mean confidence - accuracy| is |sum of (confidence - correct)| / n: the size of the bin cancels out.
  return surplus.reduce((total, difference) => total + Math.abs(difference), 0) / rows.length;
}

/**
 * The value below which the share `q` of the values lies, with straight lines between neighbours: position q * (n - 1)
 * of the sorted values (definition 7 of Hyndman and Fan 1996, NumPy's default).
 * @param q 0 is the least value, 0.5 the median, 1 the greatest
 * @throws {TierwiseError} `INPUT_INVALID` without values, or for a `q` outside 0..1
 */
export function percentile(values: readonly number[], q: number): number {
  requireRows(values);
  requireRatio(q, "q");
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  return below + (sorted[Math.ceil(position)]! - below) * (position - Math.floor(position));
}

/**
 * The confidence from which on answers are accepted. Choose it on a validation split that the model was not trained on,
 * then leave it alone: chosen on the rows it is judged by, it flatters itself.
 *
 * `coverage`: accepts the surest round(coverage * n) rows, at least one, and any that tie with the last of them.
 * `maxErrorRate`: the lowest threshold whose accepted rows have at most this share of wrong answers; `Infinity`, which
 * accepts nothing, when there is none. On few rows this share is a lucky one: leave room for it.
 * @throws {TierwiseError} `INPUT_INVALID` without rows, or for a goal outside 0..1
 */
export function chooseThreshold(rows: readonly ScoredAnswer[], goal: ThresholdGoal): number {
  if ("coverage" in goal) return surestFirst(rows)[acceptedCount(rows, goal.coverage) - 1]!.confidence;
  requireRows(rows);
  requireRatio(goal.maxErrorRate, "maxErrorRate");
  return lowestThreshold(surestFirst(rows), goal.maxErrorRate);
}

function lowestThreshold(sorted: readonly ScoredAnswer[], maxErrorRate: number): number {
  let lowest = Infinity;
  let wrong = 0;
  sorted.forEach((row, i) => {
    if (!row.correct) wrong++;
    // Rows of one confidence are accepted together, so only the last of them is a place to cut.
    const isLastOfTie = sorted[i + 1]?.confidence !== row.confidence;
    if (isLastOfTie && wrong / (i + 1) <= maxErrorRate) lowest = row.confidence;
  });
  return lowest;
}

function acceptedAt(rows: readonly ScoredAnswer[], threshold: number): readonly ScoredAnswer[] {
  return rows.filter((row) => row.confidence >= threshold);
}

function acceptedCount(rows: readonly ScoredAnswer[], share: number): number {
  requireRows(rows);
  requireRatio(share, "coverage");
  return Math.max(1, Math.round(share * rows.length));
}

function surestFirst(rows: readonly ScoredAnswer[]): readonly ScoredAnswer[] {
  return [...rows].sort((a, b) => b.confidence - a.confidence);
}
