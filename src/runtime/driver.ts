/**
 * One run: folds events into the schedulers and the steps' programs, and says what is due next. Deterministic in its events;
 * all I/O is in `perform.ts`. A graph inside a step (`subgraph`, `map`, `loop`) is a frame of its own with a scheduler of
 * its own; there is one loop for all of them.
 */
import { picoToUsd } from "../catalog/money.ts";
import {
  BudgetExceededError,
  ProviderError,
  RunCancelledError,
  StepFailedError,
  type TierwiseError,
} from "../errors.ts";
import type { RunOutcome, StepOutcome } from "../events/event.ts";
import type { StepDefinition } from "../graph/definition.ts";
import type { StepTrace } from "../telemetry/run-trace.ts";
import { outputOf } from "./conclude-run.ts";
import type { EngineEvent, EngineRun, Waits } from "./engine.ts";
import { nestedSession, staticName } from "./frame.ts";
import { failed, value, type Child, type Progress, type Settlement, type StepProgram } from "./programs/program.ts";
import { programFor } from "./programs/program-for.ts";
import { stepError } from "./programs/step-error.ts";
import { isRecoverable } from "./recovery.ts";
import { budgetOf, openStepBudget } from "./budget/reserve-call.ts";
import { Scheduler, type Action } from "./scheduler.ts";
import { deadlineExceeded, needValues, sourceValue, stepOf, type Session } from "./session.ts";
import type { StepWork } from "./step-work.ts";
import { endStepTrace, measureStep, startStepTrace } from "./trace-step.ts";

/** How a run ended, before it is turned into a result. */
export type Conclusion =
  | { readonly outcome: "completed" }
  | { readonly outcome: Exclude<RunOutcome, "completed">; readonly error: TierwiseError };

type Ending =
  Settlement | { readonly type: "cancelled" } | { readonly type: "recovered"; readonly error: TierwiseError };

/** A graph under way: the run's own, or one inside a step. */
interface Frame {
  readonly session: Session;
  readonly scheduler: Scheduler;
  readonly running: Map<string, Running>;
  /** The step that runs this graph, and which of its children it is. */
  readonly parent: { readonly running: Running; readonly index: number } | undefined;
  readonly release: () => void;
  failure: TierwiseError | undefined;
  isOver: boolean;
}

interface Running {
  readonly frame: Frame;
  readonly step: StepDefinition;
  readonly program: StepProgram;
  readonly trace: StepTrace;
  readonly startedMs: number;
  /** Works and graphs inside that were started and have not come back. */
  outstanding: number;
  children: Set<Frame> | undefined;
  ending: Ending | undefined;
}

/** A graph inside a step that is over. */
interface ChildEnd {
  readonly running: Running;
  readonly index: number;
  readonly ending: Settlement;
}

const noWaits: Waits = { signals: [], timers: {} };

