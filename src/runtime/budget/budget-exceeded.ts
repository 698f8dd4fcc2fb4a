import { BudgetExceededError } from "../../errors.ts";
import type { BudgetBound, Dimension } from "./amounts.ts";

const words: Readonly<Record<Dimension, string>> = { costUsd: "money", tokens: "tokens", calls: "calls" };

/** What else would make room, besides a higher cap. */
const remedies: Readonly<Record<Dimension, string>> = {
  costUsd: " or lower maxOutputTokens",
  tokens: " or lower maxOutputTokens",
  calls: "",
};

/** The error for a step none of whose endpoints fits the budgets it draws on. */
export function budgetExceeded(step: string, bound: BudgetBound): BudgetExceededError {
  const { dimension } = bound;
  const message = `step "${step}": the worst case of the next call fits no endpoint within the ${words[dimension]} left to ${ownerOf(bound)}; ${raise(bound)}${remedies[dimension]}`;
  return new BudgetExceededError("BUDGET_EXCEEDED", message, { details: detailsOf(step, bound) });
}

/** The error for a tool that a model goes on to call. */
export function toolUnaffordable(step: string, bound: BudgetBound): BudgetExceededError {
  const message = `step "${step}": the money left to ${ownerOf(bound)} cannot pay for the tool that the model goes on to call; ${raise(bound)}`;
  return new BudgetExceededError("BUDGET_EXCEEDED", message, { details: detailsOf(step, bound) });
}

/** Why a decision is taken without an endpoint. Decisions are recorded, so no account of a tenant is named. */
export function noRoom({ scope, dimension, step }: BudgetBound): string {
  const whose = scope === "run" ? "" : scope === "step" ? ` to step "${step}"` : " to a shared account";
  return `its worst case does not fit the ${words[dimension]} left${whose}`;
}

function ownerOf({ scope, step, account }: BudgetBound): string {
  if (scope === "run") return "the run";
  return scope === "step" ? `step "${step}"` : `the shared account "${account}"`;
}

function raise({ scope, dimension, step, account, retryAfterMs }: BudgetBound): string {
  if (scope === "run") return `raise budget.${dimension} of the run`;
  if (scope === "step") return `raise budget.${dimension} of step "${step}"`;
  const wait = retryAfterMs === undefined ? "" : `wait ${Math.ceil(retryAfterMs / 1_000)} s for its next window, `;
  return `${wait}raise ${dimension} of account "${account}"`;
}

function detailsOf(step: string, { scope, dimension, limit, step: owner, account, retryAfterMs }: BudgetBound) {
  return {
    ...{ step, scope, dimension, limit },
    ...(owner !== undefined && { budgetOf: owner }),
    ...(account !== undefined && { account }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
