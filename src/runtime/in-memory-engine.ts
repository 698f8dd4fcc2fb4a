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
    const close = (): void => run.close();
    run.result.then(close, close);
    return Promise.resolve("started");
  }

  signal(runId: string, key: string, value: Payload): Promise<"accepted" | "already"> {
    return Promise.resolve(this.#runs.get(runId)?.signal(key, value) === true ? "accepted" : "already");
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
    const forget = (): void => void this.#runs.delete(runId);
    run.result.then(forget, forget);
    return run.result;
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
  readonly #host: EngineHost;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #timers = new Map<string, () => void>();
  /** Few runs wait for any. */
  #signalled: Set<string> | undefined;
  #waits: Waits | undefined;
  #committed: EngineEvent[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

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

  signal(key: string, value: Payload): boolean {
    this.#signalled ??= new Set();
    if (this.#signalled.has(key)) return false;
    this.#signalled.add(key);
    this.#commit("signal", key, value);
    return true;
  }

  cancel(reason: Payload): void {
    if (this.#abort.signal.aborted) return;
    this.#commit("cancel", "", reason);
    this.#abort.abort(reason);
  }

  close(): void {
    this.#closed = true;
    for (const cancelTimer of this.#timers.values()) cancelTimer();
    this.#timers.clear();
  }

  #launch(work: Work): void {
    const context = { runId: this.id, signal: this.#abort.signal };
    this.#host.perform(work, context).then(
      (value) => this.#commit("done", work.key, value),
      (error: unknown) => this.#commit("failed", work.key, error),
    );
  }

  #setTimers(wanted: Waits["timers"]): void {
    for (const [key, cancelTimer] of this.#timers) {
      if (key in wanted) continue;
      cancelTimer();
      this.#timers.delete(key);
    }
    for (const [key, atMs] of Object.entries(wanted)) {
      if (this.#timers.has(key)) continue;
      this.#timers.set(
        key,
        this.#clock.setTimer(atMs - this.#clock.epochMs(), () => this.#commit("timer", key, undefined)),
      );
    }
  }

  #commit(type: EngineEvent["type"], key: string, value: Payload): void {
    if (this.#closed) return;
    this.#committed.push({ type, key, value, at: this.#clock.epochMs() });
    this.#wake?.();
    this.#wake = undefined;
  }
}