export class Driver {
  readonly #session: Session;
  readonly #root: Frame;
  #runningCount = 0;
  /** By key of a work, its step. */
  readonly #owners = new Map<string, Running>();
  /** What follows without waiting, in the order in which it came up. Queues, not calls: chains, lists and loops are long. */
  #actions: { readonly frame: Frame; readonly action: Action }[] = [];
  #ended: ChildEnd[] = [];
  #due: StepWork[] = [];
  #waits: Waits = noWaits;
  /** Something may be due that nobody wants any more. */
  #hasDead = false;
  #stopped: Exclude<Conclusion, { outcome: "completed" }> | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#root = frameOver(session, undefined, () => undefined);
  }

  /** Runs to the end. Never rejects for anything that a step or the caller did. */
  async drive(run: EngineRun): Promise<Conclusion> {
    this.#begin();
    while (this.#runningCount > 0) {
      const drained = this.#session.events.drained();
      if (drained !== undefined) await this.#untilRead(drained);
      const events = await run.advance(this.#takeDue(), this.#waits);
      for (const event of events) {
        this.#fold(event);
        this.#followUp();
      }
    }
    return this.#stopped ?? { outcome: "completed" };
  }

  #begin(): void {
    const { events, services, deadlineMs, graph } = this.#session;
    events.emit({ type: "run-start", graph: graph.name, graphVersion: graph.version, labelled: graph.labelled });
    const deadline = services.clock.epochMs() + deadlineMs - services.clock.nowMs();
    this.#waits = { signals: [], timers: { deadline } };
    this.#enqueue(this.#root, this.#root.scheduler.begin());
    this.#followUp();
  }

  #takeDue(): readonly StepWork[] {
    const due = this.#due;
    this.#due = [];
    return due;
  }

  /** A reader that stopped reading must not outlive the deadline. */
  async #untilRead(drained: Promise<void>): Promise<void> {
    const { events, services, deadlineMs } = this.#session;
    const stopTimer = services.clock.setTimer(deadlineMs - services.clock.nowMs(), () => events.unblock());
    await drained;
    stopTimer();
  }

  #fold(event: EngineEvent): void {
    switch (event.type) {
      case "cancel":
        this.#stop({ outcome: "cancelled", error: runCancelled(event.value) });
        break;
      case "timer":
        this.#stop({ outcome: "failed", error: deadlineExceeded(this.#session, this.#underWay(this.#root)) });
        break;
      case "done":
      case "failed":
        this.#foldWork(event);
        break;
      case "signal":
        break;
    }
  }

  #foldWork(event: EngineEvent): void {
    const running = this.#owners.get(event.key);
    if (running === undefined) return;
    this.#owners.delete(event.key);
    running.outstanding -= 1;
    // What comes in after the step is over is dropped; its cost was settled where it arose.
    const progress = running.ending === undefined ? guarded(running.step, () => running.program.next(event)) : [];
    this.#advance(running, progress);
  }

  #enqueue(frame: Frame, actions: readonly Action[]): void {
    for (const action of actions) this.#actions.push({ frame, action });
  }

  /** Starts, skips and ends until nothing more follows without waiting. */
  #followUp(): void {
    do {
      this.#foldChildren();
      // Actions join the queue while it is gone through.
      for (const { frame, action } of this.#actions) {
        this.#perform(frame, action);
        this.#foldChildren();
      }
      this.#actions = [];
      this.#dropDead();
    } while (this.#actions.length > 0 || this.#ended.length > 0);
  }

  /** Before anything else starts: one that failed may end what else was about to. */
  #foldChildren(): void {
    if (this.#ended.length === 0) return;
    for (const ended of this.#ended) this.#childEnded(ended);
    this.#ended = [];
  }

  /** What was made due before something ended its graph does not start: it comes back at once. */
  #dropDead(): void {
    if (!this.#hasDead) return;
    this.#hasDead = false;
    const { dead = [], live = [] } = Object.groupBy(this.#due, ({ key }) =>
      this.#isDead(this.#owners.get(key)!.frame) ? "dead" : "live",
    );
    this.#due = live;
    for (const { key } of dead) this.#foldWork({ type: "failed", key, value: undefined, at: 0 });
  }

  #isDead(frame: Frame): boolean {
    return this.#stopped !== undefined || frame.failure !== undefined;
  }

  #perform(frame: Frame, { type, step: name }: Action): void {
    if (this.#isDead(frame)) return;
    const step = stepOf(frame.session, name);
    let isWanted: boolean;
    try {
      isWanted = type === "start" && wants(frame.session, step);
    } catch (error) {
      this.#failFrame(frame, stepError(step.name, error, "when"));
      return;
    }
    if (isWanted) this.#start(frame, step);
    else this.#skip(frame, step);
  }

  #skip(frame: Frame, step: StepDefinition): void {
    const { session } = frame;
    session.settled.set(step.name, { kind: "skipped" });
    session.counts.skipped += 1;
    session.trace.skipped(step.name);
    session.events.emit({ type: "step-end", step: step.name, outcome: "skipped", durationMs: 0, costUsd: 0 });
    this.#enqueue(frame, frame.scheduler.settle(step.name, "skipped"));
    this.#endFrameIfIdle(frame);
  }

  #start(frame: Frame, step: StepDefinition): void {
    const { session } = frame;
    const trace = startStepTrace(session, step);
    const startedMs = session.services.clock.nowMs();
    openStepBudget(session, step);
    const program = programFor(session, step);
    const base = { frame, step, program, trace, startedMs };
    const running: Running = { ...base, outstanding: 0, children: undefined, ending: undefined };
    frame.running.set(step.name, running);
    this.#runningCount += 1;
    session.events.emit({ type: "step-start", step: step.name, kind: step.kind });
    this.#advance(
      running,
      guarded(step, () => program.begin()),
    );
  }

  #advance(running: Running, progress: Progress): void {
    if (running.ending !== undefined) {
      this.#endIfIdle(running);
      return;
    }
    if (!("type" in progress)) {
      running.outstanding += progress.length;
      for (const work of progress) this.#owners.set(work.key, running);
      this.#due.push(...progress);
      return;
    }
    if (progress.type === "nest") {
      this.#nest(running, progress.children);
      return;
    }
    running.ending = progress.type === "failed" ? recovered(running.step, progress.error) : progress;
    if (running.ending.type === "failed") this.#failFrame(running.frame, running.ending.error);
    // A list that fails with its first item wants no more of the others, whatever its failure becomes.
    else if (running.ending.type === "recovered") this.#abandon(running, running.ending.error);
    this.#endIfIdle(running);
  }

  /** Opens graphs inside a step. An input that does not fit fails the child before anything of it starts. */
  #nest(running: Running, children: readonly Child[]): void {
    running.outstanding += children.length;
    for (const { index, graph, input } of children) {
      const position = index === undefined ? "" : `[${index}]`;
      const path = `${running.step.name}${position}/`;
      const parsed = graph.input.parse(input);
      if (!parsed.ok) {
        const ending = failed(misfit(running.step, position, parsed.problems));
        this.#ended.push({ running, index: index ?? 0, ending });
        continue;
      }
      const outer = running.frame.session;
      const around = { trace: running.trace, budget: budgetOf(outer, running.step.name) };
      const { session, release } = nestedSession(outer, { path, graph, input: parsed.value, ...around });
      session.frames.set(path, session);
      const frame = frameOver(session, { running, index: index ?? 0 }, () => {
        session.frames.delete(path);
        release();
      });
      running.children ??= new Set();
      running.children.add(frame);
      this.#enqueue(frame, frame.scheduler.begin());
      this.#endFrameIfIdle(frame);
    }
  }

  #childEnded({ running, index, ending }: ChildEnd): void {
    const { step, program } = running;
    running.outstanding -= 1;
    const progress = running.ending === undefined ? guarded(step, () => program.childEnded!(index, ending)) : [];
    this.#advance(running, progress);
  }

  #endIfIdle(running: Running): void {
    const { ending, step, frame } = running;
    if (ending === undefined || running.outstanding > 0 || !frame.running.delete(step.name)) return;
    this.#runningCount -= 1;
    this.#end(running, ending);
    if (ending.type === "value" || ending.type === "recovered") {
      const result = ending.type === "value" ? ending.value : recoveredValue(step);
      frame.session.settled.set(
        step.name,
        result === undefined ? { kind: "skipped" } : { kind: "value", value: result },
      );
      // Readers cannot tell a missing value from a skipped step, so neither does the scheduler.
      this.#enqueue(frame, frame.scheduler.settle(step.name, result === undefined ? "skipped" : "value"));
    }
    this.#endFrameIfIdle(frame);
  }

  #end({ step, trace, startedMs, frame }: Running, ending: Ending): void {
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

  /** The first failure counts. What runs beside it in this graph is aborted; the step that runs the graph hears of it last. */
  #failFrame(frame: Frame, error: TierwiseError): void {
    if (frame.parent === undefined) {
      this.#stop(failure(error));
      return;
    }
    if (frame.failure !== undefined) return;
    frame.failure = error;
    frame.session.abort.abort(error);
    this.#cancelRunning(frame, error);
  }

  #cancelRunning(frame: Frame, error: TierwiseError): void {
    this.#hasDead = true;
    for (const running of [...frame.running.values()]) {
      running.ending ??= { type: "cancelled" };
      this.#abandon(running, error);
      this.#endIfIdle(running);
    }
    this.#endFrameIfIdle(frame);
  }

  /** Ends the graphs inside a step that is over. */
  #abandon({ children }: Running, error: TierwiseError): void {
    for (const child of [...(children ?? [])]) this.#failFrame(child, error);
  }

  /** A graph inside a step is over when all its steps are settled, or when it failed and nothing of it runs any more. */
  #endFrameIfIdle(frame: Frame): void {
    const { parent, running, scheduler, session } = frame;
    if (parent === undefined || frame.isOver || running.size > 0) return;
    const error = frame.failure ?? this.#stopped?.error;
    if (error === undefined && !scheduler.isComplete) return;
    frame.isOver = true;
    frame.release();
    parent.running.children?.delete(frame);
    const ending = error === undefined ? value(outputOf(session)) : failed(error);
    this.#ended.push({ running: parent.running, index: parent.index, ending });
  }

  #underWay(frame: Frame): readonly string[] {
    return [...frame.running.values()].flatMap(({ step, children }) =>
      children === undefined || children.size === 0
        ? [step.name]
        : [...children].flatMap((child) => this.#underWay(child)),
    );
  }

  /** The first reason counts. Nothing new starts, what runs is aborted, and each step ends when its last work is back. */
  #stop(conclusion: Exclude<Conclusion, { outcome: "completed" }>): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = conclusion;
    this.#waits = noWaits;
    this.#session.abort.abort(conclusion.error);
    this.#cancelRunning(this.#root, conclusion.error);
  }
}

