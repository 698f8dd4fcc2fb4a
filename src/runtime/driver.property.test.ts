import { getEventListeners } from "node:events";
import { trace } from "@opentelemetry/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DrawnEngine, drawFrom } from "../../test/support/drawn-engine.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import {
  aGraph,
  build,
  expectedOf,
  withoutWhy,
  type Expected,
  type Fate,
  type PlannedGraph,
} from "../../test/support/random-graphs.ts";
import { servicesOn } from "../../test/support/services.ts";
import type { RunEvent } from "../events/event.ts";
import type { StepDefinition } from "../graph/definition.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { concludeRun } from "./conclude-run.ts";
import { runCancelled, type Conclusion } from "./conclusion.ts";
import { Driver } from "./driver.ts";
import type { EngineEvent } from "./engine.ts";
import { frameOf } from "./frame.ts";
import { openSession } from "./open-session.ts";
import { perform } from "./perform.ts";
import { refValue, sessionOf, type Session } from "./session.ts";
import type { StepWork } from "./step-work.ts";

/** Something that ends a run early, before the n-th move of the engine. */
interface Interruption {
  readonly kind: "cancel" | "deadline";
  readonly beforeMove: number;
}

/** Keeps the sessions of all graphs that ran inside the run, after they are over. */
class KeptFrames extends Map<string, Session> {
  readonly all = new Map<string, Session>();
  onOver: (path: string, session: Session) => void = () => undefined;

  override set(path: string, session: Session): this {
    this.all.set(path, session);
    return super.set(path, session);
  }

  override delete(path: string): boolean {
    this.onOver(path, this.get(path)!);
    return super.delete(path);
  }
}

const runId = "run";

/** One run of a random graph, watched from its first event to its last. */
class WatchedRun {
  readonly frames = new KeptFrames();
  readonly events: RunEvent[] = [];
  readonly clock = new SimulatedClock();
  readonly session: Session;
  readonly #engine: DrawnEngine;
  readonly #codeSignals: AbortSignal[] = [];
  readonly #started = new Set<string>();
  readonly #over = new Set<string>();
  /** By key of a work that the engine has, its step. */
  readonly #underWay = new Map<string, string>();
  /** Beginnings of the names of steps that must not start any more. */
  readonly #dead: string[] = [];
  readonly #wrong: string[] = [];
  #isCancelled = false;
  #isStopped = false;
  output: unknown;
  conclusion: Conclusion | undefined;

