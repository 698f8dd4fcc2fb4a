/**
 * Runs on DBOS: state in PostgreSQL, or in PGlite inside the process. One workflow a run; see `dbos-run.ts` for the one step
 * that it has, `fleet.ts` for what happens to the runs of a process that died, and `tables.ts` for all other rows. One engine
 * a process, because DBOS is one a process. May import `runtime`, `events`, `tiers` and `common`.
 * @module
 */
import { randomUUID } from "node:crypto";
import { DBOS } from "@dbos-inc/dbos-sdk";
import { assertStillOwnsWorkflow } from "@dbos-inc/dbos-sdk/datasource";
import { isWorkflowIDInUseError } from "@dbos-inc/dbos-sdk/internal/error";
import { getExecutor } from "@dbos-inc/dbos-sdk/internal/dbos";
import type { Clock } from "../../common/clock.ts";
import { show } from "../../common/names.ts";
import { stableHash } from "../../common/stable-hash.ts";
import { TierwiseError } from "../../errors.ts";
import type {
  Engine,
  EngineHost,
  FleetPlaces,
  Note,
  Payload,
  RunInfo,
  RunNotes,
  RunQuery,
} from "../../runtime/engine.ts";
import type { HumanRequest } from "../../runtime/session.ts";
import type { Clearance, ClearanceSpec } from "../../tiers/clearance.ts";
import { decode, encode } from "../codec.ts";
import { Seal, SealedLog } from "../seal.ts";
import { checkDbosOptions, type CheckedDbosOptions, type DbosEngineOptions } from "./dbos-options.ts";
import { cancelKey, DbosRun, outside } from "./dbos-run.ts";
import { Fleet } from "./fleet.ts";
import { launchDbos, shutdownDbos, type Workflow } from "./launch-dbos.ts";
import { Patience } from "./patience.ts";
import { PlaceTables } from "./place-tables.ts";
import { Places } from "./places.ts";
import { Questions, type GivenAnswer, type PendingQuestion } from "./questions.ts";
import { notePlace, refusalKey, RunDirectory } from "./run-directory.ts";
import { Signals } from "./signals.ts";
import { Tables, type DatabasePool } from "./tables.ts";

/** Codes of a run that this process may not go on with; it is set aside, and nothing of it is lost. */
const refusals: ReadonlySet<string> = new Set(["GRAPH_CHANGED", "PRIVACY_POLICY_WEAKENED", "CHECKPOINT_INVALID"]);

const startPlace = "start";
const endPlace = "end";

/** @returns an engine for `createRuntime({ engine })`; `questions` and `answer` are for those who answer */
export function dbosEngine(options: DbosEngineOptions): DbosEngine {
  return new DbosEngine(options);
}

export class DbosEngine implements Engine {
  readonly clearance: Clearance;
  readonly notes: RunNotes;
  readonly places: FleetPlaces;
  readonly #options: CheckedDbosOptions;
  readonly #clock: Clock;
  readonly #runs = new Map<string, DbosRun>();
  /** Started by this process, and not yet driven. */
  readonly #started = new Map<string, string>();
  readonly #results = new Map<string, Promise<string>>();
  #host: EngineHost | undefined;
  #launched: Promise<void> | undefined;
  #parts: Parts | undefined;
  readonly #patience: Patience;
  readonly #driving = new Set<Promise<string>>();
  readonly #closed = Promise.withResolvers<never>();
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(options: DbosEngineOptions) {
    this.#options = checkDbosOptions(options);
    this.#clock = this.#options.clock;
    this.#patience = new Patience(this.#clock);
    this.#closed.promise.catch(() => undefined);
    this.clearance = this.#options.clearance;
    this.notes = {
      append: (runId, key, value) => this.#append(runId, key, value),
      read: (runId) => this.#read(runId),
    };
    this.places = { enter: async (...asked) => (await this.#ready()).places.enter(...asked) };
  }

  serve(host: EngineHost): Promise<void> {
    this.#host = host;
    this.#launched ??= this.#launch(host).catch((cause: unknown) => {
      const message = "the durable engine could not start: its database does not answer or refuses; see cause";
      throw TierwiseError.isInstance(cause) ? cause : new TierwiseError("ENGINE_UNAVAILABLE", message, { cause });
    });
    return this.#launched;
  }

