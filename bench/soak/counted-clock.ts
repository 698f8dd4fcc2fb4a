import type { RuntimeOptions } from "tierwise";

type Clock = NonNullable<RuntimeOptions["clock"]>;

/** The machine's clock, and how many of its timers are open. */
export class CountedClock implements Clock {
  readonly #open = new Set<object>();

  get openTimers(): number {
    return this.#open.size;
  }

  nowMs(): number {
    return performance.now();
  }

  epochMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    const timer = setTimeout(() => {
      this.#open.delete(timer);
      fire();
    }, delayMs);
    this.#open.add(timer);
    return () => {
      this.#open.delete(timer);
      clearTimeout(timer);
    };
  }
}
