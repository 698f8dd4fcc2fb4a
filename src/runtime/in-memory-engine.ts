import type { Clock } from "../common/clock.ts";
import { TierwiseError } from "../errors.ts";
import type { Engine, EngineEvent, EngineHost, EngineRun, Payload, Waits, Work } from "./engine.ts";

/** The default engine: runs live in this process and end with it. Values pass by reference. */
export class InMemoryEngine implements Engine {
  readonly #clock: Clock;
  readonly #runs = new Map<string, InMemoryRun>();
  #host: EngineHost | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  serve(host: EngineHost): Promise<void> {
    this.#host = host;
    return Promise.resolve();
  }

  start(runId: string, input: Payload): Promise<"started" | "exists"> {
    const host = this.#host;
    if (host === undefined) throw new TierwiseError("INTERNAL", "the engine was started before it was served");
    if (this.#runs.has(runId)) return Promise.resolve("exists");
    const run = new InMemoryRun(runId, host, this.#clock);
    this.#runs.set(runId, run);
    run.result = host.drive(run, input);
    const close = (): void => this.#close(run);
    run.result.then(close, close);
    return Promise.resolve("started");
  }

  signal(runId: string, key: string, value: Payload): Promise<"accepted" | "already"> {
    return Promise.resolve(this.#runs.get(runId)?.deliver(key, value) === true ? "accepted" : "already");
  }

  cancel(runId: string, reason: Payload): Promise<void> {
    this.#runs.get(runId)?.cancel(reason);
    return Promise.resolve();
  }

  /** A result is kept until it is read, once: a short run may end before anybody asks. */
  result(runId: string): Promise<Payload> {
    const run = this.#runs.get(runId);
    if (run === undefined)
      return Promise.reject(new TierwiseError("INTERNAL", `run ${runId} is not known to this engine`));
    run.isAsked = true;
    if (run.isClosed) this.#runs.delete(runId);
    return run.result;
  }

  #close(run: InMemoryRun): void {
    run.close();
    if (run.isAsked) this.#runs.delete(run.id);
  }

  async drain(timeoutMs: number): Promise<void> {
    let stopTimer = (): void => undefined;
    const timeout = new Promise<void>((resolve) => (stopTimer = this.#clock.setTimer(timeoutMs, resolve)));
    const ended = Promise.allSettled([...this.#runs.values()].map((run) => run.result));
    await Promise.race([ended, timeout]);
    stopTimer();
  }
}

class InMemoryRun implements EngineRun {
  readonly id: string;
  result: Promise<Payload> = Promise.resolve();
  /** Somebody waits for the result. */
  isAsked = false;
  isClosed = false;
  readonly #host: EngineHost;
  readonly #clock: Clock;
  #cancelled: { readonly reason: Payload } | undefined;
  /** Made when a host asks for the signal of its work. */
  #abort: AbortController | undefined;
  /** What cancels each of those that are set. */
  #timers: Readonly<Record<string, () => void>> = {};
  /** Few runs wait for any. */
  #signalled: Set<string> | undefined;
  #waits: Waits | undefined;
  #committed: EngineEvent[] = [];
  #wake: (() => void) | undefined;

  constructor(id: string, host: EngineHost, clock: Clock) {
    this.id = id;
    this.#host = host;
    this.#clock = clock;
  }

  advance(due: readonly Work[], waits: Waits): Promise<readonly EngineEvent[]> {
    for (const work of due) this.#launch(work);
    if (waits !== this.#waits) this.#setTimers(waits.timers);
    this.#waits = waits;
    if (this.#committed.length > 0) return Promise.resolve(this.#take());
    // What is committed together with the first event comes with it.
    return new Promise<void>((resolve) => (this.#wake = resolve)).then(() => this.#take());
  }

  #take(): readonly EngineEvent[] {
    const events = this.#committed;
    this.#committed = [];
    return events;
  }

  deliver(key: string, value: Payload): boolean {
    this.#signalled ??= new Set();
    if (this.#signalled.has(key)) return false;
    this.#signalled.add(key);
    this.#commit("signal", key, value);
    return true;
  }

  get runId(): string {
    return this.id;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cancelled !== undefined) this.#abort.abort(this.#cancelled.reason);
    }
    return this.#abort.signal;
  }

  cancel(reason: Payload): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    this.#commit("cancel", "", reason);
    this.#abort?.abort(reason);
  }

  close(): void {
    this.isClosed = true;
    this.#setTimers({});
  }

  #launch(work: Work): void {
    this.#host.perform(work, this).then(
      (value) => this.#commit("done", work.key, value),
      (error: unknown) => this.#commit("failed", work.key, error),
    );
  }

  #setTimers(wanted: Waits["timers"]): void {
    const set = this.#timers;
    for (const [key, cancelTimer] of Object.entries(set)) if (!Object.hasOwn(wanted, key)) cancelTimer();
    const timerOf = ([key, atMs]: readonly [string, number]): [string, () => void] => {
      const fire = (): void => this.#commit("timer", key, undefined);
      const own = Object.hasOwn(set, key) ? set[key] : undefined;
      return [key, own ?? this.#clock.setTimer(atMs - this.#clock.epochMs(), fire)];
    };
    this.#timers = Object.fromEntries(Object.entries(wanted).map(timerOf));
  }

  #commit(type: EngineEvent["type"], key: string, value: Payload): void {
    if (this.isClosed) return;
    this.#committed.push({ type, key, value, at: this.#clock.epochMs() });
    this.#wake?.();
    this.#wake = undefined;
  }
}
