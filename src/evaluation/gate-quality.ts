import { requireRatio, requireRows } from "./preconditions.ts";
import type { ScoredAnswer } from "./selective.ts";

/**
 * AUROC of a confidence: the chance that a right answer has more of it than a wrong one, a tie counting one half (Mann
 * and Whitney). 0.5 says nothing, 1 tells them all apart. `undefined` when all answers are right, or none.
 * @throws {TierwiseError} `INPUT_INVALID` without rows, or for a confidence outside 0..1
 */
export function areaUnderRoc(rows: readonly ScoredAnswer[]): number | undefined {
  requireConfidences(rows);
  const right = rows.filter((row) => row.correct).length;
  const wrong = rows.length - right;
  if (right === 0 || wrong === 0) return undefined;
  const sorted = [...rows].sort((a, b) => a.confidence - b.confidence);
  let [wrongBelow, tieStart, pairsWon] = [0, 0, 0];
  sorted.forEach((row, i) => {
    if (sorted[i + 1]?.confidence === row.confidence) return;
    const tie = sorted.slice(tieStart, i + 1);
    const wrongInTie = tie.filter((tied) => !tied.correct).length;
    pairsWon += (tie.length - wrongInTie) * (wrongBelow + wrongInTie / 2);
    wrongBelow += wrongInTie;
    tieStart = i + 1;
  });
  return pairsWon / (right * wrong);
}

/**
 * Brier score: the mean of (confidence - correct)^2, with correct 1 or 0. 0 is perfect; always 0.5 gives 0.25.
 * @throws {TierwiseError} `INPUT_INVALID` without rows, or for a confidence outside 0..1
 */
export function brierScore(rows: readonly ScoredAnswer[]): number {
  requireConfidences(rows);
  return rows.reduce((sum, { confidence, correct }) => sum + (confidence - Number(correct)) ** 2, 0) / rows.length;
}

function requireConfidences(rows: readonly ScoredAnswer[]): void {
  requireRows(rows);
  for (const { confidence } of rows) requireRatio(confidence, "confidence");
}
