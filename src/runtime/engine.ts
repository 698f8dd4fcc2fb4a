/**
 * The port behind which a run's actions are performed and its events committed. The scheduler folds events in commit
 * order and never sees time, promises or processes, so the same loop drives a run in memory and on a durable engine.
 */

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

export interface EngineHost {
  /** Must be deterministic in the events it is given. */
  drive(run: EngineRun, input: Payload): Promise<Payload>;
  perform(work: Work, context: { readonly runId: string; readonly signal: AbortSignal }): Promise<Payload>;
}

export interface Engine {
  serve(host: EngineHost): Promise<void>;
  /** A run id starts once; a second start answers `exists` and changes nothing. */
  start(runId: string, input: Payload, options: { readonly graphVersion: string }): Promise<"started" | "exists">;
  /** The first value for a key wins. */
  signal(runId: string, key: string, value: Payload): Promise<"accepted" | "already">;
  /** Delivers a `cancel` event, once. */
  cancel(runId: string, reason: Payload): Promise<void>;
  /** What `drive` returned. */
  result(runId: string): Promise<Payload>;
  /** Resolves when no run is left, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}
