import type { EndpointClass } from "../catalog/endpoint.ts";
import type { RunEvent } from "../events/event.ts";

/** Attempts of one class of models, by how they ended. */
export interface AnswerCounts {
  /** Answers that the gate let through, the ungated ones included. */
  readonly accepted: number;
  /** Answers that the gate turned down. */
  readonly rejected: number;
  /** Calls without an answer. */
  readonly failed: number;
}

/** What became of the questions of one step, or of all. */
export interface EscalationCounts {
  /** Runs of the step that asked a model. */
  readonly asked: number;
  /** Those of them in which a weak answer went on to another model. */
  readonly escalated: number;
  /** `escalated / asked`, 0 to 1; `undefined` where nothing was asked. */
  readonly escalationRate: number | undefined;
  readonly slm: AnswerCounts;
  readonly llm: AnswerCounts;
}

export interface EscalationReport {
  readonly total: EscalationCounts;
  /** By name of the step; steps of one name in several graphs count together. */
  readonly steps: Readonly<Record<string, EscalationCounts>>;
}

/**
 * Folds the events of whole runs into how often each step escalated, and what became of the answers of small and large
 * models. Pure. Pass the report so far as `before` and keep only the report: it holds one entry a step, however many runs
 * there were.
 *
 * Acceptance is the gate's opinion, not accuracy: how often an accepted answer is right needs somebody who knows, for example
 * the reviewers of `reviewRatio`.
 *
 * @param events of runs from their start to their end; of a run that is cut in two, an escalation may count twice
 * @param before what to add to. @default nothing
 * @example
 * ```ts
 * const events: RunEvent[] = [];
 * run.on("*", (event) => events.push(event));
 * await run.result;
 * report = escalationReport(events, report);
 * ```
 */
export function escalationReport(events: Iterable<RunEvent>, before?: EscalationReport): EscalationReport {
  const tallies = new Map(Object.entries(before?.steps ?? {}).map(([step, counts]) => [step, thaw(counts)]));
  const escalated = new Set<string>();
  for (const event of events) {
    if (event.type !== "attempt-start" && event.type !== "attempt-end" && event.type !== "attempt-error") continue;
    const tally = tallies.get(event.step) ?? thaw(nothing);
    tallies.set(event.step, tally);
    if (event.type === "attempt-error") tally[event.class].failed += 1;
    else if (event.type === "attempt-end") tally[event.class][event.outcome] += 1;
    else if (event.kind === "initial") tally.asked += 1;
    else if (event.kind === "escalation") {
      // A step may climb two rungs; it escalated once.
      const question = `${event.runId} ${event.step}`;
      if (!escalated.has(question)) tally.escalated += 1;
      escalated.add(question);
    }
  }
  const steps = [...tallies].map(([step, tally]) => [step, freeze(tally)] as const);
  return Object.freeze({
    total: freeze(sumOf([...tallies.values()])),
    steps: Object.freeze(Object.fromEntries(steps)),
  });
}

type Tally = { asked: number; escalated: number } & Record<EndpointClass, Record<keyof AnswerCounts, number>>;

const none: AnswerCounts = Object.freeze({ accepted: 0, rejected: 0, failed: 0 });
const nothing: Omit<EscalationCounts, "escalationRate"> = { asked: 0, escalated: 0, slm: none, llm: none };

function thaw({ asked, escalated, slm, llm }: typeof nothing): Tally {
  return { asked, escalated, slm: { ...slm }, llm: { ...llm } };
}

function freeze({ asked, escalated, slm, llm }: Tally): EscalationCounts {
  const escalationRate = asked === 0 ? undefined : escalated / asked;
  return Object.freeze({
    ...{ asked, escalated, escalationRate },
    ...{ slm: Object.freeze({ ...slm }), llm: Object.freeze({ ...llm }) },
  });
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum = thaw(nothing);
  for (const tally of tallies) {
    sum.asked += tally.asked;
    sum.escalated += tally.escalated;
    for (const size of ["slm", "llm"] as const) {
      sum[size].accepted += tally[size].accepted;
      sum[size].rejected += tally[size].rejected;
      sum[size].failed += tally[size].failed;
    }
  }
  return sum;
}
