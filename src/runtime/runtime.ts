/**
 * Runs graphs. `createRuntime` joins a catalog and a policy; `plan` shows the assignment before a run, `run` and `start`
 * carry it out. Read next: `driver.ts` (the loop), `scheduler.ts` (when steps start), `dispatch-model.ts` and
 * `dispatch-tool.ts` (the only two places that call out). May import every room but `engines`, `evaluation`, `governance`
 * and `testing`.
 * @module
 */
import { randomUUID } from "node:crypto";
import { context as contextApi, trace } from "@opentelemetry/api";
import type { Candidate } from "../catalog/candidate.ts";
import { usdToPico } from "../catalog/money.ts";
import { systemClock } from "../common/clock.ts";
import { show } from "../common/names.ts";
import { InputError, TierwiseError } from "../errors.ts";
import type { GraphDefinition } from "../graph/definition.ts";
import type { Graph } from "../graph/types/graph.ts";
import { openModel } from "../models/open-model.ts";
import type { Decision } from "../policy/decision.ts";
import { RunTrace } from "../telemetry/run-trace.ts";
import { Budget } from "./budget.ts";
import { Driver, runCancelled, type Conclusion } from "./driver.ts";
import type { Engine } from "./engine.ts";
import { InMemoryEngine } from "./in-memory-engine.ts";
import { Ledger } from "./ledger.ts";
import { perform } from "./perform.ts";
import { makePlan, type Plan } from "./plan.ts";
import { RunEvents } from "./run-events.ts";
import type { Run, RunOptions, RunResult } from "./run.ts";
import { checkRunOptions, checkRuntimeOptions, type RuntimeOptions } from "./runtime-options.ts";
import { concludeRun } from "./conclude-run.ts";
import type { Services, Session } from "./session.ts";

export interface Runtime {
  /** Where every step would go, and what forbids it. @param options a money budget excludes unpriced endpoints */
  plan(graph: Graph<never, unknown>, options?: Pick<RunOptions, "budget">): Plan;
  /** Runs to the end. @throws {TierwiseError} as `Run.result` rejects */
  run<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options?: RunOptions): Promise<RunResult<O>>;
  /**
   * Resolves when the run is admitted: the plan holds and the input fits.
   * @throws {NoEligibleEndpointError} when a step has nowhere to go, {InputError} when the input does not fit; nothing was called
   */
  start<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options?: RunOptions): Promise<Run<O>>;
  /** Waits until no run is left, at most `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

/** @throws {DefinitionError} when options are wrong, or when the environment would copy prompts past every clearance */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { human } = checkRuntimeOptions(options, process.env);
  return new LocalRuntime(options, human);
}

class LocalRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #services: Services;
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Session>();
  readonly #plans = new WeakMap<GraphDefinition, Map<boolean, Plan>>();

  constructor(options: RuntimeOptions, human: Services["human"]) {
    this.#options = options;
    const clock = options.clock ?? systemClock;
    const ports = new Map(options.catalog.endpoints.map((endpoint) => [endpoint.name, openModel(endpoint)]));
    const candidates = options.catalog.endpoints.map((endpoint): Candidate => ({
      endpoint,
      capabilities: ports.get(endpoint.name)!.capabilities,
    }));
    this.#services = { policy: options.policy, candidates, ports, clock, human };
    this.#engine = options.engine ?? new InMemoryEngine(clock);
    void this.#engine.serve({
      drive: async (run, after) => {
        await after;
        return new Driver(this.#session(run.id)).drive(run);
      },
      perform: (work, { runId }) => perform(this.#session(runId), work),
    });
  }

  plan(graph: Graph<never, unknown>, options: Pick<RunOptions, "budget"> = {}): Plan {
    return this.#planOf(definitionOf(graph), options.budget?.costUsd !== undefined);
  }

  async run<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options: RunOptions = {}): Promise<RunResult<O>> {
    return (await this.#admit(graph, input, { options })).result;
  }

  async start<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options: RunOptions = {}): Promise<Run<O>> {
    // The first step starts a turn of the event loop later, so that whoever awaits the handle hears every event.
    const heard = new Promise<void>((resolve) => setImmediate(resolve));
    return this.#admit(graph, input, { options, after: heard });
  }

  async #admit<I, O>(
    graph: Graph<I, O>,
    input: I,
    { options, after }: { options: RunOptions; after?: Promise<void> },
  ): Promise<Run<O>> {
    const definition = definitionOf(graph);
    const { costUsd, durationMs } = checkRunOptions(options);
    if (this.#options.requireLabels === true && !definition.labelled) throw unlabelled(definition);
    this.#planOf(definition, costUsd !== undefined).check();
    const session = this.#open(definition, {
      input: parseInput(definition, input),
      costUsd,
      durationMs,
      runId: options.runId ?? randomUUID(),
    });
    const decisions = collectDecisions(session.events);
    this.#sessions.set(session.runId, session);
    try {
      await this.#engine.start(session.runId, after, { graphVersion: definition.version });
    } catch (error) {
      this.#sessions.delete(session.runId);
      session.trace.end(() => ({}), { errorType: "_OTHER" });
      throw error;
    }
    const result = this.#conclude<O>(session, decisions);
    // The events tell of a failure too; a caller who only iterates must not crash on it.
    result.catch(() => undefined);
    const cancel = (reason?: unknown): void => {
      session.events.unblock();
      void this.#engine.cancel(session.runId, reason);
      // The engine's event ends the run; until it is folded, nothing more may leave.
      session.abort.abort(runCancelled(reason));
    };
    follow(options.signal, cancel, result);
    return handleOf(session, result, cancel);
  }

  drain(timeoutMs: number): Promise<void> {
    return this.#engine.drain(timeoutMs);
  }

  #planOf(definition: GraphDefinition, moneyCapped: boolean): Plan {
    const plans = this.#plans.get(definition) ?? new Map<boolean, Plan>();
    this.#plans.set(definition, plans);
    const { policy, candidates, human } = this.#services;
    const plan =
      plans.get(moneyCapped) ?? makePlan(definition, { policy, candidates, human: human?.clearance, moneyCapped });
    plans.set(moneyCapped, plan);
    return plan;
  }

  #session(runId: string): Session {
    const session = this.#sessions.get(runId);
    if (session === undefined) throw new TierwiseError("INTERNAL", `run ${runId} is not known to this runtime`);
    return session;
  }

  #open(
    graph: GraphDefinition,
    {
      input,
      costUsd,
      durationMs,
      runId,
    }: { input: unknown; costUsd: number | undefined; durationMs: number; runId: string },
  ): Session {
    if (this.#sessions.has(runId))
      throw new TierwiseError(
        "RUNTIME_INVALID",
        `run options: run ${runId} is under way already; choose another runId`,
      );
    const { clock } = this.#services;
    const tracer = (this.#options.telemetry?.tracerProvider ?? trace).getTracer("tierwise");
    const facts = { runId, graph: graph.name, graphVersion: graph.version, labelled: graph.labelled };
    const session: Session = {
      runId,
      graph,
      steps: new Map(graph.steps.map((step) => [step.name, step])),
      input,
      services: this.#services,
      budget: new Budget(costUsd === undefined ? undefined : usdToPico(costUsd)),
      ledger: new Ledger(),
      events: new RunEvents(runId, clock),
      trace: new RunTrace(tracer, facts, contextApi.active()),
      stepTraces: new Map(),
      toolCalls: { count: 0 },
      abort: new AbortController(),
      startedMs: clock.nowMs(),
      deadlineMs: clock.nowMs() + durationMs,
      settled: new Map(),
    };
    return session;
  }

  async #conclude<O>(session: Session, decisions: Record<string, Decision[]>): Promise<RunResult<O>> {
    try {
      const conclusion = await this.#conclusionOf(session);
      const output = concludeRun(session, conclusion);
      if (conclusion.outcome !== "completed") throw conclusion.error;
      const { runId } = session;
      return {
        runId,
        traceId: session.trace.traceId,
        output: output as O,
        ledger: session.ledger.snapshot(session.budget),
        decisions,
      };
    } finally {
      this.#sessions.delete(session.runId);
    }
  }

  /** An engine that fails has failed the run: its spans and events end like those of any other. */
  async #conclusionOf({ runId, abort, stepTraces }: Session): Promise<Conclusion> {
    try {
      return (await this.#engine.result(runId)) as Conclusion;
    } catch (cause) {
      const error = new TierwiseError("INTERNAL", `run ${runId}: the engine failed; see cause`, { cause });
      abort.abort(error);
      for (const { span } of stepTraces.values()) span.end();
      return { outcome: "failed", error };
    }
  }
}

function definitionOf(graph: Graph<never, unknown>): GraphDefinition {
  const definition = (graph as Partial<typeof graph> | undefined)?.definition;
  if (definition !== undefined) return definition;
  throw new TierwiseError("RUNTIME_INVALID", `expected a graph (what g.output(...) returns), found ${show(graph)}`);
}

function unlabelled(graph: GraphDefinition): TierwiseError {
  return new TierwiseError(
    "PRIVACY_LABEL_MISSING",
    `graph "${graph.name}" declares no label, and this runtime requires one (requireLabels); write graph("${graph.name}", { label: ... })`,
  );
}

function parseInput(graph: GraphDefinition, input: unknown): unknown {
  const parsed = graph.input.parse(input);
  if (parsed.ok) return parsed.value;
  const { problems } = parsed;
  throw new InputError(
    "INPUT_INVALID",
    `graph "${graph.name}": the input does not fit its schema: ${problems.join("; ")}`,
    { details: { graph: graph.name, problems } },
  );
}

function collectDecisions(events: RunEvents): Record<string, Decision[]> {
  // Without a prototype: a step may be called "constructor".
  const decisions = Object.create(null) as Record<string, Decision[]>;
  events.on("policy-decision", (event) => {
    if (event.type === "policy-decision") (decisions[event.step] ??= []).push(event.decision);
  });
  return decisions;
}

function follow(signal: AbortSignal | undefined, cancel: (reason: unknown) => void, result: Promise<unknown>): void {
  if (signal === undefined) return;
  const stop = (): void => cancel(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const release = (): void => signal.removeEventListener("abort", stop);
  result.then(release, release);
}

function handleOf<O>(session: Session, result: Promise<RunResult<O>>, cancel: (reason?: unknown) => void): Run<O> {
  return {
    id: session.runId,
    result,
    ledger: () => session.ledger.snapshot(session.budget),
    on: (type: string, listener: (event: never) => void) => session.events.on(type, listener as never),
    cancel,
    [Symbol.asyncIterator]: () => session.events.iterate(),
  };
}
