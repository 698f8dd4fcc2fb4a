import { retriablePostgresException } from "@dbos-inc/dbos-sdk/internal/system_database";
import type { Clock } from "../../common/clock.ts";

const firstDelayMs = 20;
const longestDelayMs = 1_000;

/** What to do while the database does not answer: ask again, until it does or the engine is closed. */
export class Patience {
  readonly #clock: Clock;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Anything may be said twice: an answer may be lost on its way. */
  async ask<T>(work: () => Promise<T>): Promise<T> {
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(2 * delayMs, longestDelayMs)) {
      try {
        return await work();
      } catch (error) {
        if (this.#isClosed || !retriablePostgresException(error)) throw error;
        const waitedMs = delayMs;
        await new Promise<void>((resolve) => void this.#clock.setTimer(waitedMs, resolve));
      }
    }
  }
}
