import { capsOf, nothing, type Amounts, type BudgetBound, type Dimension } from "./amounts.ts";
import type { StepDefinition } from "../../graph/definition.ts";
import { Budget, type Reservation } from "./budget.ts";
import { remainingMs, type Session } from "../session.ts";
import { warnNearCap } from "./warn-near-cap.ts";
import type { SharedAccounts, SharedReservation } from "./shared-accounts.ts";

interface Shared {
  readonly accounts: SharedAccounts;
  readonly reservation: SharedReservation;
}

/** What is set aside for one call, in the budgets of the run and in those that runs share. Settle it exactly once. */
export class CallReservation {
  readonly #budget: Budget;
  readonly #own: Reservation;
  readonly #shared: Shared | undefined;
  #isOpen = true;

  constructor(own: { budget: Budget; reservation: Reservation }, shared?: Shared) {
    this.#budget = own.budget;
    this.#own = own.reservation;
    this.#shared = shared;
  }

  /** @param taken what the call really took. A second time is ignored. */
  settle(taken: Amounts): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#budget.settle(this.#own, taken);
    this.#shared?.accounts.settle(this.#shared.reservation, taken);
  }
}

/** What a step may take, from its start to its end. */
export function openStepBudget(session: Session, step: StepDefinition): void {
  if (!("budget" in step) || step.budget === undefined) return;
  const place = { step: step.name, outer: session.budget };
  session.runningSteps.get(step.name)!.budget = new Budget(capsOf(step.budget), place);
}

/** The budget that a step draws on: its own, or that of what surrounds it. */
export function budgetOf(session: Session, step: string): Budget {
  return session.runningSteps.get(step)?.budget ?? session.budget;
}

/** What caps the dimension, of all that a call of the step draws on. */
export function boundOn(session: Session, step: string, dimension: Dimension): BudgetBound | undefined {
  return budgetOf(session, step).boundOn(dimension) ?? session.shared?.boundOn(dimension);
}

/**
 * Sets the worst case of a call aside in every budget that it draws on, or in none. It waits for running calls of the same run;
 * for other runs, which may hold a shared account as long as they like, it does not.
 * @returns the budget that has no room, where there is one
 * @throws {TierwiseError} `BUDGET_UNAVAILABLE`; the reason of the run when it ends first
 */
export async function reserveCall(
  session: Session,
  step: string,
  worst: Amounts,
): Promise<CallReservation | BudgetBound> {
  const { signal } = session.abort;
  const budget = budgetOf(session, step);
  const reservation = await budget.reserve(worst, signal);
  if ("scope" in reservation) return reservation;
  warnNearCap(session, budget);
  const { shared: accounts } = session;
  if (accounts === undefined) return new CallReservation({ budget, reservation });
  let drawn: SharedReservation | BudgetBound | undefined;
  try {
    drawn = await accounts.reserve(step, worst, { signal, leftMs: Math.max(0, remainingMs(session)) });
  } finally {
    if (drawn === undefined || "scope" in drawn) budget.settle(reservation, nothing);
  }
  return "scope" in drawn ? drawn : new CallReservation({ budget, reservation }, { accounts, reservation: drawn });
}
