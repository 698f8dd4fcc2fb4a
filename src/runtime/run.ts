import type { Decision } from "../policy/decision.ts";
import type { RunEvent } from "../events/event.ts";
import type { StepBudget } from "../graph/types/steps.ts";
import type { LedgerSnapshot } from "./budget/ledger.ts";

export interface RunResult<O> {
  readonly runId: string;
  /** Of the run span; all zeros without an OpenTelemetry SDK. */
  readonly traceId: string;
  readonly output: O;
  readonly ledger: LedgerSnapshot;
  /** Every decision that was taken, by step, in order; at most 1,000 a step. Steps of graphs inside are `items/triage`. */
  readonly decisions: Readonly<Record<string, readonly Decision[]>>;
}

/** The event of one type. */
export type EventOf<K extends RunEvent["type"]> = Extract<RunEvent, { type: K }>;

/** A run that was admitted. Iterate it for its events, await `result` for its outcome. */
export interface Run<O> extends AsyncIterable<RunEvent> {
  readonly id: string;
  /** Of the run span, also of a run that fails; all zeros without an OpenTelemetry SDK. */
  readonly traceId: string;
  /** Rejects with a `TierwiseError` when the run fails, is cancelled, is denied or runs out of money, tokens, calls or time. */
  readonly result: Promise<RunResult<O>>;
  /** The books as they stand, also after a failure. */
  ledger(): LedgerSnapshot;
  /** Calls `listener` for each event of a type, or for all with `*`. @returns a function that stops it */
  on<K extends RunEvent["type"]>(type: K, listener: (event: EventOf<K>) => void): () => void;
  on(type: "*", listener: (event: RunEvent) => void): () => void;
  /** Starts nothing more, aborts what is under way and rejects `result` with `RunCancelledError`; a second call does nothing. */
  cancel(reason?: unknown): void;
}

/** A run of a durable engine, wherever it runs. */
export interface AttachedRun<O> {
  readonly id: string;
  /** Waits for its end. Rejects as the result of a run does. */
  result(): Promise<RunResult<O>>;
  /** Resolves when the wish is stored; whoever drives the run ends it soon after, in about half a second. */
  cancel(reason?: unknown): Promise<void>;
}

export interface RunOptions {
  /** Hard caps for all calls of the run together, and its deadline. */
  readonly budget?: StepBudget & {
    /** Deadline of the whole run in milliseconds, 1 to 1,728,000,000, which is 20 days. @default 600_000 */
    readonly durationMs?: number;
  };
  /**
   * Facts about the run for rules to read (`facts.tags`), for example `{ tenant: "acme" }`: at most 16 texts. They are not
   * sent to models and not recorded. @default {}
   */
  readonly tags?: Readonly<Record<string, string>>;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Your id for the run, unique in the engine. @default a random UUID */
  readonly runId?: string;
  /**
   * Your id of the conversation that the run is part of, 1 to 128 letters, digits and `_ . : -`. It is recorded on the run's
   * span, so it must tell nobody who it is. @default none
   */
  readonly conversationId?: string;
}

/** What a plan is made for. */
export interface PlanOptions<I> extends Pick<RunOptions, "budget" | "tags"> {
  /** One input, for estimates of the steps that read nothing else and declare no workload. @default none: they say `unknown` */
  readonly sample?: I;
}
