/**
 * What stands between all runs of a runtime and one endpoint: how many requests at once, a pause that its server asked for,
 * and a circuit that opens when it fails again and again. It only ever says no or later: it adds no endpoint anywhere, so
 * privacy does not depend on it.
 * @module
 */
import type { Endpoint } from "../../catalog/endpoint.ts";
import type { Clock } from "../../common/clock.ts";
import { ProviderError } from "../../errors.ts";
import { CircuitBreaker, type CircuitState, type Passage } from "./circuit-breaker.ts";
import type { FleetPlaces } from "../engine.ts";
import { isOutage } from "../model-call/failure-kinds.ts";
import { RequestQueue } from "./request-queue.ts";
import { SharedPause } from "./shared-pause.ts";

/** Where a server says 429 and not for how long. */
const unhintedPauseMs = 1_000;

/** What became of a request: an answer (good or bad), a failure, or nothing that could be told of it. */
export type Outcome = "answered" | ProviderError | undefined;

/** Leave to send one request. Give it back, whatever happened. */
export interface Place {
  leave(outcome: Outcome): void;
}

export interface GateStatus {
  readonly circuit: CircuitState;
  /** Requests under way. */
  readonly running: number;
  /** Calls that wait for their turn or for a pause to end. */
  readonly waiting: number;
  /** Milliseconds since the Unix epoch; `undefined` when it is not paused. */
  readonly pausedUntilMs: number | undefined;
}

interface Around {
  readonly clock: Clock;
  /** Jitter, from 0 to 1. */
  readonly random: () => number;
  readonly fleet?: FleetPlaces | undefined;
}

export class EndpointGate {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #queue: RequestQueue;
  readonly #pause: SharedPause;
  readonly #breaker: CircuitBreaker;
  /** Where the endpoint has limits for all processes together. */
  readonly #fleet: FleetPlaces | undefined;
  /** Inside the queue, waiting for the pause. */
  #resting = 0;

  constructor(endpoint: Endpoint, { clock, random, fleet }: Around) {
    const { fleetConcurrency, fleetRequestsPerMinute } = endpoint.limits;
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#fleet = fleetConcurrency === undefined && fleetRequestsPerMinute === undefined ? undefined : fleet;
    this.#queue = new RequestQueue(endpoint.limits, clock);
    this.#pause = new SharedPause(clock, random);
    this.#breaker = new CircuitBreaker(clock);
  }

  get status(): GateStatus {
    const { leftMs } = this.#pause;
    return {
      circuit: this.#breaker.state,
      running: this.#queue.inside - this.#resting,
      waiting: this.#queue.waiting + this.#resting,
      pausedUntilMs: leftMs === 0 ? undefined : this.#clock.epochMs() + leftMs,
    };
  }

