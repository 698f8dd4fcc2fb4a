import { picoToUsd } from "../catalog/money.ts";
import type { StepOutcome } from "../events/event.ts";
import { recoveryOf, type Ending } from "./conclusion.ts";
import { staticName } from "./frame.ts";
import type { Running } from "./running.ts";
import type { Session } from "./session.ts";
import { endStepTrace, measureStep } from "./trace-step.ts";

/** Ends the span of a step, counts it and tells of it. */
export function endStep({ step, trace, startedMs, frame }: Running, ending: Ending): void {
  const { session } = frame;
  const { events, ledger, services, counts } = session;
  const outcome: StepOutcome =
    ending.type === "value" ? "completed" : ending.type === "recovered" ? "failed" : ending.type;
  const error = ending.type === "failed" || ending.type === "recovered" ? ending.error : undefined;
  if (step.kind === "classify" && step.endorse !== undefined && ending.type === "value")
    events.emit({ type: "endorsed", step: step.name, what: "label", reason: step.endorse.reason });
  const isCached = ending.type === "value" && ending.isCached === true;
  counts[isCached ? "cached" : "executed"] += 1;
  if (outcome === "failed") counts.failed += 1;
  endStepTrace(session, { step, trace, outcome, isCached, error });
  const durationMs = services.clock.nowMs() - startedMs;
  if ("complexity" in step) noteDuration(session, step.name, durationMs);
  measureStep(session, { step, outcome, error, durationMs });
  const costUsd = picoToUsd(ledger.cost(step.name));
  events.emit({ type: "step-end", step: step.name, outcome, durationMs, costUsd });
  if (ending.type === "recovered")
    events.emit({ type: "step-recovered", step: step.name, code: ending.error.code, with: recoveryOf(step) });
  forget(session, step.name);
}

/** For the report of the run; the items of a list together. */
function noteDuration({ stepMs }: Session, name: string, durationMs: number): void {
  if (stepMs === undefined) return;
  const under = staticName(name);
  stepMs.set(under, (stepMs.get(under) ?? 0) + durationMs);
}

/** What is kept by a step's name while it runs; a list of ten thousand items must not keep ten thousand of them. */
function forget(session: Session, name: string): void {
  session.runningSteps.delete(name);
  session.ledger.close(name, staticName(name));
}
