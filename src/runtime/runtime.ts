/**
 * Runs graphs. `createRuntime` joins a catalog and a policy; `plan` shows the assignment before a run, `run` and `start`
 * carry it out. Read next: `driver.ts` (the loop), `scheduler.ts` (when steps start), `programs/` (what a step asks for),
 * `model-call/dispatch-model.ts` and `tool-call/dispatch-tool.ts` (the only two places that call out), `gates/` (when an
 * endpoint may be asked), `budget/` (caps and books). May import every room but `engines`, `evaluation`, `governance`
 * and `testing`.
 * @module
 */
import { randomUUID } from "node:crypto";
import { trace } from "@opentelemetry/api";
import type { Candidate } from "../catalog/candidate.ts";
import { isLabelModel } from "../catalog/model-like.ts";
import { systemClock } from "../common/clock.ts";
import { frozenCopy } from "../common/freeze.ts";
import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";
import type { GraphDefinition } from "../graph/definition.ts";
import type { Graph } from "../graph/types/graph.ts";
import { openModel } from "../models/open-model.ts";
import type { Decision } from "../policy/decision.ts";
import type { Policy } from "../policy/policy.ts";
import { choosePolicy } from "../policy/policy-source.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Driver, runCancelled, type Conclusion } from "./driver.ts";
import { EndpointGate } from "./gates/endpoint-gate.ts";
import { EndpointMonitor, stepKey } from "./gates/endpoint-monitor.ts";
import { statusOf, type EndpointStatus } from "./gates/endpoint-status.ts";
import type { Engine } from "./engine.ts";
import { InMemoryEngine } from "./in-memory-engine.ts";
import { LiveRuns, type ShutdownOptions } from "./live-runs.ts";
import { perform } from "./perform.ts";
import { staticName } from "./frame.ts";
import { MemoStore } from "./memo/memo-store.ts";
import { makePlan, type Plan } from "./planning/plan.ts";
import { openSession, parseInput } from "./open-session.ts";
import type { RunEvents } from "./run-events.ts";
import type { PlanOptions, Run, RunOptions, RunResult } from "./run.ts";
import type { Sample } from "./planning/sample-workload.ts";
import {
  checkRunOptions,
  checkRuntimeOptions,
  type CheckedRunOptions,
  type CheckedRuntimeOptions,
  type RuntimeOptions,
} from "./runtime-options.ts";
import type { Dimension } from "./budget/amounts.ts";
import { accountsOf, type BudgetsOptions } from "./budget/budgets-options.ts";
import { concludeRun } from "./conclude-run.ts";
import { currentCandidates, type Services, type Session } from "./session.ts";
import type { SharedSetting } from "./budget/shared-accounts.ts";
import type { Circumstances } from "./step-facts.ts";

export interface Runtime {
  /**
   * Where every step would go, what it would cost, and what forbids it. Nothing is called but, for a sample, the prompt
   * functions of steps that read the input alone.
   * @throws {InputError} when the sample does not fit the graph's input
   */
  plan<I, O>(graph: Graph<I, O>, options?: PlanOptions<NoInfer<I>>): Plan;
  /** Runs to the end. @throws {TierwiseError} as `Run.result` rejects */
  run<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options?: RunOptions): Promise<RunResult<O>>;
  /**
   * Resolves when the run is admitted: the plan holds and the input fits.
   * @throws {NoEligibleEndpointError} when a step has nowhere to go, {InputError} when the input does not fit; nothing was called
   */
  start<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options?: RunOptions): Promise<Run<O>>;
  /** How each endpoint of the catalog did in the last 15 minutes and whether it takes requests now, for health pages. */
  endpoints(): readonly EndpointStatus[];
  /** Waits until the runs that are under way have ended, at most `timeoutMs`. New ones are admitted all the same. */
  drain(timeoutMs: number): Promise<void>;
  /**
   * Admits no run any more (`SHUTTING_DOWN`), waits for those under way, cancels what is left after `timeoutMs`, and resolves
   * when all have ended. The first call counts; every other one waits with it.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
}

/** @throws {DefinitionError} when options are wrong, or when the environment would copy prompts past every clearance */
export function createRuntime(options: RuntimeOptions): Runtime {
  return new LocalRuntime(options, checkRuntimeOptions(options, process.env));
}

/** Options of a run, and the policy and accounts that were chosen for it. */
interface Governed extends CheckedRunOptions {
  readonly policy: Policy;
  readonly shared: SharedSetting | undefined;
}

/** Decisions that a result lists for one step: a list of ten thousand items has as many. */
const maxListedDecisions = 1_000;

/** Combinations of budget and tags that are remembered per policy and graph. */
const maxAdmitted = 64;

class LocalRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #services: Services;
  readonly #budgets: Required<BudgetsOptions> | undefined;
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Session>();
  readonly #live: LiveRuns;
  readonly #admitted = new WeakMap<Policy, WeakMap<GraphDefinition, Set<string>>>();

  constructor(options: RuntimeOptions, { human, retry, macKey, budgets, telemetry }: CheckedRuntimeOptions) {
    this.#options = options;
    this.#budgets = budgets;
    const clock = options.clock ?? systemClock;
    const random = options.random ?? Math.random;
    this.#live = new LiveRuns(clock);
    const ports = new Map(options.catalog.endpoints.map((endpoint) => [endpoint.name, openModel(endpoint, clock)]));
    const served = options.catalog.endpoints.filter(({ model }) => !isLabelModel(model));
    const gates = new Map(served.map((endpoint) => [endpoint.name, new EndpointGate(endpoint, clock, random)]));
    const candidates = options.catalog.endpoints.map((endpoint): Candidate =>
      Object.freeze({ endpoint, capabilities: frozenCopy(ports.get(endpoint.name)!.capabilities) }),
    );
    const monitor = options.feedback === false ? undefined : new EndpointMonitor(clock);
    const around = {
      clock,
      random,
      human,
      monitor,
      macKey,
      telemetry,
      metrics: new Metrics(options.telemetry?.meterProvider),
    };
    this.#services = { policy: options.policy, candidates, ports, gates, retry, ...around, memo: new MemoStore(clock) };
    this.#engine = options.engine ?? new InMemoryEngine(clock);
    void this.#engine.serve({
      drive: (run, after) => Promise.resolve(after).then(() => new Driver(this.#session(run.id)).drive(run)),
      perform: (work, { runId }) => perform(this.#session(runId), work),
    });
  }

  plan<I, O>(graph: Graph<I, O>, { sample, ...options }: PlanOptions<NoInfer<I>> = {}): Plan {
    const definition = definitionOf(graph);
    const input = sample === undefined ? undefined : { input: parseInput(definition, sample) };
    const checked = checkRunOptions(options);
    const policy = choosePolicy(this.#services.policy, { tags: checked.tags });
    return this.#planOf(definition, { ...checked, policy, shared: this.#sharedBy(definition, checked) }, input);
  }

  run<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options: RunOptions = {}): Promise<RunResult<O>> {
    return this.#admit(graph, input, { options }).then(({ result }) => result);
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
    this.#live.checkOpen();
    const definition = definitionOf(graph);
    const checked = checkRunOptions(options);
    const runId = options.runId ?? newRunId();
    if (this.#options.requireLabels === true && !definition.labelled) throw unlabelled(definition);
    const policy = choosePolicy(this.#services.policy, { runId, tags: checked.tags });
    const shared = this.#sharedBy(definition, checked);
    this.#admissible(definition, { ...checked, policy, shared });
    if (this.#sessions.has(runId)) throw underWay(runId);
    const tracer = (this.#options.telemetry?.tracerProvider ?? trace).getTracer("tierwise");
    const session = openSession(definition, {
      runId,
      input,
      options: checked,
      shared,
      policy,
      services: this.#services,
      tracer,
    });
    const decisions = collectDecisions(session.events);
    this.#sessions.set(session.runId, session);
    const cancel = (reason?: unknown): void => {
      session.events.unblock();
      void this.#engine.cancel(session.runId, reason);
      // The engine's event ends the run; until it is folded, nothing more may leave.
      session.abort.abort(runCancelled(reason));
    };
    const ended = this.#live.add(cancel);
    await this.#enter(session, after).catch((error: unknown) => {
      ended();
      throw error;
    });
    const result = this.#conclude<O>(session, decisions);
    // The events tell of a failure too; a caller who only iterates must not crash on it.
    result.then(ended, ended);
    follow(options.signal, cancel, result);
    return handleOf(session, result, cancel);
  }

  endpoints(): readonly EndpointStatus[] {
    const { gates } = this.#services;
    return currentCandidates(this.#services).map((candidate) =>
      statusOf(candidate, gates.get(candidate.endpoint.name)),
    );
  }

  drain(timeoutMs: number): Promise<void> {
    return this.#engine.drain(timeoutMs);
  }

  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    await this.#live.shutDown(options);
  }

  /** The budgets that a run shares with others; most share none. */
  #sharedBy({ name }: GraphDefinition, { tags }: CheckedRunOptions): SharedSetting | undefined {
    if (this.#budgets === undefined) return undefined;
    const { port, timeoutMs } = this.#budgets;
    const accounts = accountsOf(this.#budgets, { graph: name, tags });
    return accounts.length === 0 ? undefined : { accounts, port, timeoutMs };
  }

  #planOf(definition: GraphDefinition, options: Governed, sample?: Sample): Plan {
    const { tags, policy } = options;
    const { human, clock, monitor } = this.#services;
    const circumstances: Circumstances = {
      moneyCapped: isCapped(options, "costUsd"),
      tokensCapped: isCapped(options, "tokens"),
      human: human?.clearance,
      tags,
      atMs: clock.epochMs(),
      observed: (step) => monitor?.observed(stepKey(definition, step)),
    };
    return makePlan(definition, { policy, candidates: currentCandidates(this.#services), circumstances, sample });
  }

  /** Plans once per policy and graph; a plan that holds is not made again. Each call is decided and checked again when it is made. */
  #admissible(definition: GraphDefinition, options: Governed): void {
    const graphs = this.#admitted.get(options.policy) ?? new WeakMap<GraphDefinition, Set<string>>();
    const admitted = graphs.get(definition) ?? new Set<string>();
    const key = JSON.stringify([isCapped(options, "costUsd"), isCapped(options, "tokens"), options.tags]);
    if (admitted.has(key)) return;
    this.#planOf(definition, options).check();
    // Tags may hold many values; what does not fit is planned again.
    if (admitted.size < maxAdmitted) this.#admitted.set(options.policy, graphs.set(definition, admitted.add(key)));
  }

  /** Hands the run to the engine; if it does not take it, nothing stays open. */
  async #enter(session: Session, after: Promise<void> | undefined): Promise<void> {
    const { runId, graph } = session;
    try {
      const answer = await this.#engine.start(runId, after, { graphVersion: graph.version });
      if (answer === "exists") throw underWay(runId);
    } catch (error) {
      this.#sessions.delete(runId);
      session.runTrace.end(() => ({}), { errorType: "_OTHER" });
      throw error;
    }
  }

  #session(runId: string): Session {
    const session = this.#sessions.get(runId);
    if (session === undefined) throw new TierwiseError("INTERNAL", `run ${runId} is not known to this runtime`);
    return session;
  }

  async #conclude<O>(session: Session, decisions: Record<string, Decision[]>): Promise<RunResult<O>> {
    try {
      const conclusion = await this.#conclusionOf(session);
      await session.shared?.end(!isCutShort(conclusion));
      const output = concludeRun(session, conclusion);
      if (conclusion.outcome !== "completed") throw conclusion.error;
      const { runId } = session;
      return {
        runId,
        traceId: session.runTrace.traceId,
        output: output as O,
        ledger: session.ledger.snapshot(session.budget),
        decisions,
      };
    } finally {
      this.#sessions.delete(session.runId);
    }
  }

  /** An engine that fails has failed the run: its spans and events end like those of any other. */
  #conclusionOf({ runId, abort, runningSteps }: Session): Promise<Conclusion> {
    return (this.#engine.result(runId) as Promise<Conclusion>).catch((cause: unknown) => {
      const error = new TierwiseError("INTERNAL", `run ${runId}: the engine failed; see cause`, { cause });
      abort.abort(error);
      // Steps inside others started after them, and a parent ends last.
      for (const { trace: stepTrace } of [...runningSteps.values()].reverse()) stepTrace.span.end();
      return { outcome: "failed", error };
    });
  }
}

