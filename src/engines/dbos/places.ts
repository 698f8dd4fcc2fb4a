import { randomUUID } from "node:crypto";
import { openScope, sleep, untilAborted } from "../../common/abort.ts";
import type { Clock } from "../../common/clock.ts";
import type { FleetPlaces } from "../../runtime/engine.ts";
import type { PlaceTables } from "./place-tables.ts";

type Limits = Parameters<FleetPlaces["enter"]>[1];
type Wait = Parameters<FleetPlaces["enter"]>[2];

interface Around {
  readonly tables: PlaceTables;
  readonly clock: Clock;
  /** How long a place stays taken of a process that is gone, in milliseconds. */
  readonly leaseMs: number;
  /** How often a process looks for a free place at an endpoint where all are taken, in milliseconds. */
  readonly pollMs: number;
}

interface Asked {
  readonly endpoint: string;
  readonly signal: AbortSignal;
  /** On the clock's monotonic scale. */
  readonly byMs: number;
}

/**
 * Limits of endpoints that all processes on a database keep together. A place is a row with a lease: a process that dies
 * leaves it free when the lease is over, and one that is cut off from the database for longer may send beside those who take
 * its place. Places go to whoever asks first when one is free; in one process it is first come, first served.
 */
export class Places implements FleetPlaces {
  readonly #around: Around;
  readonly #held = new Set<string>();
  /** By endpoint, until the last one in this process who waits for a place has it. */
  readonly #turns = new Map<string, Promise<void>>();
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(around: Around) {
    this.#around = around;
  }

  async enter(endpoint: string, limits: Limits, { signal, withinMs }: Wait): Promise<(() => void) | undefined> {
    const { clock } = this.#around;
    const scope = openScope(signal, Math.max(0, withinMs), clock);
    const asked = { endpoint, signal: scope.signal, byMs: clock.nowMs() + withinMs };
    let leave: () => void = () => undefined;
    try {
      if (limits.fleetConcurrency !== undefined) leave = await this.#place(asked, limits.fleetConcurrency);
      // With a place: who waits for one would start all at once when it comes.
      if (await this.#pace(asked, limits.fleetRequestsPerMinute)) return leave;
    } catch (error) {
      leave();
      if (!scope.timedOut()) throw error;
      return undefined;
    } finally {
      scope.release();
    }
    leave();
    return undefined;
  }

  /** Its places are free when their lease is over, or given back by those who hold them. */
  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
  }

  /** One in this process looks for a place at a time: the others wait behind. */
  async #place(asked: Asked, places: number): Promise<() => void> {
    const { endpoint, signal } = asked;
    const turn = Promise.withResolvers<undefined>();
    const before = this.#turns.get(endpoint) ?? Promise.resolve();
    const after = before.then(() => turn.promise);
    this.#turns.set(endpoint, after);
    try {
      await untilAborted(before, signal);
      return await this.#take(asked, places);
    } finally {
      turn.resolve(undefined);
      if (this.#turns.get(endpoint) === after) this.#turns.delete(endpoint);
    }
  }

  async #take({ endpoint, signal }: Asked, places: number): Promise<() => void> {
    const { tables, clock, leaseMs, pollMs } = this.#around;
    const holder = randomUUID();
    for (;;) {
      const taking = tables.take(endpoint, holder, { places, leaseMs });
      try {
        if (await untilAborted(taking, signal)) break;
      } catch (error) {
        // It may be taken after all.
        void taking.then(() => this.#leave(holder), ignore);
        throw error;
      }
      // Not all at the same moment.
      await sleep(pollMs * (0.5 + Math.random()), signal, clock);
    }
    this.#held.add(holder);
    this.#schedule();
    return () => this.#leave(holder);
  }

  /** @returns false when its turn would come too late */
  async #pace({ endpoint, signal, byMs }: Asked, perMinute: number | undefined): Promise<boolean> {
    if (perMinute === undefined) return true;
    const { tables, clock } = this.#around;
    const reserving = tables.reserve(endpoint, { everyMs: 60_000 / perMinute, withinMs: byMs - clock.nowMs() });
    const waitMs = await untilAborted(reserving, signal);
    if (waitMs !== undefined) await sleep(waitMs, signal, clock);
    return waitMs !== undefined;
  }

  #leave(holder: string): void {
    this.#held.delete(holder);
    // Where the database does not answer, its lease ends it.
    this.#around.tables.giveBack(holder).catch(ignore);
  }

  #schedule(): void {
    const { clock, leaseMs } = this.#around;
    if (this.#isClosed || this.#stopTimer !== undefined || this.#held.size === 0) return;
    this.#stopTimer = clock.setTimer(leaseMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { tables, leaseMs } = this.#around;
    try {
      if (this.#held.size > 0) await tables.renew([...this.#held], leaseMs);
    } catch {
      // The engine is closed.
    } finally {
      this.#stopTimer = undefined;
      this.#schedule();
    }
  }
}

const ignore = (): void => undefined;
