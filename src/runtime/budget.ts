import type { PicoUsd } from "../catalog/money.ts";

/** Money set aside for one call. Settle it exactly once. */
export interface Reservation {
  readonly amount: PicoUsd;
}

interface Waiting {
  readonly amount: PicoUsd;
  readonly resolve: (reservation: Reservation | undefined) => void;
}

/**
 * A hard cap on money: `settled + reserved <= cap` at every instant, because the worst case is reserved before a call and
 * settled after. Only a call that costs more than its worst case, which is a provider that ignored its limit, can break
 * it; `overshoot` then says by how much.
 */
export class Budget {
  readonly cap: PicoUsd | undefined;
  #settled: PicoUsd = 0n;
  #reserved: PicoUsd = 0n;
  readonly #open = new Set<Reservation>();
  readonly #waiting: Waiting[] = [];

  /** @param cap `undefined` for no cap: everything fits */
  constructor(cap: PicoUsd | undefined) {
    this.cap = cap;
  }

  get settled(): PicoUsd {
    return this.#settled;
  }

  get reserved(): PicoUsd {
    return this.#reserved;
  }

  get overshoot(): PicoUsd {
    return this.cap !== undefined && this.#settled > this.cap ? this.#settled - this.cap : 0n;
  }

  /**
   * Sets the amount aside. While it does not fit it waits, first come first served, for running calls to settle.
   * @returns `undefined` when it does not fit and nothing is left to wait for
   * @throws the signal's reason when it fires first
   */
  async reserve(amount: PicoUsd, signal: AbortSignal): Promise<Reservation | undefined> {
    signal.throwIfAborted();
    if (this.#waiting.length === 0 && this.#fits(amount)) return this.#take(amount);
    if (this.#open.size === 0) return undefined;
    return this.#wait(amount, signal);
  }

  /** Ends a reservation with what the call really cost. A second time is ignored. */
  settle(reservation: Reservation, cost: PicoUsd): void {
    if (!this.#open.delete(reservation)) return;
    this.#reserved -= reservation.amount;
    this.#settled += cost;
    this.#admit();
  }

  #fits(amount: PicoUsd): boolean {
    return this.cap === undefined || this.#settled + this.#reserved + amount <= this.cap;
  }

  #take(amount: PicoUsd): Reservation {
    const reservation = Object.freeze({ amount });
    this.#open.add(reservation);
    this.#reserved += amount;
    return reservation;
  }

  #wait(amount: PicoUsd, signal: AbortSignal): Promise<Reservation | undefined> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.#admit();
      };
      const waiting: Waiting = {
        amount,
        resolve(reservation) {
          signal.removeEventListener("abort", stop);
          resolve(reservation);
        },
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  /** Serves the queue from its head; with nothing running, a head that does not fit never will. */
  #admit(): void {
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      const fits = this.#fits(head.amount);
      if (!fits && this.#open.size > 0) return;
      this.#waiting.shift();
      head.resolve(fits ? this.#take(head.amount) : undefined);
    }
  }
}