  /** Why somebody who can wait for `withinMs` would wait in vain, as far as that is known now. */
  refusal(withinMs: number): ProviderError | undefined {
    if (this.#breaker.refuses) return this.#circuitOpen();
    return this.#pause.outlasts(withinMs) ? this.#paused() : undefined;
  }

  /**
   * Waits for a place, at most `withinMs`.
   * @returns the place, or why there is none: `BACKPRESSURE` or `CIRCUIT_OPEN`
   * @throws the signal's reason when it fires first
   */
  async enter(signal: AbortSignal, withinMs: number): Promise<Place | ProviderError> {
    const byMs = this.#clock.nowMs() + withinMs;
    const refusal = this.refusal(withinMs);
    if (refusal !== undefined) return refusal;
    if (this.#queue.isFull) return this.#crowded(`${this.#endpoint.limits.queue} calls wait already (limits.queue)`);
    const leave = await this.#queue.enter(signal, withinMs);
    if (leave === undefined)
      return this.#crowded("its turn did not come in the time that the step and the run have left");
    let place: Place | ProviderError | undefined;
    try {
      place = await this.#start(signal, { byMs, leave });
      return place;
    } finally {
      if (place === undefined || place instanceof ProviderError) leave();
    }
  }

  async #start(
    signal: AbortSignal,
    { byMs, leave }: { byMs: number; leave: () => void },
  ): Promise<Place | ProviderError> {
    let leaveFleet: (() => void) | undefined = nothingToLeave;
    this.#resting += 1;
    try {
      if (!(await this.#pause.over(signal, byMs - this.#clock.nowMs()))) return this.#paused();
      if (this.#fleet !== undefined) {
        const { name, limits } = this.#endpoint;
        leaveFleet = await this.#fleet.enter(name, limits, { signal, withinMs: byMs - this.#clock.nowMs() });
        if (leaveFleet === undefined) return this.#fleetCrowded();
      }
    } finally {
      this.#resting -= 1;
    }
    const passage = this.#breaker.pass();
    if (passage === undefined) {
      leaveFleet();
      return this.#circuitOpen();
    }
    return this.#placeOf(passage, () => {
      leaveFleet();
      leave();
    });
  }

  #placeOf(passage: Passage, leave: () => void): Place {
    return {
      leave: (outcome) => {
        passage.end(verdictOf(outcome));
        if (outcome instanceof ProviderError) this.#heed(outcome);
        leave();
      },
    };
  }

  #heed({ retryable, status, retryAfterMs }: ProviderError): void {
    if (!retryable) return;
    const pauseMs = retryAfterMs ?? (status === 429 ? unhintedPauseMs : undefined);
    if (pauseMs !== undefined) this.#pause.begin(pauseMs);
  }

  #crowded(why: string): ProviderError {
    const { concurrency } = this.#endpoint.limits;
    const message = `endpoint "${this.#endpoint.name}" takes ${concurrency} requests at once (limits.concurrency): ${why}. Start fewer runs at a time, raise the limits if its server can take more, or add an endpoint`;
    return new ProviderError(message, { code: "BACKPRESSURE", retryable: true, errorType: "backpressure" });
  }

  #fleetCrowded(): ProviderError {
    const { fleetConcurrency = "any number of", fleetRequestsPerMinute = "any number" } = this.#endpoint.limits;
    const message = `endpoint "${this.#endpoint.name}" takes ${fleetConcurrency} requests at once (limits.fleetConcurrency) and ${fleetRequestsPerMinute} a minute (limits.fleetRequestsPerMinute) from all processes together: its turn did not come in the time that the step and the run have left. Start fewer runs at a time, raise the limits if its server can take more, or add an endpoint`;
    return new ProviderError(message, { code: "BACKPRESSURE", retryable: true, errorType: "backpressure" });
  }

  #paused(): ProviderError {
    const { leftMs } = this.#pause;
    const message = `endpoint "${this.#endpoint.name}": its server asked for a pause (Retry-After) of which ${Math.ceil(leftMs)} ms are left, longer than this call can wait`;
    const options = { retryable: true, errorType: "rate_limited", retryAfterMs: leftMs };
    return new ProviderError(message, { code: "BACKPRESSURE", ...options });
  }

  #circuitOpen(): ProviderError {
    const { opensInMs } = this.#breaker;
    const when = opensInMs > 0 ? `it is tried again in ${Math.ceil(opensInMs)} ms` : "one request is trying it now";
    const message = `endpoint "${this.#endpoint.name}" failed several times in a row and is left alone (its circuit is ${this.#breaker.state}); ${when}`;
    const options = { retryable: true, errorType: "circuit_open", retryAfterMs: opensInMs };
    return new ProviderError(message, { code: "CIRCUIT_OPEN", ...options });
  }
}

const nothingToLeave = (): void => undefined;

/** A server that answers with an error of the caller's is there. */
function verdictOf(outcome: Outcome): "healthy" | "unhealthy" | "unknown" {
  if (outcome === undefined) return "unknown";
  if (outcome === "answered") return "healthy";
  if (isOutage(outcome)) return "unhealthy";
  return outcome.status === undefined ? "unknown" : "healthy";
}
