import {
  capOn,
  capsDimension,
  charged,
  exceeded,
  nothing,
  reached,
  Sum,
  type Amounts,
  type BudgetBound,
  type Caps,
  type Dimension,
} from "./amounts.ts";

/** What is set aside for one call. Settle it exactly once. */
export interface Reservation {
  readonly amounts: Amounts;
}

interface Waiting {
  readonly budget: Budget;
  readonly amounts: Amounts;
  readonly end: (answer: Reservation | BudgetBound) => void;
}

/** Who waits in a run, and for what. */
interface Line {
  /** In the order in which they came. */
  readonly queue: Set<Waiting>;
  /** Budgets that had no room for somebody in the queue. */
  readonly awaited: Set<Budget>;
  /** What is set aside and not settled. */
  readonly open: Set<Reservation>;
}

/** Whose budget it is: the run's own, or that of a step inside another. */
interface Place {
  readonly step: string;
  readonly outer: Budget;
}

/**
 * Hard caps on money, tokens and calls: in each, `settled + reserved <= cap` at every instant, because the worst case is
 * reserved before a call and settled after. Only a call that takes more than its worst case, which is a provider that
 * ignored its limit, can break it; `overshoot` then says by how much.
 *
 * A budget stands inside another: what is taken from a step is taken from the steps around it and from the run, all or
 * nothing. All budgets of a run have one queue. Whoever does not fit waits there, and nobody who comes later takes from a
 * budget that is waited for; so nobody starves, and nobody holds one budget while waiting for another.
 */
export class Budget {
  readonly caps: Caps;
  readonly #place: Place | undefined;
  readonly #settled = new Sum();
  readonly #reserved = new Sum();
  /** This budget and those around it, the run's last. */
  readonly #chain: readonly Budget[];
  /** Of the whole run, with its own budget; made for the first call. */
  #ownLine: Line | undefined;

  constructor(caps: Caps, place?: Place) {
    this.caps = caps;
    this.#place = place;
    this.#chain = place === undefined ? [this] : [this, ...place.outer.#chain];
  }

  get #line(): Line {
    const run = this.#chain.at(-1)!;
    run.#ownLine ??= { queue: new Set(), awaited: new Set(), open: new Set() };
    return run.#ownLine;
  }

  get settled(): Amounts {
    return this.#settled.copy();
  }

  get reserved(): Amounts {
    return this.#reserved.copy();
  }

  /** By how much calls that took more than their worst case went above the caps. */
  get overshoot(): Amounts {
    const { picoUsd, tokens } = this.#settled;
    const { picoUsd: capPico = picoUsd, tokens: capTokens = tokens } = this.caps;
    return { picoUsd: picoUsd > capPico ? picoUsd - capPico : 0n, tokens: Math.max(0, tokens - capTokens), calls: 0 };
  }

  /** Caps of this and the budgets around it of which so many percent are settled or reserved. */
  near(percent: number): BudgetBound[] {
    return this.#chain.flatMap((budget) =>
      reached(budget.caps, percent, [budget.#settled, budget.#reserved]).map((dimension) => budget.#bound(dimension)),
    );
  }

  /** The innermost of this and the budgets around it that caps the dimension. */
  boundOn(dimension: Dimension): BudgetBound | undefined {
    const bounding = this.#chain.find(({ caps }) => capsDimension(caps, dimension));
    return bounding === undefined ? undefined : bounding.#bound(dimension);
  }

  /**
   * Sets the amounts aside, here and in every budget around. While they do not fit it waits, first come first served, for
   * running calls to settle.
   * @returns which budget is in the way when the amounts would not fit even if all that runs cost nothing
   * @throws the signal's reason when it fires first
   */
  reserve(amounts: Amounts, signal: AbortSignal): Reservation | BudgetBound | Promise<Reservation | BudgetBound> {
    signal.throwIfAborted();
    const refused = this.#refusal(amounts);
    if (refused !== undefined) return refused;
    if (!this.#isAwaited() && this.#hasRoom(amounts)) return this.#take(amounts);
    return this.#wait(amounts, signal);
  }

  /** Ends a reservation with what the call really took. A second time is ignored. */
  settle(reservation: Reservation, taken: Amounts): void {
    if (!this.#line.open.delete(reservation)) return;
    const charge = charged(taken);
    for (const budget of this.#chain) {
      budget.#reserved.subtract(reservation.amounts);
      budget.#settled.add(charge);
    }
    this.#serve();
  }

  /** Books what was taken without a reservation here: by a process that is gone. */
  charge(taken: Amounts): void {
    const amounts = charged(taken);
    for (const budget of this.#chain) budget.#settled.add(amounts);
    this.#serve();
  }

  /** What is settled stays settled: who does not fit beside it never will. */
  #refusal(amounts: Amounts): BudgetBound | undefined {
    for (const budget of this.#chain) {
      const dimension = exceeded(budget.caps, amounts, [budget.#settled, nothing]);
      if (dimension !== undefined) return budget.#bound(dimension);
    }
    return undefined;
  }

  #bound(dimension: Dimension): BudgetBound {
    const place = this.#place;
    const bound = { dimension, limit: capOn(this.caps, dimension) };
    return place === undefined ? { scope: "run", ...bound } : { scope: "step", ...bound, step: place.step };
  }

  /** Whether somebody who came before waits for a budget that is needed here. */
  #isAwaited(): boolean {
    const { awaited } = this.#line;
    return awaited.size > 0 && this.#chain.some((budget) => awaited.has(budget));
  }

  /** Whether there is room now; every budget that has none is waited for from now on. */
  #hasRoom(amounts: Amounts): boolean {
    let hasRoom = true;
    for (const budget of this.#chain) {
      if (exceeded(budget.caps, amounts, [budget.#settled, budget.#reserved]) === undefined) continue;
      this.#line.awaited.add(budget);
      hasRoom = false;
    }
    return hasRoom;
  }

  #take(amounts: Amounts): Reservation {
    const reservation = Object.freeze({ amounts });
    this.#line.open.add(reservation);
    for (const budget of this.#chain) budget.#reserved.add(amounts);
    return reservation;
  }

  #wait(amounts: Amounts, signal: AbortSignal): Promise<Reservation | BudgetBound> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#line.queue.delete(waiting);
        reject(signal.reason as Error);
        this.#serve();
      };
      const waiting: Waiting = {
        budget: this,
        amounts,
        end(answer) {
          signal.removeEventListener("abort", stop);
          resolve(answer);
        },
      };
      this.#line.queue.add(waiting);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  /**
   * Goes through the queue from its head. Whoever stays has a budget in the way in which something runs, and when that
   * settles the queue is gone through again: nobody waits for ever.
   */
  #serve(): void {
    const { queue, awaited } = this.#line;
    awaited.clear();
    for (const waiting of queue) {
      const { budget, amounts } = waiting;
      if (budget.#isAwaited()) continue;
      const refused = budget.#refusal(amounts);
      if (refused === undefined && !budget.#hasRoom(amounts)) {
        // The run's budget is everybody's.
        if (awaited.has(budget.#chain.at(-1)!)) return;
        continue;
      }
      queue.delete(waiting);
      waiting.end(refused ?? budget.#take(amounts));
    }
  }
}
