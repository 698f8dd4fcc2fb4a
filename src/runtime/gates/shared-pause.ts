import { sleep } from "../../common/abort.ts";
import type { Clock } from "../../common/clock.ts";

/** Nobody waits longer than this for a pause to end: somebody else is asked instead. */
export const longestWaitMs = 30_000;
/** A server that asks for more is asked again after this: the number may be a mistake. */
const longestPauseMs = 15 * 60_000;
/** Over how long those who waited start again. */
const longestSpreadMs = 1_000;

/** A time in which nobody starts a request: one for all runs, so that one `Retry-After` stops them all. */
export class SharedPause {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** On the clock's monotonic scale. */
  #untilMs = -Infinity;
  #spreadMs = 0;

  /** @param random from 0 to 1 */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** 0 when there is none. */
  get leftMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.nowMs());
  }

  /** A pause is never made shorter: two servers behind one name may answer differently. */
  begin(forMs: number): void {
    const pauseMs = Math.min(forMs, longestPauseMs);
    if (pauseMs <= this.leftMs) return;
    this.#untilMs = this.#clock.nowMs() + pauseMs;
    this.#spreadMs = Math.min(pauseMs, longestSpreadMs);
  }

  /** Too long for somebody who can wait so long. */
  outlasts(withinMs: number): boolean {
    return this.leftMs > Math.min(Math.max(0, withinMs), longestWaitMs);
  }

  /**
   * Waits until it is over and a random moment more, also when it is prolonged meanwhile.
   * @returns false as soon as it is known to take longer than `withinMs`
   * @throws the signal's reason when it fires first
   */
  async over(signal: AbortSignal, withinMs: number): Promise<boolean> {
    const byMs = this.#clock.nowMs() + Math.min(withinMs, longestWaitMs);
    while (this.leftMs > 0) {
      const canWaitMs = byMs - this.#clock.nowMs();
      if (this.outlasts(canWaitMs)) return false;
      await sleep(Math.min(this.leftMs + this.#random() * this.#spreadMs, canWaitMs), signal, this.#clock);
    }
    return true;
  }
}