/** `when` is the author's code; what it throws is passed on. */
function wants(session: Session, step: StepDefinition): boolean {
  return !("when" in step) || step.when === undefined || step.when(needValues(session, step));
}

function frameOver(session: Session, parent: Frame["parent"], release: () => void): Frame {
  const scheduler = new Scheduler(session.graph.steps, (source) => sourceValue(session, source) !== undefined);
  return { session, scheduler, running: new Map(), parent, release, failure: undefined, isOver: false };
}

/** For the report of the run; the items of a list together. */
function noteDuration({ stepMs, runTrace }: Session, name: string, durationMs: number): void {
  if (!runTrace.isRecording) return;
  const under = staticName(name);
  stepMs.set(under, (stepMs.get(under) ?? 0) + durationMs);
}

/** What is kept by a step's name while it runs; a list of ten thousand items must not keep ten thousand of them. */
function forget(session: Session, name: string): void {
  session.runningSteps.delete(name);
  session.ledger.close(name, staticName(name));
}

function guarded(step: StepDefinition, work: () => Progress): Progress {
  try {
    return work();
  } catch (error) {
    return { type: "failed", error: stepError(step.name, error, "the step") };
  }
}

function recovered(step: StepDefinition, error: TierwiseError): Ending {
  const canRecover = "onError" in step && step.onError.kind !== "fail" && isRecoverable(error);
  return canRecover ? { type: "recovered", error } : failed(error);
}

