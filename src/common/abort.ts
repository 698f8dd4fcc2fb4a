import type { Clock } from "./clock.ts";

/** A signal that follows `parent` and also fires after `timeoutMs`. Call `release` in `finally`: it frees both. */
export interface Scope {
  readonly signal: AbortSignal;
  /** Settles as `work` does, or rejects with the signal's reason as soon as it fires. One wait at a time. */
  until<T>(work: PromiseLike<T>): Promise<T>;
  /** True when it was the timer, not the parent, that fired. */
  timedOut(): boolean;
  /** Waits for what is no part of the work: until it settles, the timer stands still. One wait at a time. */
  excluding<T>(wait: Promise<T>): Promise<T>;
  release(): void;
}

export function openScope(parent: AbortSignal, timeoutMs: number, clock: Clock): Scope {
  return new TimedScope(parent, timeoutMs, clock);
}

class TimedScope implements Scope {
  readonly #parent: AbortSignal;
  readonly #clock: Clock;
  /** Made when somebody asks for the signal. */
  #controller: AbortController | undefined;
  /** Why it fired. */
  #fired: { readonly reason: unknown } | undefined;
  /** Of who waits. */
  #reject: ((reason: unknown) => void) | undefined;
  #dueMs: number;
  #timedOut = false;
  #released = false;
  #cancelTimer: () => void;

  constructor(parent: AbortSignal, timeoutMs: number, clock: Clock) {
    this.#parent = parent;
    this.#clock = clock;
    this.#dueMs = clock.nowMs() + timeoutMs;
    this.#cancelTimer = clock.setTimer(timeoutMs, () => this.#fire());
    if (parent.aborted) this.handleEvent();
    else parent.addEventListener("abort", this, { once: true });
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired !== undefined) this.#controller.abort(this.#fired.reason);
    }
    return this.#controller.signal;
  }

  /** Of the parent: it is its listener. */
  handleEvent(): void {
    this.#abort(this.#parent.reason);
  }

  until<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#fired !== undefined) this.#reject(this.#fired.reason);
      work.then(resolve, reject);
    });
  }

  timedOut(): boolean {
    return this.#timedOut;
  }

  async excluding<T>(wait: Promise<T>): Promise<T> {
    const sinceMs = this.#clock.nowMs();
    this.#cancelTimer();
    try {
      return await untilAborted(wait, this.signal);
    } finally {
      const nowMs = this.#clock.nowMs();
      this.#dueMs += nowMs - sinceMs;
      if (!this.#released) this.#cancelTimer = this.#clock.setTimer(this.#dueMs - nowMs, () => this.#fire());
    }
  }

  release(): void {
    this.#released = true;
    this.#cancelTimer();
    this.#parent.removeEventListener("abort", this);
  }

  #fire(): void {
    this.#timedOut = true;
    this.#abort(new DOMException("timed out", "TimeoutError"));
  }

  #abort(reason: unknown): void {
    if (this.#fired !== undefined) return;
    this.#fired = { reason };
    this.#controller?.abort(reason);
    this.#reject?.(reason);
  }
}

/** Resolves after `delayMs`. @throws the signal's reason as soon as it fires; neither way leaves a timer or listener behind */
export function sleep(delayMs: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const stop = (): void => {
      cancelTimer();
      reject(signal.reason as Error);
    };
    const cancelTimer = clock.setTimer(delayMs, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Settles as `work` does, or rejects with the signal's reason as soon as it fires, even if `work` ignores the signal.
 * A late rejection of `work` is swallowed: nobody is left to hear it.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    const release = (): void => signal.removeEventListener("abort", stop);
    work.then(resolve, reject);
    work.then(release, release);
  });
}
