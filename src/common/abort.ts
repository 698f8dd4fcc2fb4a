import type { Clock } from "./clock.ts";

/** A signal that follows `parent` and also fires after `timeoutMs`. Call `release` in `finally`: it frees both. */
export interface Scope {
  readonly signal: AbortSignal;
  /** True when it was the timer, not the parent, that fired. */
  timedOut(): boolean;
  /** Waits for what is no part of the work: until it settles, the timer stands still. One wait at a time. */
  excluding<T>(wait: Promise<T>): Promise<T>;
  release(): void;
}

export function openScope(parent: AbortSignal, timeoutMs: number, clock: Clock): Scope {
  const controller = new AbortController();
  let timedOut = false;
  const follow = (): void => controller.abort(parent.reason);
  const fire = (): void => {
    timedOut = true;
    controller.abort(new DOMException("timed out", "TimeoutError"));
  };
  const dueMs = clock.nowMs() + timeoutMs;
  let excludedMs = 0;
  let released = false;
  let cancelTimer = clock.setTimer(timeoutMs, fire);
  if (parent.aborted) follow();
  else parent.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    async excluding(wait) {
      const sinceMs = clock.nowMs();
      cancelTimer();
      try {
        return await untilAborted(wait, controller.signal);
      } finally {
        const nowMs = clock.nowMs();
        excludedMs += nowMs - sinceMs;
        if (!released) cancelTimer = clock.setTimer(dueMs + excludedMs - nowMs, fire);
      }
    },
    release() {
      released = true;
      cancelTimer();
      parent.removeEventListener("abort", follow);
    },
  };
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
