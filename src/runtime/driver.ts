/**
 * One run: folds events into the schedulers and the steps' programs, and says what is due next. Deterministic in its events;
 * all I/O is in `perform.ts`. A graph inside a step (`subgraph`, `map`, `loop`) is a frame of its own with a scheduler of
 * its own; there is one loop for all of them.
 */
import type { TierwiseError } from "../errors.ts";
import type { StepDefinition } from "../graph/definition.ts";
import { outputOf } from "./conclude-run.ts";
import { cancellation, failure, recovered, recoveredValue, type Conclusion, type Unfinished } from "./conclusion.ts";
import { DueWork } from "./due-work.ts";
import { endStep } from "./end-step.ts";
import type { EngineEvent, EngineRun, Waits } from "./engine.ts";
import { openChild } from "./open-child.ts";
import { failed, value, type Child, type Progress, type Settlement } from "./programs/program.ts";
import { stepError } from "./programs/step-error.ts";
import { frameOver, underWay, type Frame, type Running } from "./running.ts";
import type { Action } from "./scheduler.ts";
import { deadlineExceeded, stepOf, type Session } from "./session.ts";
import { skipStep, startStep, wants } from "./start-step.ts";

/** A graph inside a step that is over. */
interface ChildEnd {
  readonly running: Running;
  readonly index: number;
  readonly ending: Settlement;
}

const noSignals: readonly string[] = [];
const noWaits: Waits = { signals: noSignals, timers: {} };
const nothingToRelease = (): void => undefined;

export class Driver {
  readonly #session: Session;
  readonly #root: Frame;
  #runningCount = 0;
  readonly #works = new DueWork();
  /** What follows without waiting, in the order in which it came up. Queues, not calls: chains, lists and loops are long. */
  #actions: { readonly frame: Frame; readonly action: Action }[] = [];
  #ended: ChildEnd[] = [];
  #waits: Waits = noWaits;
  /** Something may be due that nobody wants any more. */
  #hasDead = false;
  #stopped: Unfinished | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#root = frameOver(session, undefined, nothingToRelease);
  }

  /**
   * Runs to the end. Never rejects for anything that a step or the caller did.
   * @param after until whoever started the run hears its events
   */
  async drive(run: EngineRun, after?: Promise<void>): Promise<Conclusion> {
    await after;
    this.#begin();
    while (this.#runningCount > 0) {
      const drained = this.#session.events.drained();
      if (drained !== undefined) await this.#untilRead(drained);
      const events = await run.advance(this.#works.take(), this.#waits);
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
    this.#waits = { signals: noSignals, timers: { deadline } };
    this.#enqueue(this.#root, this.#root.scheduler.begin());
    this.#followUp();
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
        this.#stop({ outcome: "cancelled", error: cancellation(event.value) });
        break;
      case "timer":
        this.#stop({ outcome: "failed", error: deadlineExceeded(this.#session, underWay(this.#root)) });
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
    const running = this.#works.back(event.key);
    if (running === undefined) return;
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
    const dead = this.#works.takeDead((frame) => this.#isDead(frame));
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
    skipStep(frame.session, step);
    this.#enqueue(frame, frame.scheduler.settle(step.name, "skipped"));
    this.#endFrameIfIdle(frame);
  }

  #start(frame: Frame, step: StepDefinition): void {
    const running = startStep(frame, step);
    this.#runningCount += 1;
    this.#advance(
      running,
      guarded(step, () => running.program.begin()),
    );
  }

  #advance(running: Running, progress: Progress): void {
    if (running.ending !== undefined) {
      this.#endIfIdle(running);
      return;
    }
    if (!("type" in progress)) {
      this.#works.add(running, progress);
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

  #nest(running: Running, children: readonly Child[]): void {
    running.outstanding += children.length;
    for (const child of children) {
      const opened = openChild(running, child);
      if ("type" in opened) {
        this.#ended.push({ running, index: child.index ?? 0, ending: opened });
        continue;
      }
      this.#enqueue(opened, opened.scheduler.begin());
      this.#endFrameIfIdle(opened);
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
    endStep(running, ending);
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

  /** The first reason counts. Nothing new starts, what runs is aborted, and each step ends when its last work is back. */
  #stop(conclusion: Unfinished): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = conclusion;
    this.#waits = noWaits;
    this.#session.abort.abort(conclusion.error);
    this.#cancelRunning(this.#root, conclusion.error);
  }
}

function guarded(step: StepDefinition, work: () => Progress): Progress {
  try {
    return work();
  } catch (error) {
    return { type: "failed", error: stepError(step.name, error, "the step") };
  }
}
