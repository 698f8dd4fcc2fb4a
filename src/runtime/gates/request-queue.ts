import PQueue from "p-queue";
import type { EndpointLimits } from "../../catalog/endpoint.ts";
import { openScope } from "../../common/abort.ts";
import type { Clock } from "../../common/clock.ts";

/** Who may send at the same time, first come first served, with a bound on how many wait. */
export class RequestQueue {
  readonly #limits: EndpointLimits;
  readonly #clock: Clock;
  readonly #queue: PQueue;
  /** Inside and waiting. p-queue frees a place some microtasks late; a bound must not. */
  #present = 0;

  constructor(limits: EndpointLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#queue = new PQueue({ concurrency: limits.concurrency });
  }

  get isFull(): boolean {
    return this.#present >= this.#limits.concurrency + this.#limits.queue;
  }

  get inside(): number {
    return Math.min(this.#present, this.#limits.concurrency);
  }

  get waiting(): number {
    return this.#present - this.inside;
  }

  /**
   * Waits for a place.
   * @returns what gives it back, once; `undefined` when `withinMs` was over first
   * @throws the signal's reason when it fires first
   */
  async enter(signal: AbortSignal, withinMs: number): Promise<(() => void) | undefined> {
    signal.throwIfAborted();
    const inside = Promise.withResolvers<undefined>();
    const left = Promise.withResolvers<undefined>();
    // Only while it waits: p-queue would give the place of an aborted request away before that request is gone.
    const waits = this.#present >= this.#limits.concurrency;
    const scope = waits ? openScope(signal, Math.max(0, withinMs), this.#clock) : undefined;
    const hold = (): Promise<undefined> => {
      inside.resolve(undefined);
      return left.promise;
    };
    this.#present += 1;
    this.#queue.add(hold, { signal: scope?.signal }).catch(inside.reject);
    try {
      await inside.promise;
    } catch (error) {
      this.#present -= 1;
      if (scope?.timedOut() === true) return undefined;
      throw error;
    } finally {
      scope?.release();
    }
    return () => {
      this.#present -= 1;
      left.resolve(undefined);
    };
  }
}
