/**
 * Runs on an engine that outlives the process. Each run is driven here, from its first step or from where another process
 * left it: what was committed is replayed, and nothing of it is done again.
 * @module
 */
import type { Tracer } from "@opentelemetry/api";
import { StepFailedError, TierwiseError } from "../../errors.ts";
import type { GraphDefinition } from "../../graph/definition.ts";
import { choosePolicy } from "../../policy/policy-source.ts";
import type { RunOrigin } from "../../telemetry/run-trace.ts";
import type { Admission } from "../admission.ts";
import { concludeRun } from "../conclude-run.ts";
import { isCutShort, type Conclusion } from "../conclusion.ts";
import { Driver } from "../driver.ts";
import type { Engine, EngineHost, EngineRun, Payload, RunNotes } from "../engine.ts";
import { openSession } from "../open-session.ts";
import { collectDecisions } from "../run-handle.ts";
import type { RunResult } from "../run.ts";
import type { CheckedRunOptions } from "../runtime-options.ts";
import type { Services, Session } from "../session.ts";
import { assertStorable } from "./assert-storable.ts";
import { DurableRun } from "./durable-run.ts";
import { chargeAllLost, performDurably, type Performed } from "./perform-durably.ts";
import { checkRecord, recordOf, servicesOf, type RunRecord } from "./run-record.ts";
import type { DurableRecord, Launch } from "./work-record.ts";

/** What is stored of a run that has ended. */
interface RunEnd {
  readonly conclusion: Conclusion;
  readonly result: RunResult<unknown>;
}

interface Entered {
  readonly session: Session;
  readonly decisions: RunResult<unknown>["decisions"];
  /** Until whoever started the run hears its events. */
  readonly after: Promise<void> | undefined;
}

interface Waiting extends Entered {
  readonly ticket: string;
}

interface Around {
  readonly engine: Engine;
  readonly notes: RunNotes;
  readonly services: Services;
  readonly admission: Admission;
  /** Of runs that are under way in this process. */
  readonly sessions: Map<string, Session>;
  readonly tracer: () => Tracer;
}

/** Key of the note that says where a run was driven; the others are keys of works. */
const segmentKey = "segment";

export class DurableRuns {
  readonly #around: Around;
  readonly #graphs = new Map<string, GraphDefinition>();
  /** Started here and not yet driven. */
  readonly #entered = new Map<string, Waiting>();

  /** @param graphs whose runs may be taken over from other processes */
  constructor(around: Around, graphs: readonly GraphDefinition[]) {
    this.#around = around;
    for (const graph of graphs) {
      assertStorable(graph, around.engine.clearance);
      this.#graphs.set(graph.name, graph);
    }
  }

