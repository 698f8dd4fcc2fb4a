import { EventEmitter } from "eventemitter3";
import type { Clock } from "../common/clock.ts";
import type { NewEvent, RunEvent } from "../events/event.ts";

/** How far an attached iterator may lag behind before the run waits for it. */
const highWater = 256;

interface Reader {
  readonly buffer: RunEvent[];
  /** Reads that wait for an event; usually one, but reads may overlap. */
  readonly waiting: (() => void)[];
  done: boolean;
}

/**
 * The events of one run: listeners are called at once, iterators pull. Events that nobody reads are not kept; only an
 * attached iterator slows the run down.
 */
export class RunEvents {
  readonly #emitter = new EventEmitter();
  #readers: readonly Reader[] = [];
  readonly #runId: string;
  readonly #clock: Clock;
  #ended = false;
  #unblocked = false;
  /** Who waits for a reader: the driver, and every answer that is being streamed. */
  readonly #resume: (() => void)[] = [];

  constructor(runId: string, clock: Clock) {
    this.#runId = runId;
    this.#clock = clock;
  }

  /** After `run-end` nothing is told: an engine that failed may have left the run going on. */
  emit(event: NewEvent): void {
    if (this.#ended) return;
    // Events that nobody reads cost nothing but this question.
    const isHeard =
      this.#readers.length > 0 || this.#emitter.listenerCount(event.type) + this.#emitter.listenerCount("*") > 0;
    if (isHeard) this.#deliver(event);
    if (event.type === "run-end") this.#end();
  }

  #deliver(event: NewEvent): void {
    const complete = Object.freeze({ ...event, runId: this.#runId, atMs: this.#clock.epochMs() }) as RunEvent;
    for (const reader of this.#readers) push(reader, complete);
    for (const name of [complete.type, "*"]) {
      for (const listener of this.#emitter.listeners(name)) callSafely(listener as (event: RunEvent) => void, complete);
    }
  }

  /** @param type an event's type, or `*` for all */
  on(type: string, listener: (event: RunEvent) => void): () => void {
    this.#emitter.on(type, listener);
    return () => void this.#emitter.off(type, listener);
  }

  /** Resolves when no attached iterator lags too far behind; `undefined` when none does already. */
  drained(): Promise<void> | undefined {
    return this.#lags() ? new Promise((resolve) => this.#resume.push(resolve)) : undefined;
  }

  /** From here on nobody is waited for: the run is cancelled or out of time. */
  unblock(): void {
    this.#unblocked = true;
    this.#release();
  }

  #lags(): boolean {
    if (this.#unblocked) return false;
    for (const reader of this.#readers) if (reader.buffer.length >= highWater) return true;
    return false;
  }

  iterate(): AsyncIterableIterator<RunEvent> {
    const reader: Reader = { buffer: [], waiting: [], done: this.#ended };
    if (!this.#ended) this.#readers = [...this.#readers, reader];
    const detach = (): Promise<IteratorResult<RunEvent>> => {
      reader.done = true;
      reader.buffer.length = 0;
      this.#readers = this.#readers.filter((other) => other !== reader);
      wake(reader);
      this.#release();
      return Promise.resolve({ done: true, value: undefined });
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => {
        while (reader.buffer.length === 0 && !reader.done)
          await new Promise<void>((resolve) => reader.waiting.push(resolve));
        const value = reader.buffer.shift();
        this.#release();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: detach,
    };
  }

  #end(): void {
    this.#ended = true;
    for (const reader of this.#readers) {
      reader.done = true;
      wake(reader);
    }
    this.#readers = [];
  }

  #release(): void {
    if (this.#resume.length === 0 || this.#lags()) return;
    for (const resume of this.#resume.splice(0)) resume();
  }
}

function push(reader: Reader, event: RunEvent): void {
  reader.buffer.push(event);
  wake(reader);
}

function wake(reader: Reader): void {
  for (const resume of reader.waiting.splice(0)) resume();
}

/** A listener that throws must not break the run; its error still reaches the process as uncaught. */
function callSafely(listener: (event: RunEvent) => void, event: RunEvent): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
