/**
 * Runs on DBOS: state in PostgreSQL, or in PGlite inside the process. One workflow a run; see `dbos-run.ts` for the one step
 * that it has, `fleet.ts` for what happens to the runs of a process that died, and `tables.ts` for all other rows. One engine
 * a process, because DBOS is one a process. May import `runtime`, `events`, `tiers` and `common`.
 * @module
 */
import { randomUUID } from "node:crypto";
import { DBOS, type DLogger } from "@dbos-inc/dbos-sdk";
import { assertStillOwnsWorkflow } from "@dbos-inc/dbos-sdk/datasource";
import { isWorkflowIDInUseError } from "@dbos-inc/dbos-sdk/internal/error";
import { getExecutor } from "@dbos-inc/dbos-sdk/internal/dbos";
import { dbRetryConfig } from "@dbos-inc/dbos-sdk/internal/utils";
import { stableHash } from "../../common/stable-hash.ts";
import { systemClock, type Clock } from "../../common/clock.ts";
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
  RunStatus,
} from "../../runtime/engine.ts";
import type { HumanRequest } from "../../runtime/session.ts";
import { makeClearance, publicClearance, type Clearance, type ClearanceSpec } from "../../tiers/clearance.ts";
import { decode, encode } from "../codec.ts";
import { Seal, SealedLog } from "../seal.ts";
import { cancelKey, DbosRun, outside } from "./dbos-run.ts";
import { Fleet } from "./fleet.ts";
import { guardConnections } from "./guard-connections.ts";
import { migrateDbos } from "./migrate-dbos.ts";
import { Patience } from "./patience.ts";
import { PlaceTables } from "./place-tables.ts";
import { Places } from "./places.ts";
import { Questions, type GivenAnswer, type PendingQuestion } from "./questions.ts";
import { Signals } from "./signals.ts";
import { Tables, type DatabasePool } from "./tables.ts";

export interface DbosEngineOptions {
  /** Address of a PostgreSQL database, or a pool over one: of `pg`, or of PGlite with `pglitePool`. */
  readonly database: string | DatabasePool;
  /** What the database may hold: input, results and drafts of every graph that runs on it. @default "public" */
  readonly clearance?: ClearanceSpec;
  /** How long a silent process keeps its runs, in milliseconds, 1,000 to 600,000. @default 15_000 */
  readonly leaseMs?: number;
  /** How often signals of other processes are looked for, in milliseconds, 10 to 60,000. @default 100 */
  readonly pollMs?: number;
  /** UTF-8 bytes of one stored row at most: a batch of results. @default 8 MiB */
  readonly maxRowBytes?: number;
  /** How long a question to a person stays open, in milliseconds. @default as long as its run */
  readonly questionExpiresMs?: number;
  /**
   * Who may take over whose runs: processes of the same version. @default a hash of the graphs' versions, so that a process
   * with changed graphs leaves old runs to processes that have the old ones
   */
  readonly version?: string;
  /** How often a run is taken over before it counts as stuck (`find`, `resume`), 1 to 1,000. @default 20 */
  readonly maxRecoveries?: number;
  /** DBOS's log. @default warnings and errors to the console */
  readonly logger?: DLogger;
  readonly clock?: Clock;
}

/** Codes of a run that this process may not go on with; it is set aside, and nothing of it is lost. */
const refusals: ReadonlySet<string> = new Set(["GRAPH_CHANGED", "PRIVACY_POLICY_WEAKENED", "CHECKPOINT_INVALID"]);

/** Of DBOS, while the database is down: it would come to a minute, and runs would stand still as long when it is back. */
const longestPauseSeconds = 5;

const workflowName = "tierwise-run";
const startPlace = "start";
const endPlace = "end";

type Workflow = (start: string) => Promise<string>;

/** @returns an engine for `createRuntime({ engine })`; `questions` and `answer` are for those who answer */
export function dbosEngine(options: DbosEngineOptions): DbosEngine {
  return new DbosEngine(options);
}

export class DbosEngine implements Engine {
  readonly clearance: Clearance;
  readonly notes: RunNotes;
  readonly places: FleetPlaces;
  readonly #options: DbosEngineOptions;
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