function recoveryOf(step: StepDefinition): "value" | "skip" {
  return "onError" in step && step.onError.kind === "value" ? "value" : "skip";
}

function recoveredValue(step: StepDefinition): unknown {
  return "onError" in step && step.onError.kind === "value" ? step.onError.value : undefined;
}

function misfit(step: StepDefinition, position: string, problems: readonly string[]): StepFailedError {
  const message = `step "${step.name}": what graph ${position === "" ? "" : `number ${position} `}is handed does not fit its input: ${problems.join("; ")}`;
  return new StepFailedError("INPUT_INVALID", message, { details: { step: step.name } });
}

export function runCancelled(reason: unknown): RunCancelledError {
  return new RunCancelledError("RUN_CANCELLED", "the run was cancelled by its caller; see cause", { cause: reason });
}

function failure(error: TierwiseError): Exclude<Conclusion, { outcome: "completed" }> {
  if (error instanceof BudgetExceededError) return { outcome: "budget_exceeded", error };
  // A work that was cut short may come back before the event that says why.
  if (error instanceof RunCancelledError) return { outcome: "cancelled", error };
  // Nobody eligible because those who are eligible are down is a failure of theirs.
  const nobody = error.code === "NO_ELIGIBLE_ENDPOINT" && !(error.cause instanceof ProviderError);
  const denied = error.code.startsWith("PRIVACY_") || nobody || error.code === "HUMAN_REQUIRED";
  return { outcome: denied ? "denied" : "failed", error };
}
