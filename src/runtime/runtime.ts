/**
 * Runs graphs. `createRuntime` joins a catalog and a policy; `plan` shows the assignment before a run, `run` and `start`
 * carry it out. Read next: `admission.ts` (which runs may start), `driver.ts` (the loop), `scheduler.ts` (when steps start), `programs/` (what a step asks for),
 * `model-call/dispatch-model.ts` and `tool-call/dispatch-tool.ts` (the only two places that call out), `gates/` (when an
 * endpoint may be asked), `budget/` (caps and books). May import every room but `engines`, `evaluation`, `governance`
 * and `testing`.
 * @module
 */
import { randomUUID } from "node:crypto";
import { trace, type Tracer } from "@opentelemetry/api";
import { show } from "../common/names.ts";
import { TierwiseError, type CancelledBy } from "../errors.ts";
import type { GraphDefinition } from "../graph/definition.ts";
import type { Graph } from "../graph/types/graph.ts";
import type { Decision } from "../policy/decision.ts";
import { choosePolicy } from "../policy/policy-source.ts";
import { Admission } from "./admission.ts";
import { isCutShort, runCancelled, type Conclusion } from "./conclusion.ts";
import { Driver } from "./driver.ts";
import { statusOf, type EndpointStatus } from "./gates/endpoint-status.ts";
import { DurableRuns } from "./durable/durable-runs.ts";
import type { Engine, Payload, RunInfo, RunQuery } from "./engine.ts";
import { InMemoryEngine } from "./in-memory-engine.ts";
import { LiveRuns, type ShutdownOptions } from "./live-runs.ts";
import { perform } from "./perform.ts";
import type { Plan } from "./planning/plan.ts";
import { openSession, parseInput } from "./open-session.ts";
import { collectDecisions, follow, handleOf } from "./run-handle.ts";
import type { AttachedRun, PlanOptions, Run, RunOptions, RunResult } from "./run.ts";
import {
  checkRunOptions,
  checkRuntimeOptions,
  type CheckedRunOptions,
  type CheckedRuntimeOptions,
  type RuntimeOptions,
} from "./runtime-options.ts";
import { concludeRun } from "./conclude-run.ts";
import { openServices } from "./services.ts";
import { currentCandidates, type Services, type Session } from "./session.ts";

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
  /**
   * Resolves when the engine takes runs; on a durable engine, runs that other processes left are taken over from then on.
   * @throws {TierwiseError} `ENGINE_UNAVAILABLE` when its database cannot be used
   */
  ready(): Promise<void>;
  /**
   * A run of a durable engine by its id, wherever it runs: for its result, or to cancel it.
   * @throws {TierwiseError} `RUNTIME_INVALID` on an engine whose runs end with the process
   */
  attach<O = unknown>(runId: string): AttachedRun<O>;
  /** Runs of a durable engine, of all processes, newest first. Without their data. @throws as `attach` */
  find(query?: RunQuery): Promise<readonly RunInfo[]>;
  /** How each endpoint of the catalog did in the last 15 minutes and whether it takes requests now, for health pages. */
  endpoints(): readonly EndpointStatus[];
  /** Waits until the runs that are under way have ended, at most `timeoutMs`. New ones are admitted all the same. */
  drain(timeoutMs: number): Promise<void>;
  /**
   * Admits no run any more (`SHUTTING_DOWN`), waits for those under way, cancels what is left after `timeoutMs`, and resolves
   * when all have ended. The first call counts; every other one waits with it. On a durable engine, what is left is not
   * cancelled: other processes go on with it.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
}

/** @throws {DefinitionError} when options are wrong, or when the environment would copy prompts past every clearance */
export function createRuntime(options: RuntimeOptions): Runtime {
  return new LocalRuntime(options, checkRuntimeOptions(options, process.env));
}

/** A run that may start. */
interface Admitted {
  readonly session: Session;
  readonly decisions: Record<string, Decision[]>;
  /** Until whoever started the run hears its events. */
  readonly after: Promise<void> | undefined;
}

class LocalRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #services: Services;
  readonly #admission: Admission;
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Session>();
  readonly #live: LiveRuns;
  readonly #durable: DurableRuns | undefined;
  readonly #served: Promise<void>;

  constructor(options: RuntimeOptions, checked: CheckedRuntimeOptions) {
    this.#options = options;
    this.#services = openServices(options, checked);
    this.#admission = new Admission(this.#services, checked.budgets);
    const { clock } = this.#services;
    this.#engine = options.engine ?? new InMemoryEngine(clock);
    this.#live = new LiveRuns(
      clock,
      (session, reason) => this.#cancel(session, "shutdown", reason),
      this.#engine.close && ((timeoutMs) => this.#handOver(timeoutMs)),
    );
    this.#durable = this.#openDurable(options.graphs ?? []);
    this.#served = this.#engine.serve(
      this.#durable?.host ?? {
        drive: (run, after) => new Driver(this.#session(run.id)).drive(run, after as Promise<void> | undefined),
        perform: (work, { runId }) => perform(this.#session(runId), work),
      },
    );
    // Told by `ready` and by every `start`.
    this.#served.catch(() => undefined);
  }

  plan<I, O>(graph: Graph<I, O>, { sample, ...options }: PlanOptions<NoInfer<I>> = {}): Plan {
    const definition = definitionOf(graph);
    const input = sample === undefined ? undefined : { input: parseInput(definition, sample) };
    const checked = checkRunOptions(options);
    const policy = choosePolicy(this.#services.policy, { tags: checked.tags });
    return this.#admission.plan(
      definition,
      { ...checked, policy, shared: this.#admission.sharedBy(definition, checked) },
      input,
    );
  }

  run<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options: RunOptions = {}): Promise<RunResult<O>> {
    return this.#admit(graph, input, { options }).then(({ result }) => result);
  }

  async start<I, O>(graph: Graph<I, O>, input: NoInfer<I>, options: RunOptions = {}): Promise<Run<O>> {
    // The first step starts a turn of the event loop after the run is there, so that whoever awaits it hears every event.
    const heard = Promise.withResolvers<undefined>();
    const hear = (): void => void setImmediate(heard.resolve, undefined);
    if (this.#durable === undefined) hear();
    const run = this.#admit(graph, input, { options, after: heard.promise });
    // A durable one is there when it is stored.
    return this.#durable === undefined ? run : run.finally(hear);
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
    const shared = this.#admission.sharedBy(definition, checked);
    this.#admission.check(definition, { ...checked, policy, shared });
    if (this.#sessions.has(runId)) throw runExists(runId);
    const session = openSession(definition, {
      runId,
      input,
      options: checked,
      shared,
      policy,
      services: this.#services,
      tracer: this.#tracer(),
      durable: this.#durable?.open(),
    });
    const decisions = collectDecisions(session.events);
    this.#sessions.set(session.runId, session);
    this.#live.add(session);
    await this.#enter({ session, decisions, after }, checked);
    const result = this.#conclude<O>(session, decisions);
    // The events tell of a failure too; a caller who only iterates must not crash on it.
    result.catch(ignore);
    const cancel = (reason?: unknown): void => this.#cancel(session, "caller", reason);
    follow(options.signal, cancel, result);
    return handleOf(session, result, cancel);
  }

  ready(): Promise<void> {
    return this.#served;
  }

  attach<O>(runId: string): AttachedRun<O> {
    const durable = this.#needsDurable("attach");
    return {
      id: runId,
      result: () => durable.result(runId) as Promise<RunResult<O>>,
      cancel: (reason) => this.#engine.cancel(runId, runCancelled(reason, "caller")),
    };
  }

  async find(query: RunQuery = {}): Promise<readonly RunInfo[]> {
    this.#needsDurable("find");
    await this.#served;
    return (await this.#engine.find?.(query)) ?? [];
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

  #tracer(): Tracer {
    return (this.#options.telemetry?.tracerProvider ?? trace).getTracer("tierwise");
  }

  #openDurable(graphs: readonly Graph<never, unknown>[]): DurableRuns | undefined {
    const { notes } = this.#engine;
    if (notes === undefined) return undefined;
    const own = { engine: this.#engine, notes, services: this.#services, admission: this.#admission };
    const around = { ...own, sessions: this.#sessions, tracer: () => this.#tracer() };
    return new DurableRuns(around, graphs.map(definitionOf));
  }

  async #handOver(timeoutMs: number): Promise<void> {
    await this.#engine.drain(timeoutMs);
    await this.#engine.close?.();
  }

  #needsDurable(what: string): DurableRuns {
    if (this.#durable !== undefined) return this.#durable;
    const message = `runtime.${what}: expected a durable engine (createRuntime({ engine })), found the one in memory, whose runs end with the process`;
    throw new TierwiseError("RUNTIME_INVALID", message);
  }

  #cancel({ runId, events, abort }: Session, by: CancelledBy, reason: unknown): void {
    events.unblock();
    const error = runCancelled(reason, by);
    void this.#engine.cancel(runId, error);
    // The engine's event ends the run; until it is folded, nothing more may leave.
    abort.abort(error);
  }

  /** Hands the run to the engine; if it does not take it, nothing stays open. */
  async #enter(admitted: Admitted, options: CheckedRunOptions): Promise<void> {
    const { session, after } = admitted;
    const { runId, graph } = session;
    try {
      const payload: Payload = this.#durable === undefined ? after : this.#durable.enter(admitted, options);
      const answer = await this.#engine.start(runId, payload, { graph: graph.name, graphVersion: graph.version });
      if (answer === "exists") throw runExists(runId);
    } catch (error) {
      this.#durable?.leave(session);
      // Meanwhile the run of this id may have been taken over from another process.
      if (this.#sessions.get(runId) === session) this.#sessions.delete(runId);
      this.#live.ended(session);
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
      if (this.#durable !== undefined) return (await this.#durable.result(session.runId)) as RunResult<O>;
      let conclusion: Conclusion;
      try {
        conclusion = (await this.#engine.result(session.runId)) as Conclusion;
      } catch (cause) {
        conclusion = await this.#engineFailed(session, cause);
      }
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
      // A durable run may be going on here under another caller: its host forgets it.
      if (this.#durable === undefined) this.#sessions.delete(session.runId);
      this.#live.ended(session);
    }
  }

  /** An engine that fails has failed the run: its spans and events end like those of any other. */
  async #engineFailed({ runId, abort, runningSteps }: Session, cause: unknown): Promise<Conclusion> {
    const error = new TierwiseError("INTERNAL", `run ${runId}: the engine failed; see cause`, { cause });
    abort.abort(error);
    // Whatever is under way is cut short and comes back in this turn of the event loop: it is booked, and its spans end.
    await new Promise((resolve) => setImmediate(resolve));
    // Steps inside others started after them, and a parent ends last.
    for (const { trace: stepTrace } of [...runningSteps.values()].reverse()) stepTrace.span.end();
    return { outcome: "failed", error };
  }
}

/** Told by whoever awaits it. */
const ignore = (): void => undefined;

/** In one piece: Node's is a chain of twenty pieces, which a run would keep as long as it lives. */
function newRunId(): string {
  return Buffer.from(randomUUID(), "latin1").toString("latin1");
}

function definitionOf(graph: Graph<never, unknown>): GraphDefinition {
  const definition = (graph as Partial<typeof graph> | undefined)?.definition;
  if (definition !== undefined) return definition;
  throw new TierwiseError("RUNTIME_INVALID", `expected a graph (what g.output(...) returns), found ${show(graph)}`);
}

function runExists(runId: string): TierwiseError {
  return new TierwiseError(
    "RUN_EXISTS",
    `run options: there is a run ${runId} already; wait for it, or choose another runId`,
    { details: { runId } },
  );
}

function unlabelled(graph: GraphDefinition): TierwiseError {
  return new TierwiseError(
    "PRIVACY_LABEL_MISSING",
    `graph "${graph.name}" declares no label, and this runtime requires one (requireLabels); write graph("${graph.name}", { label: ... })`,
  );
}
