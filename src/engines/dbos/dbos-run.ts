import { AsyncLocalStorage } from "node:async_hooks";
import { DBOS } from "@dbos-inc/dbos-sdk";
import type { Clock } from "../../common/clock.ts";
import { TierwiseError } from "../../errors.ts";
import type { EngineEvent, EngineHost, EngineRun, Payload, Waits, Work } from "../../runtime/engine.ts";
import { decode, encode } from "../codec.ts";
import type { SealedLog } from "../seal.ts";

export interface RunSetting {
  readonly host: EngineHost;
  readonly log: SealedLog;
  readonly clock: Clock;
  readonly maxRowBytes: number;
  /** Throws when the run may be another process's by now. Called in the context of the workflow. */
  readonly assertOwner: (runId: string) => Promise<void>;
}

const never = new Promise<never>(() => undefined);

/** Code of the user runs as it would anywhere: not inside a step of DBOS. */
export const outside = AsyncLocalStorage.snapshot();

/**
 * A run while this process drives it: one workflow, whose only step is "the next events". The step's body starts what is
 * due, waits for the first that is back and returns all that are; its row is the commit. So the order in which works come
 * back is data, and a replay folds the same batches without running a body.
 */
export class DbosRun implements EngineRun {
  readonly id: string;
  readonly #setting: RunSetting;
  /** Enters the workflow's context, where DBOS knows whose run it is. */
  readonly inWorkflow = AsyncLocalStorage.snapshot();
  /** Wanted, and not back: as the rows say, whoever started them. */
  readonly #pending = new Map<string, Work>();
  /** Started by this process. */
  readonly #launched = new Set<string>();
  readonly #abort = new AbortController();
  readonly #timers = new Map<string, () => void>();
  readonly #delivered = new Set<string>();
  #waits: Waits = { signals: [], timers: {} };
  #ready: EngineEvent[] = [];
  #wake = (): void => undefined;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  #onFail: (error: unknown) => void = () => undefined;

  constructor(id: string, setting: RunSetting) {
    this.id = id;
    this.#setting = setting;
  }

  async advance(due: readonly Work[], waits: Waits): Promise<readonly EngineEvent[]> {
    for (const work of due) this.#pending.set(work.key, work);
    this.#waits = waits;
    const row = await this.#unlessFailed(() => DBOS.runStep(() => this.#nextEvents(), { name: "events" }));
    const events = decode(this.#setting.log.open(row)) as EngineEvent[];
    for (const { type, key, value } of events) {
      if (type === "signal") this.#delivered.add(key);
      if (type === "cancel") {
        this.#delivered.add(cancelKey);
        this.#abort.abort(value);
      }
      this.#pending.delete(key);
      this.#launched.delete(key);
    }
    return events;
  }

  /** A signal for this run was stored, by whomever. Told again, it is the same. */
  deliver(key: string, value: Payload): void {
    if (this.#delivered.has(key)) return;
    this.#delivered.add(key);
    this.#add(key === cancelKey ? { type: "cancel", key: "", value } : { type: "signal", key, value });
  }

  /** What was stored for it cannot be used: `advance` throws, and nothing is committed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#onFail(error);
  }

  /** Nothing more is started or committed here. */
  close(): void {
    this.#isClosed = true;
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
    this.#abort.abort(new TierwiseError("INTERNAL", `run ${this.id} is no longer driven by this process`));
  }

  async #unlessFailed(next: () => Promise<string>): Promise<string> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const failed = new Promise<never>((_resolve, reject) => (this.#onFail = reject));
    return Promise.race([next(), failed]);
  }

  /** The body of the step. What it returns is committed; what it throws would be, too, so it throws for a lost run only. */
  async #nextEvents(): Promise<string> {
    await this.#setting.assertOwner(this.id);
    // Of a run that is cancelled, the driver says what to do with what is left.
    const isCancelled = this.#ready.some(({ type }) => type === "cancel");
    if (!isCancelled) for (const work of this.#pending.values()) this.#launch(work);
    this.#setTimers();
    if (this.#ready.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    // What comes back in the same turn is committed in the same row.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure !== undefined) await never;
    return this.#setting.log.close(`[${this.#takeReady().join(",")}]`);
  }

  /** As many as one row holds; the others come with the next. */
  #takeReady(): readonly string[] {
    const texts: string[] = [];
    let bytes = 0;
    for (const event of this.#ready) {
      const text = this.#encoded(event);
      bytes += Buffer.byteLength(text, "utf8");
      if (texts.length > 0 && bytes > this.#setting.maxRowBytes) break;
      texts.push(text);
    }
    this.#ready = this.#ready.slice(texts.length);
    return texts;
  }

  #launch(work: Work): void {
    if (this.#launched.has(work.key)) return;
    this.#launched.add(work.key);
    const context = { runId: this.id, signal: this.#abort.signal };
    void outside(async () => {
      try {
        this.#add({ type: "done", key: work.key, value: await this.#setting.host.perform(work, context) });
      } catch (error) {
        this.#add({ type: "failed", key: work.key, value: error });
      }
    });
  }

  /** Never throws: what the step's body throws would be its result for ever. */
  #encoded(event: EngineEvent): string {
    const options = { maxBytes: this.#setting.maxRowBytes };
    const { type, key, value, at } = event;
    try {
      return encode(event, options);
    } catch (error) {
      try {
        if (type !== "done") throw error;
        return encode({ ...event, value: this.#setting.host.unstorable?.(key, value, error) }, options);
      } catch {
        return encode({ type: type === "done" ? "failed" : type, key, value: plainError(error), at }, options);
      }
    }
  }

  #setTimers(): void {
    const { clock } = this.#setting;
    const wanted = this.#waits.timers;
    for (const [key, stop] of this.#timers) {
      if (key in wanted) continue;
      stop();
      this.#timers.delete(key);
    }
    for (const [key, atMs] of Object.entries(wanted)) {
      if (this.#timers.has(key)) continue;
      const fire = (): void => this.#add({ type: "timer", key, value: undefined });
      this.#timers.set(key, clock.setTimer(atMs - clock.epochMs(), fire));
    }
  }

  #add(event: Omit<EngineEvent, "at">): void {
    if (this.#isClosed) return;
    this.#ready.push({ ...event, at: this.#setting.clock.epochMs() });
    this.#wake();
  }
}

/** What is left of something of which not even the books can be stored. */
function plainError(error: unknown): TierwiseError {
  return TierwiseError.isInstance(error)
    ? error
    : new TierwiseError("UNSERIALIZABLE", "what came back cannot be stored");
}

/** Key of the signal that cancels a run. */
export const cancelKey = "cancel";
