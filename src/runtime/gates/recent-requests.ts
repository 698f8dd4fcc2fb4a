import type { Measured } from "../../catalog/candidate.ts";
import type { ObservedAnswers } from "../../policy/facts.ts";

/** The newest count. */
const maxSamples = 100;

/** One request that ended. */
export interface Sample {
  /** On the clock's monotonic scale; it counts up to and including this. */
  readonly validUntilMs: number;
  /** How long the answer took; `undefined` when there was none. */
  readonly answeredMs: number | undefined;
  readonly isRejected: boolean;
}

/** The newest requests, in a ring of fixed size: adding one is a few stores, and only a percentile that is asked for sorts. */
export class RecentRequests {
  readonly #validUntilMs = new Float64Array(maxSamples);
  /** Not a number where there was no answer, and in slots that do not count: those sort last. */
  readonly #answeredMs = new Float64Array(maxSamples).fill(NaN);
  readonly #isRejected = new Uint8Array(maxSamples);
  #oldest = 0;
  #count = 0;
  #answered = 0;
  #rejected = 0;
  #measured: Measured | undefined;

  /** Until when what it says holds if nothing is added. */
  get validUntilMs(): number {
    return this.#count === 0 ? Infinity : this.#validUntilMs[this.#oldest]!;
  }

  add({ validUntilMs, answeredMs, isRejected }: Sample): void {
    if (this.#count === maxSamples) this.#dropOldest();
    const slot = (this.#oldest + this.#count) % maxSamples;
    this.#validUntilMs[slot] = validUntilMs;
    this.#answeredMs[slot] = answeredMs ?? NaN;
    this.#isRejected[slot] = Number(isRejected);
    this.#count += 1;
    this.#answered += Number(answeredMs !== undefined);
    this.#rejected += Number(isRejected);
    this.#measured = undefined;
  }

  /** The same object until a request is added or grows too old. @returns `undefined` when none is left */
  measured(nowMs: number): Measured | undefined {
    this.#dropOlder(nowMs);
    if (this.#count > 0) this.#measured ??= this.#measure();
    return this.#measured;
  }

  /** @returns `undefined` when none is left */
  observed(nowMs: number): ObservedAnswers | undefined {
    this.#dropOlder(nowMs);
    return this.#count === 0 ? undefined : Object.freeze({ answers: this.#answered, rejected: this.#rejected });
  }

  #measure(): Measured {
    // Nearest rank: the smallest duration that at least 95 % of them do not exceed. In whole numbers, as 0.95 is none.
    const rank = Math.ceil((95 * this.#answered) / 100);
    // Rounded up: fractions of a millisecond would only make every decision look new.
    const p95Ms = rank === 0 ? undefined : Math.ceil(this.#answeredMs.toSorted()[rank - 1]!);
    const failureRatio = (this.#count - this.#answered) / this.#count;
    return Object.freeze({ samples: this.#count, answered: this.#answered, p95Ms, failureRatio });
  }

  #dropOlder(nowMs: number): void {
    while (nowMs > this.validUntilMs) this.#dropOldest();
  }

  #dropOldest(): void {
    const slot = this.#oldest;
    this.#answered -= Number(!Number.isNaN(this.#answeredMs[slot]));
    this.#rejected -= this.#isRejected[slot]!;
    this.#answeredMs[slot] = NaN;
    this.#oldest = (slot + 1) % maxSamples;
    this.#count -= 1;
    this.#measured = undefined;
  }
}
