/**
 * The port behind which a run's actions are performed and its events committed. The scheduler folds events in commit
 * order and never sees time, promises or processes, so the same loop drives a run in memory and on a durable engine.
 */
import type { KeyObject } from "node:crypto";
import type { EndpointLimits } from "../catalog/endpoint.ts";
import type { Clearance } from "../tiers/clearance.ts";

/** In memory any value; a durable engine encodes it losslessly or refuses it. */
export type Payload = unknown;

/** One action: a model call, a tool call, a piece of user code. The key `stepPath#iteration/turn/call` is stable over resumption. */
export interface Work {
  readonly key: string;
  readonly kind: string;
  readonly input: Payload;
}

export interface EngineEvent {
  readonly type: "done" | "failed" | "signal" | "timer" | "cancel";
  /** Of the work, signal or timer; empty for `cancel`. */
  readonly key: string;
  /** Result, failure, signal value or reason of cancellation. */
  readonly value: Payload;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export interface Waits {
  readonly signals: readonly string[];
  /** By key, the epoch milliseconds at which they fire. A timer that is no longer listed is dropped. */
  readonly timers: Readonly<Record<string, number>>;
}

export interface EngineRun {
  readonly id: string;
  /** Starts what is due and resolves with the next events, at least one, in commit order. */
  advance(due: readonly Work[], waits: Waits): Promise<readonly EngineEvent[]>;
}

/** Something that is kept of a run at once, beside its events: what left the process, what a segment is. */
export interface Note {
  readonly key: string;
  readonly value: Payload;
}

export interface RunNotes {
  /** Resolves when it is on disk. Rejects when the run is no longer this process's: then nothing may leave. */
  append(runId: string, key: string, value: Payload): Promise<void>;
  /** In the order in which they were appended. */
  read(runId: string): Promise<readonly Note[]>;
}

/** Where a run stands. `refused`: this version of the code may not go on with it; see `why`. */
export type RunStatus = "running" | "ended" | "cancelled" | "refused" | "stuck";

export interface RunInfo {
  readonly runId: string;
  readonly status: RunStatus;
  readonly graph: string;
  readonly graphVersion: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  /** Of a run that was refused. */
  readonly why?: string;
}

export interface RunQuery {
  readonly status?: RunStatus;
  readonly graph?: string;
  /** @default 100 */
  readonly limit?: number;
}

export interface EngineHost {
  /** Secret under which a durable engine seals what it stores. */
  readonly macKey?: KeyObject;
  /** Graphs that this process can run, as `name@version`; a durable engine leaves the runs of others alone. */
  readonly graphs?: readonly string[];
  /** What is committed of a work whose result cannot be stored. */
  unstorable?(key: string, result: Payload, error: unknown): Payload;
  /** The run goes on in another process: what is open here is closed, and nothing more of it is committed. */
  letGo?(runId: string): void;
  /** Must be deterministic in the events it is given. */
  drive(run: EngineRun, input: Payload): Promise<Payload>;
  perform(work: Work, context: { readonly runId: string; readonly signal: AbortSignal }): Promise<Payload>;
}

/** Places at an endpoint that all processes of an engine share. */
export interface FleetPlaces {
  /**
   * Waits for a place, at most `withinMs`.
   * @returns what gives it back; `undefined` when the time was over first
   * @throws the signal's reason when it fires first
   */
  enter(
    endpoint: string,
    limits: Pick<EndpointLimits, "fleetConcurrency" | "fleetRequestsPerMinute">,
    wait: { readonly signal: AbortSignal; readonly withinMs: number },
  ): Promise<(() => void) | undefined>;
}

export interface Engine {
  /** Present on an engine whose runs outlive the process: results of works are stored, and works are journaled. */
  readonly notes?: RunNotes;
  /** Present on an engine that can count what all of its processes send: `limits.fleetConcurrency` and the like. */
  readonly places?: FleetPlaces;
  /** What its store may hold. @default public */
  readonly clearance?: Clearance;
  serve(host: EngineHost): Promise<void>;
  /** A run id starts once; a second start answers `exists` and changes nothing. */
  start(
    runId: string,
    input: Payload,
    options: { readonly graph: string; readonly graphVersion: string },
  ): Promise<"started" | "exists">;
  /** The first value for a key wins. */
  signal(runId: string, key: string, value: Payload): Promise<"accepted" | "already">;
  /** Delivers a `cancel` event, once. */
  cancel(runId: string, reason: Payload): Promise<void>;
  /** What `drive` returned. */
  result(runId: string): Promise<Payload>;
  /** Resolves when no run is left, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Stops at once, without cancelling: other processes go on with the runs. */
  close?(): Promise<void>;
  /** Runs of any process, newest first. */
  find?(query: RunQuery): Promise<readonly RunInfo[]>;
}
