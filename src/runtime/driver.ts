/**
 * One run: folds events into the scheduler and the steps' programs, and says what is due next. Deterministic in its events;
 * all I/O is in `perform.ts`.
 */
import { picoToUsd } from "../catalog/money.ts";
import { BudgetExceededError, RunCancelledError, type TierwiseError } from "../errors.ts";
import type { RunOutcome, StepOutcome } from "../events/event.ts";
import type { StepDefinition } from "../graph/definition.ts";
import type { StepTrace } from "../telemetry/run-trace.ts";
import type { EngineEvent, EngineRun, Waits } from "./engine.ts";
import { isSettlement, type Progress, type Settlement, type StepProgram } from "./programs/program.ts";
import { programFor } from "./programs/program-for.ts";
import { stepError } from "./programs/step-error.ts";
import { Scheduler, type Action } from "./scheduler.ts";
import { deadlineExceeded, needValues, refValue, stepOf, type Session } from "./session.ts";
import type { StepWork } from "./step-work.ts";
import { endStepTrace, startStepTrace } from "./trace-step.ts";

/** How a run ended, before it is turned into a result. */
export type Conclusion =
  | { readonly outcome: "completed" }
  | { readonly outcome: Exclude<RunOutcome, "completed">; readonly error: TierwiseError };

interface Running {
  readonly step: StepDefinition;
  readonly program: StepProgram;
  readonly trace: StepTrace;
  readonly startedMs: number;
  /** Works that were handed out and have not come back. */
  outstanding: number;
  ending: Settlement | { readonly type: "cancelled" } | undefined;
}

