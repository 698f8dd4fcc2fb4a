import type { StepDefinition } from "../graph/definition.ts";
import { openStepBudget } from "./budget/reserve-call.ts";
import { programFor } from "./programs/program-for.ts";
import type { Frame, Running } from "./running.ts";
import { needValues, type Session } from "./session.ts";
import { startStepTrace } from "./trace-step.ts";

/** `when` is the author's code; what it throws is passed on. */
export function wants(session: Session, step: StepDefinition): boolean {
  return !("when" in step) || step.when === undefined || step.when(needValues(session, step));
}

/** Opens the span, the budget and the program of a step and tells of it. */
export function startStep(frame: Frame, step: StepDefinition): Running {
  const { session } = frame;
  const trace = startStepTrace(session, step);
  const startedMs = session.services.clock.nowMs();
  openStepBudget(session, step);
  const program = programFor(session, step);
  const base = { frame, step, program, trace, startedMs };
  const running: Running = { ...base, outstanding: 0, children: undefined, ending: undefined };
  frame.running.set(step.name, running);
  session.events.emit({ type: "step-start", step: step.name, kind: step.kind });
  return running;
}

/** A step that is not run has ended as soon as that is known. */
export function skipStep(session: Session, { name }: StepDefinition): void {
  session.settled.set(name, { kind: "skipped" });
  session.counts.skipped += 1;
  session.trace.skipped(name);
  session.events.emit({ type: "step-end", step: name, outcome: "skipped", durationMs: 0, costUsd: 0 });
}
