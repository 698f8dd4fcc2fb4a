import type { Clock } from "../common/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Time that moves only when told: tests of deadlines and timeouts wait for nothing. */
export class SimulatedClock implements Clock {
  #nowMs: number;
  readonly #startedAtMs: number;
  readonly #timers = new Set<Timer>();

  /** @param startedAtMs epoch milliseconds at which it starts @default 0 */
  constructor(startedAtMs = 0) {
    this.#startedAtMs = startedAtMs;
    this.#nowMs = 0;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#startedAtMs + this.#nowMs;
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on and fires what falls due, in order, letting promises settle in between. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#nextUntil(endMs); next !== undefined; next = this.#nextUntil(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.fire();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #nextUntil(endMs: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.atMs <= endMs);
    return due.sort((a, b) => a.atMs - b.atMs)[0];
  }
}

/** One turn of the event loop: every promise that can settle has settled. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
