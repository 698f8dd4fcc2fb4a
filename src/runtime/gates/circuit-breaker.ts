import type { Clock } from "../../common/clock.ts";

export type CircuitState = "closed" | "open" | "half-open";

/** Failures in a row, over all runs, that open it. */
const threshold = 5;
/** How long nobody asks; afterwards one request finds out. */
const openMs = 10_000;

/** A request that was let through; say how it went, once. */
export interface Passage {
  /** @param verdict what the request showed of the endpoint; `unknown` where it showed nothing */
  end(verdict: "healthy" | "unhealthy" | "unknown"): void;
}

/** Leaves an endpoint alone that failed several times in a row. Only the probe of a half-open circuit closes it again. */
export class CircuitBreaker {
  readonly #clock: Clock;
  #failures = 0;
  /** On the clock's monotonic scale; `undefined` while it is closed. */
  #openUntilMs: number | undefined;
  #probe: Passage | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get state(): CircuitState {
    if (this.#openUntilMs === undefined) return "closed";
    return this.opensInMs > 0 ? "open" : "half-open";
  }

  /** Until a probe may pass; 0 when it may, or when the circuit is closed. */
  get opensInMs(): number {
    return Math.max(0, (this.#openUntilMs ?? 0) - this.#clock.nowMs());
  }

  /** True where `pass` would let nobody through. */
  get refuses(): boolean {
    return this.#openUntilMs !== undefined && (this.opensInMs > 0 || this.#probe !== undefined);
  }

  /** @returns `undefined` while it is open, and for all but one when it is half open */
  pass(): Passage | undefined {
    if (this.refuses) return undefined;
    const isProbe = this.#openUntilMs !== undefined;
    const passage: Passage = { end: (verdict) => (isProbe ? this.#probed(verdict) : this.#ended(verdict)) };
    if (isProbe) this.#probe = passage;
    return passage;
  }

  #ended(verdict: "healthy" | "unhealthy" | "unknown"): void {
    // What was sent before it opened says nothing about now.
    if (verdict === "unknown" || this.#openUntilMs !== undefined) return;
    this.#failures = verdict === "healthy" ? 0 : this.#failures + 1;
    if (this.#failures >= threshold) this.#openUntilMs = this.#clock.nowMs() + openMs;
  }

  #probed(verdict: "healthy" | "unhealthy" | "unknown"): void {
    this.#probe = undefined;
    if (verdict === "unhealthy") this.#openUntilMs = this.#clock.nowMs() + openMs;
    if (verdict !== "healthy") return;
    this.#failures = 0;
    this.#openUntilMs = undefined;
  }
}