export class Driver {
  readonly #session: Session;
  readonly #scheduler: Scheduler;
  readonly #running = new Map<string, Running>();
  /** By key of a work, its step. */
  readonly #owners = new Map<string, string>();
  readonly #actions: Action[] = [];
  #stopped: Exclude<Conclusion, { outcome: "completed" }> | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#scheduler = new Scheduler(session.graph.steps);
  }

  /** Runs to the end. Never rejects for anything that a step or the caller did. */
  async drive(run: EngineRun): Promise<Conclusion> {
    const { events, services, deadlineMs, graph } = this.#session;
    events.emit({ type: "run-start", graph: graph.name, graphVersion: graph.version, labelled: graph.labelled });
    // A reader that stopped reading must not outlive the deadline.
    const stopTimer = services.clock.setTimer(deadlineMs - services.clock.nowMs(), () => events.unblock());
    let due = this.#unlessStopped(this.#perform(this.#scheduler.begin()));
    while (this.#running.size > 0) {
      await events.drained();
      due = this.#foldAll(await run.advance(due, this.#waits()));
    }
    stopTimer();
    return this.#stopped ?? { outcome: "completed" };
  }

  #foldAll(events: readonly EngineEvent[]): readonly StepWork[] {
    return this.#unlessStopped(events.flatMap((event) => this.#fold(event)));
  }

  /** When something ended the run, what was made due beside it does not start: it comes back at once. */
  #unlessStopped(due: readonly StepWork[]): readonly StepWork[] {
    if (this.#stopped === undefined) return due;
    for (const { key } of due) this.#foldWork({ type: "failed", key, value: this.#stopped.error, at: 0 });
    return [];
  }

  #waits(): Waits {
    const { deadlineMs, services } = this.#session;
    const deadline = services.clock.epochMs() + deadlineMs - services.clock.nowMs();
    return { signals: [], timers: this.#stopped === undefined ? { deadline } : {} };
  }

  #fold(event: EngineEvent): StepWork[] {
    switch (event.type) {
      case "cancel":
        return this.#stop({ outcome: "cancelled", error: runCancelled(event.value) });
      case "timer":
        return this.#stop({ outcome: "failed", error: deadlineExceeded(this.#session, [...this.#running.keys()]) });
      case "done":
      case "failed":
        return this.#foldWork(event);
      case "signal":
        return [];
    }
  }

  #foldWork(event: EngineEvent): StepWork[] {
    const name = this.#owners.get(event.key);
    const running = name === undefined ? undefined : this.#running.get(name);
    if (running === undefined) return [];
    this.#owners.delete(event.key);
    running.outstanding -= 1;
    // What comes in after the step is over is dropped; its cost was settled where it arose.
    const progress = running.ending === undefined ? guarded(running.step, () => running.program.next(event)) : [];
    return this.#advance(running, progress);
  }

  /**
   * Starts and skips steps until nothing more follows without waiting. Steps that settle on the way come back here: their
   * readers join the queue of the call that is under way, since chains can be long.
   */
  #perform(actions: readonly Action[]): StepWork[] {
    const isUnderWay = this.#actions.length > 0;
    this.#actions.push(...actions);
    const due: StepWork[] = [];
    if (isUnderWay) return due;
    // The action at the head stays in the queue while it is performed.
    for (let action = this.#actions[0]; action !== undefined && this.#stopped === undefined;) {
      const step = stepOf(this.#session, action.step);
      if (action.type === "skip" || !this.#wants(step)) this.#actions.push(...this.#skip(step));
      else due.push(...this.#start(step));
      this.#actions.shift();
      action = this.#actions[0];
    }
    return due;
  }

  /** A required field may be missing. `when` is the author's code: if it throws, the step fails and the run with it. */
  #wants(step: StepDefinition): boolean {
    const missing = Object.values(step.needs).some(
      (ref) => ref.whenSkipped.kind === "skip" && refValue(this.#session, ref) === undefined,
    );
    if (missing) return false;
    if (!("when" in step) || step.when === undefined) return true;
    try {
      return step.when(needValues(this.#session, step));
    } catch (error) {
      this.#stop({ outcome: "failed", error: stepError(step.name, error, "when") });
      return false;
    }
  }

  #skip(step: StepDefinition): Action[] {
    if (this.#stopped !== undefined) return [];
    this.#session.settled.set(step.name, { kind: "skipped" });
    this.#session.trace.skipped(step.name);
    this.#session.events.emit({ type: "step-end", step: step.name, outcome: "skipped", durationMs: 0, costUsd: 0 });
    return this.#scheduler.settle(step.name, "skipped");
  }

  #start(step: StepDefinition): StepWork[] {
    const session = this.#session;
    const trace = startStepTrace(session, step);
    const startedMs = session.services.clock.nowMs();
    session.stepStartedMs.set(step.name, startedMs);
    const program = programFor(session, step);
    const running: Running = { step, program, trace, startedMs, outstanding: 0, ending: undefined };
    this.#running.set(step.name, running);
    session.events.emit({ type: "step-start", step: step.name, kind: step.kind });
    return this.#advance(
      running,
      guarded(step, () => program.begin()),
    );
  }

  #advance(running: Running, progress: Progress): StepWork[] {
    if (isSettlement(progress)) running.ending = progress;
    else if (running.ending === undefined) {
      running.outstanding += progress.length;
      for (const { key } of progress) this.#owners.set(key, running.step.name);
      return [...progress];
    }
    const due = running.ending.type === "failed" ? this.#stop(failure(running.ending.error)) : [];
    return [...due, ...this.#endIfIdle(running)];
  }

  #endIfIdle(running: Running): StepWork[] {
    const { ending, step } = running;
    if (ending === undefined || running.outstanding > 0 || !this.#running.delete(step.name)) return [];
    this.#end(
      running,
      ending.type === "value" ? "completed" : ending.type,
      ending.type === "failed" ? ending.error : undefined,
    );
    if (ending.type !== "value") return [];
    this.#session.settled.set(step.name, { kind: "value", value: ending.value });
    // Readers cannot tell a missing value from a skipped step, so neither does the scheduler.
    return this.#perform(this.#scheduler.settle(step.name, ending.value === undefined ? "skipped" : "value"));
  }

  #end({ step, trace, startedMs, ending }: Running, outcome: StepOutcome, error: TierwiseError | undefined): void {
    const { events, ledger, services } = this.#session;
    if (step.kind === "classify" && step.endorse !== undefined && ending?.type === "value") {
      events.emit({ type: "endorsed", step: step.name, what: "label", reason: step.endorse.reason });
    }
    endStepTrace(this.#session, { step, trace, outcome, error });
    const durationMs = services.clock.nowMs() - startedMs;
    const costUsd = picoToUsd(ledger.cost(step.name));
    events.emit({ type: "step-end", step: step.name, outcome, durationMs, costUsd });
  }

  /** The first reason counts. Nothing new starts, what runs is aborted, and each step ends when its last work is back. */
  #stop(conclusion: Exclude<Conclusion, { outcome: "completed" }>): StepWork[] {
    if (this.#stopped !== undefined) return [];
    this.#stopped = conclusion;
    this.#session.abort.abort(conclusion.error);
    for (const running of [...this.#running.values()]) {
      running.ending ??= { type: "cancelled" };
      this.#endIfIdle(running);
    }
    return [];
  }
}

function guarded(step: StepDefinition, work: () => Progress): Progress {
  try {
    return work();
  } catch (error) {
    return { type: "failed", error: stepError(step.name, error, "the step") };
  }
}

export function runCancelled(reason: unknown): RunCancelledError {
  return new RunCancelledError("RUN_CANCELLED", "the run was cancelled by its caller; see cause", { cause: reason });
}

function failure(error: TierwiseError): Exclude<Conclusion, { outcome: "completed" }> {
  if (error instanceof BudgetExceededError) return { outcome: "budget_exceeded", error };
  // A work that was cut short may come back before the event that says why.
  if (error instanceof RunCancelledError) return { outcome: "cancelled", error };
  const denied =
    error.code.startsWith("PRIVACY_") || error.code === "NO_ELIGIBLE_ENDPOINT" || error.code === "HUMAN_REQUIRED";
  return { outcome: denied ? "denied" : "failed", error };
}
