import type { Decision } from "../policy/decision.ts";
import { staticName } from "./frame.ts";
import type { RunEvents } from "./run-events.ts";
import type { Run, RunResult } from "./run.ts";
import type { Session } from "./session.ts";

/** Decisions that a result lists for one step: a list of ten thousand items has as many. */
const maxListedDecisions = 1_000;

/** What the caller of a run holds. */
export function handleOf<O>(
  session: Session,
  result: Promise<RunResult<O>>,
  cancel: (reason?: unknown) => void,
): Run<O> {
  return {
    id: session.runId,
    traceId: session.runTrace.traceId,
    result,
    ledger: () => session.ledger.snapshot(session.budget),
    on: (type: string, listener: (event: never) => void) => session.events.on(type, listener as never),
    cancel,
    [Symbol.asyncIterator]: () => session.events.iterate(),
  };
}

/** Cancels the run with the caller's signal, and lets go of the signal when the run has ended. */
export function follow(
  signal: AbortSignal | undefined,
  cancel: (reason: unknown) => void,
  result: Promise<unknown>,
): void {
  if (signal === undefined) return;
  const stop = (): void => cancel(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const release = (): void => signal.removeEventListener("abort", stop);
  result.then(release, release);
}

/** The decisions that a result lists, filled while the run goes on. */
export function collectDecisions(events: RunEvents): Record<string, Decision[]> {
  // Without a prototype: a step may be called "constructor".
  const decisions = Object.create(null) as Record<string, Decision[]>;
  events.on("policy-decision", (event) => {
    if (event.type !== "policy-decision") return;
    const ofStep = (decisions[staticName(event.step)] ??= []);
    if (ofStep.length < maxListedDecisions) ofStep.push(event.decision);
  });
  return decisions;
}