  constructor(options: DbosEngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#patience = new Patience(this.#clock);
    this.#closed.promise.catch(() => undefined);
    this.clearance = options.clearance === undefined ? publicClearance : makeClearance(options.clearance);
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

  async find({ status, graph, limit = 100 }: RunQuery = {}): Promise<readonly RunInfo[]> {
    await this.#ready();
    const attributes = graph === undefined ? {} : { attributes: { graph } };
    const wanted = status === undefined ? {} : { status: [...storedStatus[status]] };
    const what = { workflowName, ...attributes, ...wanted, sortDesc: true, loadInput: false, loadOutput: false };
    const rows = await DBOS.listWorkflows(status === "refused" ? { ...what } : { ...what, limit });
    const infos = await Promise.all(
      rows.map(async ({ workflowID, status: stored, attributes: told = {}, createdAt }): Promise<RunInfo> => {
        const why = stored === "CANCELLED" ? await this.#refusal(workflowID) : undefined;
        return {
          runId: workflowID,
          status: why === undefined ? statusOf(stored) : "refused",
          graph: String(told["graph"]),
          graphVersion: String(told["graphVersion"]),
          startedAtMs: createdAt,
          ...(why !== undefined && { why }),
        };
      }),
    );
    return infos.filter((info) => status === undefined || info.status === status).slice(0, limit);
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
    const { tables } = await this.#ready();
    const completedBefore = new Date(this.#clock.epochMs() - olderThanMs).toISOString();
    const status = [...storedStatus.ended, ...storedStatus.cancelled];
    const what = { workflowName, status, completedBefore, limit: 1_000, loadInput: false, loadOutput: false };
    const runIds = (await DBOS.listWorkflows(what)).map(({ workflowID }) => workflowID);
    await tables.forget(runIds);
    await DBOS.deleteWorkflows(runIds);
    return runIds.length;
  }

  async drain(timeoutMs: number): Promise<void> {
    // A run is over when DBOS has written down how it ended.
    const ended = Promise.allSettled(this.#driving).then(() => this.#settled());
    let stopTimer = (): void => undefined;
    const late = new Promise<void>((resolve) => (stopTimer = this.#clock.setTimer(timeoutMs, resolve)));
    await Promise.race([ended, late]);
    stopTimer();
  }

  async #settled(): Promise<void> {
    if (this.#parts !== undefined && !this.#isClosed) await getExecutor().awaitRunningWorkflows(lastRowMs);
  }

  /** Stops at once. Runs under way are not cancelled: other processes, or the next one, go on with them. */
  async close(): Promise<void> {
    if (this.#isClosed || this.#parts === undefined) return;
    this.#isClosed = true;
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
    await fleet.leave();
    await DBOS.shutdown({ deregister: true, workflowCompletionTimeoutMS: 0 });
  }

  get #maxRowBytes(): number {
    return this.#options.maxRowBytes ?? 8 * 1024 * 1024;
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
    const { database, logger, leaseMs = 15_000, pollMs = 100 } = this.#options;
    const version = this.#options.version ?? `${format}-${stableHash([...(host.graphs ?? [])].sort(), 8)}`;
    const executorId = randomUUID();
    const isOwnPool = typeof database === "string";
    DBOS.setConfig({
      name: "tierwise",
      ...(isOwnPool
        ? { systemDatabaseUrl: database }
        : { systemDatabasePool: database as never, useListenNotify: false }),
      executorID: executorId,
      applicationVersion: version,
      ...(logger === undefined ? { logLevel: "warn" } : { logger }),
    });
    const workflow: Workflow = DBOS.registerWorkflow((start: string) => this.#tracked(start), {
      name: workflowName,
      maxRecoveryAttempts: this.#options.maxRecoveries ?? 20,
    });
    dbRetryConfig.maxBackoffSec = longestPauseSeconds;
    await migrateDbos(database, this.#clock);
    await DBOS.launch();
    const { pool } = getExecutor().systemDatabase;
    guardConnections(pool);
    const tables = new Tables(pool, this.#patience);
    await tables.migrate();
    const own = { tables, patience: this.#patience, clock: this.#clock };
    const fleet = new Fleet({ ...own, executorId, version, leaseMs, assertStillOwns: assertStillOwnsWorkflow });
    const signals = new Signals({ tables, clock: this.#clock, pollMs });
    const asking = { tables, signals, maxBytes: this.#maxRowBytes, expiresMs: this.#options.questionExpiresMs };
    const questions = new Questions({ ...asking, seal: (runId) => this.#seal(runId) });
    const places = new Places({ tables: new PlaceTables(pool, this.#patience), clock: this.#clock, leaseMs, pollMs });
    await fleet.join();
    this.#parts = { tables, fleet, signals, questions, places, workflow };
    await fleet.sweep();
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
    const { fleet, signals, questions, tables } = await this.#ready();
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

  /** Told as far as it can be read: who refused may have had another key. */
  async #refusal(runId: string): Promise<string | undefined> {
    const { tables } = await this.#ready();
    const found = (await tables.notes(runId)).findLast(({ key }) => key === refusalKey);
    try {
      return found && String(decode(this.#seal(runId).open(notePlace(refusalKey), found.value)));
    } catch (error) {
      return (error as Error).message;
    }
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
      const why = await this.#refusal(runId);
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
  readonly workflow: Workflow;
}

/** How long the row that says how a run ended may take. */
const lastRowMs = 5_000;
/** Of what is stored: another one is another version of workers. */
const format = "tierwise1";
const refusalKey = "refused";
const signalPlace = (key: string): string => `signal ${key}`;
const notePlace = (key: string): string => `note ${key}`;

const storedStatus = {
  running: ["PENDING", "ENQUEUED", "DELAYED"],
  ended: ["SUCCESS", "ERROR"],
  cancelled: ["CANCELLED"],
  refused: ["CANCELLED"],
  stuck: ["MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
} as const;

function statusOf(stored: string): RunStatus {
  const found = (Object.keys(storedStatus) as RunStatus[]).find((status) =>
    (storedStatus[status] as readonly string[]).includes(stored),
  );
  return found ?? "running";
}

/** A reason may be anything that the caller has; an error or plain data is kept. */
function storableReason(reason: Payload): Payload {
  try {
    encode(reason, { maxBytes: 64 * 1024 });
    return reason;
  } catch {
    return "a reason that cannot be stored";
  }
}
