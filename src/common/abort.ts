import type { Clock } from "./clock.ts";

/** A signal that follows `parent` and also fires after `timeoutMs`. Call `release` in `finally`: it frees both. */
export interface Scope {
  readonly signal: AbortSignal;
  /** True when it was the timer, not the parent, that fired. */
  timedOut(): boolean;
  release(): void;
}

export function openScope(parent: AbortSignal, timeoutMs: number, clock: Clock): Scope {
  const controller = new AbortController();
  let timedOut = false;
  const follow = (): void => controller.abort(parent.reason);
  const cancelTimer = clock.setTimer(timeoutMs, () => {
    timedOut = true;
    controller.abort(new DOMException("timed out", "TimeoutError"));
  });
  if (parent.aborted) follow();
  else parent.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    release() {
      cancelTimer();
      parent.removeEventListener("abort", follow);
    },
  };
}

/**
 * Settles as `work` does, or rejects with the signal's reason as soon as it fires, even if `work` ignores the signal.
 * A late rejection of `work` is swallowed: nobody is left to hear it.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener("abort", stop);
    work.catch(() => undefined);
  }
}