  async start(
    runId: string,
    input: Payload,
    options: { readonly graph: string; readonly graphVersion: string },
  ): Promise<"started" | "exists"> {
    const { workflow } = await this.#ready();
    const text = encode(input, { maxBytes: this.#maxRowBytes });
    const start = this.#seal(runId).close(startPlace, text);
    this.#started.set(runId, start);
    try {
      const params = { workflowID: runId, workflowIDReusePolicy: "reject", workflowAttributes: options } as const;
      const handle = await DBOS.startWorkflow(workflow, params)(start);
      this.#keep(runId, handle.getResult());
      return "started";
    } catch (error) {
      if (this.#started.get(runId) === start) this.#started.delete(runId);
      if (isWorkflowIDInUseError(error)) return "exists";
      throw error;
    }
  }

  async signal(runId: string, key: string, value: Payload): Promise<"accepted" | "already"> {
    const { signals } = await this.#ready();
    const text = encode(value, { maxBytes: this.#maxRowBytes });
    const sealed = this.#seal(runId).close(signalPlace(key), text);
    return (await signals.send({ runId, key, value: sealed })) ? "accepted" : "already";
  }

  async cancel(runId: string, reason: Payload): Promise<void> {
    await this.signal(runId, cancelKey, storableReason(reason));
  }

  async result(runId: string): Promise<Payload> {
    await this.#ready();
    const known = this.#results.get(runId);
    this.#results.delete(runId);
    const row = await Promise.race([known ?? this.#await(runId), this.#closed.promise]);
    return decode(this.#seal(runId).open(endPlace, row));
  }

  async find(query: RunQuery = {}): Promise<readonly RunInfo[]> {
    return (await this.#ready()).directory.find(query);
  }

  /** For `onHuman: { clearance, ask: engine.ask }`: the question is stored, and waits for `answer`, in any process. */
  readonly ask = async (request: HumanRequest): Promise<unknown> => {
    const { questions } = await this.#ready();
    try {
      return await questions.ask(request);
    } catch (error) {
      // Not the step's failure: nothing that follows from it may be stored.
      if (TierwiseError.isInstance(error) && refusals.has(error.code)) this.#runs.get(request.runId)?.fail(error);
      throw error;
    }
  };

  /** Questions that wait, oldest first: those that a person with this clearance may see. */
  async questions(options: {
    readonly clearance: ClearanceSpec;
    readonly limit?: number;
  }): Promise<readonly PendingQuestion[]> {
    const { questions } = await this.#ready();
    return questions.pending(options.clearance, options.limit ?? 100);
  }

  /**
   * Answers a question, once: `already` when somebody was first.
   * @throws {TierwiseError} `PRIVACY_FLOW_DENIED` when the person may not see it, `QUESTION_EXPIRED`, `RUNTIME_INVALID`
   */
  async answer(runId: string, key: string, given: GivenAnswer): Promise<"accepted" | "already"> {
    const { questions } = await this.#ready();
    return questions.answer(runId, key, given);
  }

  /** Lets a run that was refused, or that was taken over in vain too often, go on: on a process that can. */
  async resume(runId: string): Promise<void> {
    await this.#ready();
    await DBOS.resumeWorkflows([runId]);
  }

  /**
   * Deletes what is stored of runs that ended longer ago than this; nothing else ever is.
   * @param olderThanMs milliseconds, 0 or more
   * @returns how many runs, at most 1,000 a call
   */
  async prune(olderThanMs: number): Promise<number> {
    if (!(olderThanMs >= 0 && olderThanMs <= this.#clock.epochMs()))
      throw new TierwiseError(
        "RUNTIME_INVALID",
        `engine.prune: expected milliseconds, 0 or more, found ${show(olderThanMs)}`,
      );
    return (await this.#ready()).directory.prune(this.#clock.epochMs() - olderThanMs);
  }

  async drain(timeoutMs: number): Promise<void> {
    // A run is over when DBOS has written down how it ended.
    const ended = Promise.allSettled(this.#driving).then(() => this.#settled());
    let stopTimer = (): void => undefined;
    const late = new Promise<void>((resolve) => (stopTimer = this.#clock.setTimer(timeoutMs, resolve)));
    await Promise.race([ended, late]).finally(stopTimer);
  }

  async #settled(): Promise<void> {
    if (this.#parts !== undefined && !this.#isClosed) await getExecutor().awaitRunningWorkflows(lastRowMs);
  }

  /** Stops at once. Runs under way are not cancelled: other processes, or the next one, go on with them. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // An engine that could not start has ended itself.
    await this.#launched?.catch(() => undefined);
    this.#isClosed = true;
    if (this.#parts === undefined) return;
    const { fleet, signals, places } = this.#parts;
    for (const [runId, run] of this.#runs) {
      run.close();
      this.#host?.letGo?.(runId);
    }
    this.#closed.reject(
      new TierwiseError("SHUTTING_DOWN", "this process stops; the run goes on in another one: runtime.attach(runId)"),
    );
    signals.close();
    places.close();
    this.#patience.close();
    try {
      await fleet.leave();
    } finally {
      await shutdownDbos();
    }
  }

  get #maxRowBytes(): number {
    return this.#options.maxRowBytes;
  }

  #seal(runId: string): Seal {
    const key = this.#host?.macKey;
    if (key === undefined) throw new TierwiseError("INTERNAL", "a durable engine needs the runtime's macKey");
    return new Seal(key, runId);
  }

  async #ready(): Promise<Parts> {
    await this.#launched;
    if (this.#parts !== undefined && !this.#isClosed) return this.#parts;
    throw new TierwiseError("ENGINE_UNAVAILABLE", "the durable engine is not open; pass it to createRuntime first");
  }

  async #launch(host: EngineHost): Promise<void> {
    const version = this.#options.version ?? `${format}-${stableHash([...(host.graphs ?? [])].sort(), 8)}`;
    const identity = { executorId: randomUUID(), version };
    try {
      const { workflow, pool } = await launchDbos(this.#options, identity, (start) => this.#tracked(start));
      const tables = new Tables(pool, this.#patience);
      await tables.migrate();
      const parts = { ...this.#open(tables, pool, identity), workflow };
      await parts.fleet.join();
      this.#parts = parts;
      await parts.fleet.sweep();
    } catch (error) {
      this.#patience.close();
      await this.#parts?.fleet.leave().catch(() => undefined);
      this.#parts = undefined;
      await shutdownDbos();
      throw error;
    }
  }

  #open(
    tables: Tables,
    pool: DatabasePool,
    identity: { executorId: string; version: string },
  ): Omit<Parts, "workflow"> {
    const { leaseMs, pollMs, questionExpiresMs: expiresMs } = this.#options;
    const own = { tables, patience: this.#patience, clock: this.#clock };
    const seal = (runId: string): Seal => this.#seal(runId);
    const signals = new Signals({ tables, clock: this.#clock, pollMs });
    return {
      tables,
      signals,
      fleet: new Fleet({ ...own, ...identity, leaseMs, assertStillOwns: assertStillOwnsWorkflow }),
      places: new Places({ tables: new PlaceTables(pool, this.#patience), clock: this.#clock, leaseMs, pollMs }),
      questions: new Questions({ tables, signals, maxBytes: this.#maxRowBytes, expiresMs, seal }),
      directory: new RunDirectory(tables, seal),
    };
  }

  /** The workflow. */
  #tracked(start: string): Promise<string> {
    // Not where DBOS gave it to this process before the others knew of this process.
    this.#parts?.fleet.take(DBOS.workflowID!);
    const driving = this.#drive(start);
    const forget = (): void => void this.#driving.delete(driving);
    this.#driving.add(driving);
    driving.then(forget, forget);
    return driving;
  }

  async #drive(start: string): Promise<string> {
    const runId = DBOS.workflowID!;
    await this.#launched?.catch(() => undefined);
    // Taken over in the moment in which this process stops: whatever came back would be the run's end.
    if (this.#isClosed || this.#parts === undefined) return never;
    const { fleet, signals, questions, tables } = this.#parts;
    const host = this.#host!;
    try {
      const seal = this.#seal(runId);
      const input = decode(seal.open(startPlace, start));
      const log = new SealedLog(seal, start);
      const setting = { host, log, clock: this.#clock, maxRowBytes: this.#maxRowBytes };
      const run = new DbosRun(runId, { ...setting, assertOwner: (id) => fleet.assertOwner(id) });
      this.#runs.set(runId, run);
      const stopListening = signals.listen({
        runId,
        hear: (key, value) => {
          try {
            if (!questions.hear(runId, key, value)) run.deliver(key, decode(seal.open(signalPlace(key), value)));
          } catch (error) {
            run.fail(error);
          }
        },
      });
      try {
        // Somebody may have cancelled it while nobody ran it: then nothing more is started.
        if (this.#started.get(runId) === start) this.#started.delete(runId);
        else await signals.catchUp(runId);
        const end = encode(await host.drive(run, input), { maxBytes: this.#maxRowBytes });
        await tables.forgetQuestions(runId);
        return seal.close(endPlace, end);
      } finally {
        stopListening();
        run.close();
        fleet.release(runId);
        if (this.#runs.get(runId) === run) this.#runs.delete(runId);
      }
    } catch (error) {
      if (TierwiseError.isInstance(error) && refusals.has(error.code)) await this.#refuse(runId, error);
      throw error;
    }
  }

  /** Set aside, not failed: what is stored stays, and `resume` lets another process try. */
  async #refuse(runId: string, error: TierwiseError): Promise<void> {
    await this.notes.append(runId, refusalKey, error.message);
    // Outside the workflow: inside, it would be one of its steps.
    await outside(() => DBOS.cancelWorkflow(runId));
  }

  async #append(runId: string, key: string, value: Payload): Promise<void> {
    const { tables, fleet } = await this.#ready();
    const run = this.#runs.get(runId);
    if (run !== undefined) await run.inWorkflow(() => fleet.assertOwner(runId));
    const text = encode(value, { maxBytes: this.#maxRowBytes });
    await tables.note({ runId, key, value: this.#seal(runId).close(notePlace(key), text) });
    // This process may have stood still meanwhile.
    if (run !== undefined) await run.inWorkflow(() => fleet.assertOwner(runId));
  }

  async #read(runId: string): Promise<readonly Note[]> {
    const { tables } = await this.#ready();
    const seal = this.#seal(runId);
    const rows = (await tables.notes(runId)).filter(({ key }) => key !== refusalKey);
    return rows.map(({ key, value }) => ({ key, value: decode(seal.open(notePlace(key), value)) }));
  }

  #keep(runId: string, result: Promise<string>): void {
    this.#results.set(runId, result);
    // Whoever asks hears of it.
    result.catch(() => undefined);
  }

  async #await(runId: string): Promise<string> {
    if ((await DBOS.getWorkflowStatus(runId)) === null)
      throw new TierwiseError("RUNTIME_INVALID", `run ${runId} is not known to this engine`);
    try {
      return (await DBOS.getResult<string>(runId, { pollingIntervalMs: 100 }))!;
    } catch (cause) {
      const why = await (await this.#ready()).directory.refusal(runId);
      if (why !== undefined) throw new TierwiseError("ENGINE_UNAVAILABLE", why, { cause });
      throw cause;
    }
  }
}

interface Parts {
  readonly tables: Tables;
  readonly fleet: Fleet;
  readonly signals: Signals;
  readonly questions: Questions;
  readonly places: Places;
  readonly directory: RunDirectory;
  readonly workflow: Workflow;
}

/** How long the row that says how a run ended may take. */
const lastRowMs = 5_000;
/** Of what is stored: another one is another version of workers. */
const format = "tierwise1";
const signalPlace = (key: string): string => `signal ${key}`;

const never = new Promise<never>(() => undefined);

/** A reason may be anything that the caller has; an error or plain data is kept. */
function storableReason(reason: Payload): Payload {
  try {
    encode(reason, { maxBytes: 64 * 1024 });
    return reason;
  } catch {
    return "a reason that cannot be stored";
  }
}