  constructor(planned: PlannedGraph, input: unknown, options: { picks: readonly number[]; ends?: Interruption }) {
    const { picks, ends } = options;
    const built = build(planned, {
      onCode: ({ signal }) => {
        this.#demand(!this.#isCancelled, "code begins after the run was cancelled");
        this.#codeSignals.push(signal);
      },
      gate: () => this.#engine.gate(runId),
    });
    const services = servicesOn(this.clock);
    const opening = { runId, input, policy: defaultPolicy(), services, tracer: trace.getTracer("test") };
    const options_ = { budget: {}, durationMs: 1_000, tags: {} };
    this.session = { ...openSession(built.definition, { ...opening, options: options_ }), frames: this.frames };
    this.session.events.on("*", (event) => this.#onEvent(event));
    this.frames.onOver = (path, session) => this.#onFrameOver(path, session);
    this.#engine = new DrawnEngine({
      draw: drawFrom(picks),
      onAdvance: () => this.#expectAllReadyStarted(),
      onMove: (move) => {
        if (move === ends?.beforeMove) this.#interrupt(ends.kind);
      },
    });
  }

  async run(): Promise<this> {
    let stopped = false;
    await this.#engine.serve({
      drive: (run) =>
        new Driver(this.session).drive({
          id: run.id,
          advance: async (due, waits) => {
            this.#isStopped ||= stopped;
            for (const work of due) this.#onDue(work as StepWork);
            const events = await run.advance(due, waits);
            for (const { key } of events) this.#underWay.delete(key);
            stopped = events.some(isStop);
            // What came in before may still start steps that are then cancelled.
            this.#isStopped ||= events[0] !== undefined && isStop(events[0]);
            return events;
          },
        }),
      perform: (work) => perform(this.session, work),
    });
    await this.#engine.start(runId, undefined);
    this.conclusion = (await this.#engine.result(runId)) as Conclusion;
    this.output = concludeRun(this.session, this.conclusion);
    return this;
  }

  /** As the runtime cancels: the session's signal fires at once, the engine's event follows. */
  #interrupt(kind: Interruption["kind"]): void {
    if (kind === "deadline") {
      this.#engine.expire(runId);
      return;
    }
    this.#isCancelled = true;
    void this.#engine.cancel(runId, "enough");
    this.session.abort.abort(runCancelled("enough", "caller"));
  }

  #onEvent(event: RunEvent): void {
    this.events.push(event);
    if (event.type === "step-start") this.#onStart(event.step);
    if (event.type === "step-end") this.#onEnd(event.step, event.outcome);
  }

  #onDue({ key, input: { step } }: StepWork): void {
    this.#demand(!this.#isStopped && !this.#isDead(step), `${step} wants a work although it is over`);
    this.#underWay.set(key, step);
  }

  #onStart(step: string): void {
    this.#demand(!this.#started.has(step), `${step} starts twice`);
    this.#started.add(step);
    this.#demand(!this.#isStopped, `${step} starts although the run was stopped`);
    this.#demand(!this.#isDead(step), `${step} starts although its graph, or one around it, has failed`);
    const session = this.sessionOf(step);
    // When a caller cancels, the signal fires before the driver hears of it.
    this.#demand(this.#isCancelled || !session.abort.signal.aborted, `${step} starts in an aborted graph`);
    this.#demand(isReady(session, stepOf(session, step)), `${step} starts before its needs are settled`);
  }

  #onEnd(step: string, outcome: string): void {
    this.#demand(!this.#over.has(step), `${step} ends twice`);
    this.#over.add(step);
    this.#demand(this.#started.has(step) === (outcome !== "skipped"), `${step} ends as ${outcome}`);
    this.#demand(![...this.#underWay.values()].includes(step), `${step} ends before its work is back`);
    const definition = stepOf(this.sessionOf(step), step);
    const recovers = "onError" in definition && definition.onError.kind !== "fail";
    if (outcome === "failed" && !recovers) this.#dead.push(frameOf(step));
  }

  /** A graph inside a step that failed ends the other graphs inside it, and the step, unless that makes something of it. */
  #onFrameOver(path: string, { abort }: Session): void {
    const hasFailed = this.#dead.includes(path) || (abort.signal.aborted && !this.#isCancelled);
    if (!hasFailed) return;
    const name = path.replace(/(\[\d+\])?\/$/, "");
    const step = stepOf(this.sessionOf(name), name);
    if (step.kind === "map" && step.onItemError === "collect") return;
    const recovers = "onError" in step && step.onError.kind !== "fail";
    this.#dead.push(`${name}[`, `${name}/`, ...(recovers ? [] : [frameOf(name)]));
  }

  /** Whenever the run waits, nothing waits that could go on. */
  #expectAllReadyStarted(): void {
    if (this.#isStopped) return;
    for (const [path, session] of [["", this.session] as const, ...this.frames]) {
      if (this.#isDead(path) || session.abort.signal.aborted) continue;
      for (const step of session.graph.steps) {
        const isKnown = this.#started.has(step.name) || this.#over.has(step.name);
        this.#demand(isKnown === isReady(session, step), `${step.name} is ready and waits, or the other way round`);
        if (step.kind === "map") this.#expectConcurrency(step, session);
      }
    }
  }

  #isDead(path: string): boolean {
    return this.#dead.some((dead) => path.startsWith(dead));
  }

  /** Listeners must not throw, so what is wrong is told at the end. */
  #demand(holds: boolean, wrong: string): void {
    if (!holds) this.#wrong.push(wrong);
  }

  /** As many items at once as may be. */
  #expectConcurrency(step: Extract<StepDefinition, { kind: "map" }>, session: Session): void {
    const opened = [...this.frames.all.keys()].filter((path) => isItemOf(step.name, path)).length;
    const open = [...this.frames.keys()].filter((path) => isItemOf(step.name, path)).length;
    const items = refValue(session, step.needs["input"]!);
    // One that failed may have ended all of them.
    const isWhole =
      step.onItemError === "collect" ||
      [...this.frames.all].every(([path, { abort }]) => !isItemOf(step.name, path) || !abort.signal.aborted);
    if (!isWhole) return;
    const takesAny = Object.keys(step.graph.input.json).length === 0;
    if (!this.#started.has(step.name) || this.#over.has(step.name) || !takesAny || !Array.isArray(items)) return;
    const most = Math.min(step.concurrency, items.length - opened + open);
    this.#demand(open === most, `${open} items of ${step.name} are under way, not ${most}`);
  }

  sessionOf(step: string): Session {
    return this.frames.all.get(frameOf(step)) ?? sessionOf(this.session, step);
  }

  expectNothingLeft(): void {
    expect(this.#wrong).toEqual([]);
    expect([...this.frames.keys()]).toEqual([]);
    expect([...this.#underWay.keys()]).toEqual([]);
    expect([...this.#started].filter((step) => !this.#over.has(step))).toEqual([]);
    const signals = [this.session, ...this.frames.all.values()].map(({ abort }) => abort.signal);
    for (const signal of [...signals, ...this.#codeSignals]) expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(this.clock.pending).toBe(0);
    expect(this.session.runningSteps.size).toBe(0);
    const ends = this.events.filter((event) => event.type === "step-end").map(({ outcome }) => outcome);
    const cached = this.events.filter(({ type }) => type === "step-cached").length;
    expect(this.session.counts).toEqual({
      executed: this.#started.size - cached,
      skipped: ends.filter((outcome) => outcome === "skipped").length,
      cached,
      failed: ends.filter((outcome) => outcome === "failed").length,
    });
    expect(this.events.at(-1)?.type).toBe("run-end");
    expect(this.events.filter(({ type }) => type === "run-start" || type === "run-end")).toHaveLength(2);
  }

  /** What every step came to that was not cut short, in graphs that nothing cuts short. */
  expectAsEvaluated({ fates, doomed }: Expected): void {
    for (const [step, fate] of fates) {
      const { settled } = this.sessionOf(step);
      const isWhole = !doomed.has(frameOf(step));
      if (isWhole) expect(outcomesOf(this.events, step), step).toEqual(eventsOf(fate));
      if (isWhole || settled.has(step)) expect(withoutReasons(settled.get(step)), step).toEqual(settledAs(fate));
      if (fate.kind === "blocked" || fate.kind === "skipped") expect(this.#started, step).not.toContain(step);
    }
    for (const step of this.#started) expect(fates.has(step), `${step} starts`).toBe(true);
  }

  /** Without what may differ from run to run: by step, what happened to it, in order. */
  history(isWanted: (step: string) => boolean): ReadonlyMap<string, readonly unknown[]> {
    const ofSteps = this.events.flatMap((event) => ("step" in event && isWanted(event.step) ? [event] : []));
    const told = ofSteps.map((event) => ({
      ...event,
      atMs: 0,
      ...("durationMs" in event && { durationMs: 0 }),
      // Of several failures inside a step, which one came first is chance.
      ...("code" in event && "graph" in stepOf(this.sessionOf(event.step), event.step) && { code: "any" }),
    }));
    return Map.groupBy(told, ({ step }) => step);
  }
}

function isStop({ type }: EngineEvent): boolean {
  return type === "cancel" || type === "timer";
}

function isItemOf(name: string, path: string): boolean {
  return path.startsWith(`${name}[`) && !path.slice(name.length, -1).includes("/");
}

function stepOf(session: Session, name: string): StepDefinition {
  return session.steps.get(name)!;
}

/** Computed from scratch from what has settled. */
function isReady({ settled, graph, input }: Session, { kind, needs }: StepDefinition): boolean {
  expect(graph.steps.length).toBeGreaterThan(0);
  const refs = Object.values(needs).map(({ source, whenSkipped }) => {
    if (source.kind === "step") return { state: settled.get(source.step)?.kind, whenSkipped };
    const found = source.kind === "field" ? (input as Record<string, unknown>)[source.field] : input;
    return { state: found === undefined ? "skipped" : "value", whenSkipped } as const;
  });
  if (refs.every(({ state }) => state !== undefined)) return true;
  if (kind !== "firstOf" || refs.some(({ state, whenSkipped }) => whenSkipped.kind === "skip" && state === undefined))
    return false;
  return refs.find(({ state }) => state !== "skipped")?.state === "value";
}

function outcomesOf(events: readonly RunEvent[], step: string): string[] {
  return events.flatMap((event) => {
    if (!("step" in event) || event.step !== step) return [];
    return [event.type === "step-end" ? `${event.type} ${event.outcome}` : event.type];
  });
}

function eventsOf(fate: Fate): string[] {
  switch (fate.kind) {
    case "skipped":
      return ["step-end skipped"];
    case "value":
    case "nothing":
      return fate.isRecovered
        ? ["step-start", "step-end failed", "step-recovered"]
        : ["step-start", "step-end completed"];
    case "fatal":
      return fate.starts ? ["step-start", "step-end failed"] : [];
    case "blocked":
      return [];
  }
}

function settledAs(fate: Fate): unknown {
  if (fate.kind === "fatal" || fate.kind === "blocked") return undefined;
  return fate.kind === "value" ? { kind: "value", value: withoutReasons(fate.value) } : { kind: "skipped" };
}

/** Which of several failures came first is chance, so why an item failed is left out. */
function withoutReasons(value: unknown): unknown {
  const text = JSON.stringify(value, (_key, member: unknown) => withoutWhy(member));
  return (text as string | undefined) === undefined ? undefined : JSON.parse(text);
}

const anInput = fc.oneof(fc.nat({ max: 9 }), fc.array(fc.nat({ max: 9 }), { maxLength: 4 }));
const picks = fc.array(fc.nat({ max: 1_000 }), { minLength: 1, maxLength: 60 });
const inputFor = (planned: PlannedGraph, value: unknown): unknown =>
  planned.input === "fields" ? { left: value } : planned.input === "number" ? 3 : value;

describe("a run of any graph", () => {
  it("starts every step once, when its needs are settled, and comes to what the graph says", async () => {
    await fc.assert(
      fc.asyncProperty(aGraph, anInput, picks, async (planned, value, order) => {
        const input = inputFor(planned, value);
        const expected = expectedOf(planned, input);
        const run = await new WatchedRun(planned, input, { picks: order }).run();
        run.expectNothingLeft();
        run.expectAsEvaluated(expected);
        expect(run.conclusion?.outcome).toBe(expected.result.ok ? "completed" : "failed");
        if (expected.result.ok) expect(withoutReasons(run.output)).toEqual(withoutReasons(expected.result.value));
      }),
      propertyRuns,
    );
  });

  it("does the same in any order in which its works come back", async () => {
    await fc.assert(
      fc.asyncProperty(aGraph, anInput, fc.tuple(picks, picks), async (planned, value, [order, other]) => {
        const input = inputFor(planned, value);
        const { doomed } = expectedOf(planned, input);
        const one = await new WatchedRun(planned, input, { picks: order }).run();
        const two = await new WatchedRun(planned, input, { picks: other }).run();
        const isWhole = (step: string): boolean => !doomed.has(frameOf(step));
        expect(two.history(isWhole)).toEqual(one.history(isWhole));
        expect(two.conclusion?.outcome).toBe(one.conclusion?.outcome);
        expect(withoutReasons(two.output)).toEqual(withoutReasons(one.output));
      }),
      propertyRuns,
    );
  });

  it("stops when it is cancelled or its time is over: nothing starts after, and nothing is left", async () => {
    const anInterruption = fc.record({
      kind: fc.constantFrom<Interruption["kind"]>("cancel", "deadline"),
      beforeMove: fc.nat({ max: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(aGraph, anInput, fc.tuple(picks, anInterruption), async (planned, value, [order, ends]) => {
        const input = inputFor(planned, value);
        const expected = expectedOf(planned, input);
        const run = await new WatchedRun(planned, input, { picks: order, ends }).run();
        run.expectNothingLeft();
        const usual = expected.result.ok ? "completed" : "failed";
        expect([usual, ends.kind === "cancel" ? "cancelled" : "failed"]).toContain(run.conclusion?.outcome);
        // What was cut short is missing; what is there is right.
        run.expectAsEvaluated({ fates: expected.fates, doomed: everywhere });
      }),
      propertyRuns,
    );
  });
});

/** Every graph may be cut short. */
const everywhere = { has: () => true } as unknown as Set<string>;
