import { randomUUID } from "node:crypto";
import { openScope, sleep, untilAborted } from "../../common/abort.ts";
import type { Clock } from "../../common/clock.ts";
import { TierwiseError } from "../../errors.ts";
import { windowAt, type AccountWindow, type SharedAccount } from "./account-window.ts";
import { capOn, nothing, type Amounts, type BudgetBound, type Dimension } from "./amounts.ts";
import type { BudgetPort, ReserveAnswer } from "./budget-port.ts";
import type { RunEvents } from "../run-events.ts";

export interface SharedSetting {
  readonly accounts: readonly SharedAccount[];
  readonly port: BudgetPort;
  /** How long the port may take to answer. */
  readonly timeoutMs: number;
}

/** The run that draws on the accounts. */
interface Drawing {
  readonly runId: string;
  readonly clock: Clock;
  readonly events: RunEvents;
}

/** One reservation in the accounts of a run. */
export interface SharedReservation {
  readonly id: string;
  readonly step: string;
}

/** How often a settlement is tried, and how long is waited before the second and the third time. */
const retryDelaysMs = [100, 400];

/** After the run's deadline, how long a settlement may still come. */
const lateMs = 600_000;

/**
 * What one run takes from budgets that runs share. Whatever goes wrong with the port, nothing is called that was not
 * reserved, and nothing is given back that may have been spent. No warning comes near a cap, as it does of the run's own: a
 * port answers yes or no, and near the end of a day it would come in every run; whoever keeps the accounts sees all of them.
 */
export class SharedAccounts {
  readonly #setting: SharedSetting;
  readonly #run: Drawing;
  readonly #settling = new Set<Promise<void>>();
  /** A settlement outlives the run that it belongs to. */
  readonly #never = new AbortController().signal;
  #isOver = false;

  constructor(setting: SharedSetting, run: Drawing) {
    this.#setting = setting;
    this.#run = run;
  }

  /** The first account that caps the dimension. */
  boundOn(dimension: Dimension): BudgetBound | undefined {
    const account = this.#setting.accounts.find((one) => one[dimension] !== undefined);
    return account && { scope: "shared", dimension, limit: account[dimension], account: account.name };
  }

  /**
   * Takes the worst case of a call from all accounts, or from none.
   * @param leftMs until the run's deadline
   * @throws {TierwiseError} `BUDGET_UNAVAILABLE` when the port does not answer, or not properly; the signal's reason when it fires
   */
  async reserve(
    step: string,
    amounts: Amounts,
    { signal, leftMs }: { signal: AbortSignal; leftMs: number },
  ): Promise<SharedReservation | BudgetBound> {
    const { port, accounts, timeoutMs } = this.#setting;
    const { runId, clock } = this.#run;
    const atMs = clock.epochMs();
    const windows = accounts.map((account) => windowAt(account, atMs));
    const reservation = { id: `${runId}/${randomUUID()}`, step };
    const request = { id: reservation.id, accounts: windows, amounts, atMs, expiresAtMs: atMs + leftMs + lateMs };
    // A port may also throw before there is a promise.
    const asked = (async () => port.reserve(request))();
    const scope = openScope(signal, timeoutMs, clock);
    try {
      const answer = await untilAborted(asked, scope.signal);
      const bound = boundOf(answer, { windows, atMs });
      if (bound === "none") throw new Error("expected { reserved: true } or { reserved: false, account, dimension }");
      return bound ?? reservation;
    } catch (cause) {
      // It may be reserved all the same. Nothing is called, so nothing is owed, as soon as the port has heard of it.
      void asked.catch(() => undefined).then(() => this.#settlesNow(reservation.id, nothing));
      if (signal.aborted) throw cause;
      throw unavailable(step, scope.timedOut() ? `no answer within ${timeoutMs} ms (timeoutMs)` : "see cause", cause);
    } finally {
      scope.release();
    }
  }

  /** Goes on in the background: no step waits for it. */
  settle(reservation: SharedReservation, taken: Amounts): void {
    const settling = this.#settle(reservation, taken).finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  /**
   * The run is over and tells nothing any more.
   * @param waits for settlements that are under way: each is tried three times, and at most `timeoutMs` each time
   */
  async end(waits: boolean): Promise<void> {
    if (waits) await Promise.all(this.#settling);
    this.#isOver = true;
  }

  async #settle({ id, step }: SharedReservation, amounts: Amounts): Promise<void> {
    for (const delayMs of [0, ...retryDelaysMs]) {
      if (delayMs > 0) await sleep(delayMs, this.#never, this.#run.clock);
      if (await this.#settlesNow(id, amounts)) return;
    }
    if (this.#isOver) return;
    const accounts = this.#setting.accounts.map(({ name }) => name);
    this.#run.events.emit({ type: "settlement-error", step, accounts });
  }

  async #settlesNow(id: string, amounts: Amounts): Promise<boolean> {
    const { port, timeoutMs } = this.#setting;
    const scope = openScope(this.#never, timeoutMs, this.#run.clock);
    try {
      await untilAborted((async () => port.settle({ id, amounts }))(), scope.signal);
      return true;
    } catch {
      return false;
    } finally {
      scope.release();
    }
  }
}

/** @returns `undefined` when it is reserved */
function boundOf(
  answer: ReserveAnswer,
  { windows, atMs }: { windows: readonly AccountWindow[]; atMs: number },
): BudgetBound | "none" | undefined {
  // It comes from somebody else's code.
  const { reserved, account, dimension } = { ...(answer as Partial<Record<string, unknown>> | null) };
  if (reserved === true) return undefined;
  const full = windows.find((window) => window.account === account);
  const isDimension = dimension === "costUsd" || dimension === "tokens" || dimension === "calls";
  if (reserved !== false || full === undefined || !isDimension) return "none";
  const { caps, endsAtMs } = full;
  const wait = endsAtMs === undefined ? {} : { retryAfterMs: Math.max(0, endsAtMs - atMs) };
  return { scope: "shared", dimension, limit: capOn(caps, dimension), account: full.account, ...wait };
}

function unavailable(step: string, why: string, cause: unknown): TierwiseError {
  const message = `step "${step}": the port of the shared budgets failed (${why}), so the call was not made; start the run again when it answers`;
  return new TierwiseError("BUDGET_UNAVAILABLE", message, { details: { step }, cause });
}
