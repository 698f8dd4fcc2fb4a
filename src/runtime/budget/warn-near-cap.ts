import type { Session } from "../session.ts";
import type { Budget } from "./budget.ts";

/** A trace warns of a cap when settled and reserved together reach this share of it, in percent: whole numbers stay exact. */
export const warningPercent = 80;

/** Tells the run's trace of caps that are nearly used up. Budgets that runs share are not looked at: they live elsewhere. */
export function warnNearCap({ runTrace }: Session, budget: Budget): void {
  if (!runTrace.isRecording) return;
  for (const { dimension, scope, step } of budget.near(warningPercent))
    runTrace.budgetNearCap({ dimension, scope, step });
}
