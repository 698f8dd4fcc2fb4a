import type { AccountWindow } from "./account-window.ts";
import type { Amounts, Dimension } from "./amounts.ts";

export interface ReserveRequest {
  /** Of this reservation alone; a request with an id that is open already changes nothing and is answered `reserved`. */
  readonly id: string;
  /** All or nothing is taken from them; at least one, each account once. */
  readonly accounts: readonly AccountWindow[];
  /** The worst case of the call. */
  readonly amounts: Amounts;
  /** When it is asked, in milliseconds since the Unix epoch, by the clock that made the windows. */
  readonly atMs: number;
  /**
   * Nobody settles the reservation after this: what is kept to settle it may be dropped, and its worst case stays charged.
   * Milliseconds since the Unix epoch.
   */
  readonly expiresAtMs: number;
}

export type ReserveAnswer =
  | { readonly reserved: true }
  /** The first account that has no room, and for what. */
  | { readonly reserved: false; readonly account: string; readonly dimension: Dimension };

export interface SettleRequest {
  readonly id: string;
  /** What the call really took; more than was reserved when a provider ignored its limit. */
  readonly amounts: Amounts;
}

/**
 * Where budgets are kept that runs share: in this process (`memoryBudgets`), or in a store of yours that all processes reach.
 * `tierwise/testing` has a suite that every implementation must pass (`budgetPortContract`).
 *
 * In every window of an account, for each dimension that has a cap, settled + reserved stays within the cap at every instant.
 * A port may reject; no call is made then.
 */
export interface BudgetPort {
  /** Takes the amounts from all accounts in one step, or from none. An amount of 0 always fits. */
  reserve(request: ReserveRequest): Promise<ReserveAnswer>;
  /**
   * Puts what was really taken in the place of the reservation, in the windows in which it was made. An id that is not open
   * changes nothing, so that asking twice does no harm. What is never settled stays charged.
   */
  settle(request: SettleRequest): Promise<void>;
}