/** By the run's own budget or one that it shares. */
function isCapped({ budget, shared }: Governed, dimension: Dimension): boolean {
  return (
    budget[dimension] !== undefined || shared?.accounts.some((account) => account[dimension] !== undefined) === true
  );
}

/** Its caller is not kept waiting. */
function isCutShort(conclusion: Conclusion): boolean {
  if (conclusion.outcome === "completed") return false;
  return conclusion.error.code === "RUN_CANCELLED" || conclusion.error.code === "DEADLINE_EXCEEDED";
}

/** In one piece: Node's is a chain of twenty pieces, which a run would keep as long as it lives. */
function newRunId(): string {
  return Buffer.from(randomUUID(), "latin1").toString("latin1");
}

function definitionOf(graph: Graph<never, unknown>): GraphDefinition {
  const definition = (graph as Partial<typeof graph> | undefined)?.definition;
  if (definition !== undefined) return definition;
  throw new TierwiseError("RUNTIME_INVALID", `expected a graph (what g.output(...) returns), found ${show(graph)}`);
}

function underWay(runId: string): TierwiseError {
  return new TierwiseError("RUNTIME_INVALID", `run options: run ${runId} is under way already; choose another runId`);
}

function unlabelled(graph: GraphDefinition): TierwiseError {
  return new TierwiseError(
    "PRIVACY_LABEL_MISSING",
    `graph "${graph.name}" declares no label, and this runtime requires one (requireLabels); write graph("${graph.name}", { label: ... })`,
  );
}

function collectDecisions(events: RunEvents): Record<string, Decision[]> {
  // Without a prototype: a step may be called "constructor".
  const decisions = Object.create(null) as Record<string, Decision[]>;
  events.on("policy-decision", (event) => {
    if (event.type !== "policy-decision") return;
    const ofStep = (decisions[staticName(event.step)] ??= []);
    if (ofStep.length < maxListedDecisions) ofStep.push(event.decision);
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
    traceId: session.runTrace.traceId,
    result,
    ledger: () => session.ledger.snapshot(session.budget),
    on: (type: string, listener: (event: never) => void) => session.events.on(type, listener as never),
    cancel,
    [Symbol.asyncIterator]: () => session.events.iterate(),
  };
}
