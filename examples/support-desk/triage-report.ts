/** How good the embedded classifier is on tickets that it was not trained on: on all, where it is sure, and by difficulty. */
import { coverage, expectedCalibrationError, selectiveAccuracy } from "tierwise";
import type { DeskRun } from "./desk-run.ts";
import type { Ticket } from "./shop.ts";

/** What the classifier says to one ticket, asked directly. */
export interface ScoredTicket {
  readonly confidence: number;
  readonly correct: boolean;
  readonly difficulty: Ticket["difficulty"];
}

interface Accuracy {
  readonly tickets: number;
  readonly accuracyOnAll: number;
  /** `undefined` when none was accepted. */
  readonly accuracyOnAccepted: number | undefined;
  readonly escalatedShare: number;
}

export interface TriageReport extends Omit<Accuracy, "tickets"> {
  readonly trainingTickets: number;
  readonly heldOutTickets: number;
  readonly acceptAt: number;
  readonly calibrationError: number;
  /** Tickets for which no endpoint was sure: an honest answer of its own. */
  readonly uncertain: number;
  readonly byDifficulty: Readonly<Record<string, Accuracy>>;
}

export interface TriageMeasured {
  readonly desk: DeskRun;
  readonly answers: readonly ScoredTicket[];
  readonly acceptAt: number;
  readonly trainingTickets: number;
}

export function triageReport({ desk: { runs }, answers, acceptAt, trainingTickets }: TriageMeasured): TriageReport {
  const byDifficulty = [...Map.groupBy(answers, ({ difficulty }) => difficulty)];
  const { tickets: heldOutTickets, ...all } = accuracy(answers, acceptAt);
  return {
    trainingTickets,
    heldOutTickets,
    acceptAt,
    ...all,
    calibrationError: expectedCalibrationError(answers),
    uncertain: runs.filter(({ triage }) => triage === "uncertain").length,
    byDifficulty: Object.fromEntries(
      byDifficulty
        .sort(([, a], [, b]) => b.length - a.length)
        .map(([difficulty, some]) => [difficulty, accuracy(some, acceptAt)]),
    ),
  };
}

function accuracy(answers: readonly ScoredTicket[], acceptAt: number): Accuracy {
  return {
    tickets: answers.length,
    accuracyOnAll: answers.filter(({ correct }) => correct).length / answers.length,
    accuracyOnAccepted: selectiveAccuracy(answers, acceptAt),
    escalatedShare: 1 - coverage(answers, acceptAt),
  };
}