  get host(): EngineHost {
    return {
      macKey: this.#around.services.macKey,
      graphs: [...this.#graphs.values()].map(({ name, version }) => `${name}@${version}`),
      drive: (run, record) => this.#drive(run, record),
      perform: (work, { runId }) => performDurably(this.#session(runId), work),
      unstorable: (key, result, error) => unstorable(key, result as Performed, error),
      letGo: (runId) => this.#letGo(runId),
    };
  }

  /** Of a run that starts here. */
  open(): DurableRecord {
    return { notes: this.#around.notes, performed: new Set(), lost: new Map() };
  }

  /** @returns what is stored of a run when it starts. @throws {FlowViolationError} when the store may not hold its data */
  enter(entered: Entered, options: CheckedRunOptions): RunRecord {
    const { session } = entered;
    assertStorable(session.graph, this.#around.engine.clearance);
    this.#graphs.set(session.graph.name, session.graph);
    const record = recordOf(session, options);
    this.#entered.set(session.runId, { ...entered, ticket: record.ticket });
    return record;
  }

  /** The engine did not take it. */
  leave(session: Session): void {
    if (this.#entered.get(session.runId)?.session === session) this.#entered.delete(session.runId);
  }

  /** Of a run of any process. Rejects with the error of a run that did not complete. */
  async result(runId: string): Promise<RunResult<unknown>> {
    const { conclusion, result } = (await this.#around.engine.result(runId)) as RunEnd;
    if (conclusion.outcome !== "completed") throw conclusion.error;
    return result;
  }

  async #drive(run: EngineRun, payload: Payload): Promise<RunEnd> {
    const record = payload as RunRecord;
    const entered = this.#takeEntered(run.id, record) ?? (await this.#reopen(run.id, record));
    await entered.after;
    const { session } = entered;
    try {
      const conclusion = await new Driver(session).drive(new DurableRun(run, session));
      chargeAllLost(session);
      await session.shared?.end(!isCutShort(conclusion));
      return { conclusion, result: resultOf(entered, concludeRun(session, conclusion)) };
    } catch (error) {
      handOver(session, error);
      throw error;
    } finally {
      if (this.#around.sessions.get(run.id) === session) this.#around.sessions.delete(run.id);
    }
  }

  /** Not of a call that asks for the id of a run that this process happens to take over. */
  #takeEntered(runId: string, { ticket }: RunRecord): Entered | undefined {
    const waiting = this.#entered.get(runId);
    if (waiting?.ticket !== ticket) return undefined;
    this.#entered.delete(runId);
    return waiting;
  }

  /** @throws {TierwiseError} when this process may not go on with it; nothing of it is lost */
  async #reopen(runId: string, record: RunRecord): Promise<Entered> {
    const { services, admission, notes, sessions, tracer } = this.#around;
    const graph = this.#graphs.get(record.graph);
    checkRecord(runId, record, { graph, services });
    const { segments, lost } = await this.#past(runId);
    const { options } = record;
    const session = openSession(graph!, {
      runId,
      input: record.input,
      options,
      shared: admission.sharedBy(graph!, options),
      policy: choosePolicy(services.policy, { runId, tags: options.tags }),
      services: servicesOf(record, services),
      tracer: tracer(),
      durable: { notes, performed: new Set(), lost },
      resumed: {
        startedAtMs: record.startedAtMs,
        segment: segments.length + 2,
        from: segments.at(-1) ?? record.origin,
      },
    });
    await notes.append(runId, segmentKey, session.runTrace.origin);
    sessions.set(runId, session);
    return { session, decisions: collectDecisions(session.events), after: undefined };
  }

  /** Where the run was driven before, and what left it there. What has come back since is taken out as it is replayed. */
  async #past(runId: string): Promise<{ segments: readonly RunOrigin[]; lost: Map<string, readonly Launch[]> }> {
    const all = await this.#around.notes.read(runId);
    const lost = new Map<string, readonly Launch[]>();
    for (const { key, value } of all)
      if (key !== segmentKey) lost.set(key, [...(lost.get(key) ?? []), value as Launch]);
    return { segments: all.filter(({ key }) => key === segmentKey).map(({ value }) => value as RunOrigin), lost };
  }

  #letGo(runId: string): void {
    const session = this.#around.sessions.get(runId);
    this.#around.sessions.delete(runId);
    if (session !== undefined) handOver(session, new TierwiseError("SHUTTING_DOWN", "this process stops"));
  }

  #session(runId: string): Session {
    const session = this.#around.sessions.get(runId);
    if (session === undefined) throw new TierwiseError("INTERNAL", `run ${runId} is not under way in this process`);
    return session;
  }
}

/** What it cost and told stays; its value is a failure, so that it is not done again. */
function unstorable(key: string, { journal }: Performed, cause: unknown): Performed {
  const step = key.slice(0, key.indexOf("#"));
  const found = TierwiseError.isInstance(cause) ? `: ${cause.message}` : "";
  const message = `step "${step}": what it returned cannot be stored${found}`;
  return { ok: false, error: new StepFailedError("UNSERIALIZABLE", message, { details: { step } }), journal };
}

function resultOf({ session, decisions }: Entered, output: unknown): RunResult<unknown> {
  const { runId, runTrace, ledger, budget } = session;
  return { runId, traceId: runTrace.traceId, output, ledger: ledger.snapshot(budget), decisions };
}

/** The run goes on elsewhere, or later: here its spans and its events end. */
function handOver(session: Session, error: unknown): void {
  session.abort.abort(error);
  for (const { trace } of [...session.runningSteps.values()].reverse()) trace.span.end();
  const interrupted = new TierwiseError("INTERNAL", `run ${session.runId} goes on in another process; see cause`, {
    cause: error,
  });
  concludeRun(session, { outcome: "interrupted", error: interrupted });
}
