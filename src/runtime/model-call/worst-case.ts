/** What a call would cost at most: reserved before it is made, and charged where nobody knows what it took. */
import type { Endpoint } from "../../catalog/endpoint.ts";
import { worstCost, worstTokens, type UsageBound } from "../../catalog/usage.ts";
import type { Amounts, BudgetBound } from "../budget/amounts.ts";
import { boundOn } from "../budget/reserve-call.ts";
import type { ModelCall } from "./dispatch-model.ts";

export function usageBound({ port, work, endpoint }: ModelCall): UsageBound {
  return {
    requestBytes: port.requestBytes(work.request),
    maxOutputTokens: work.request.maxOutputTokens + endpoint.reasoningTokens,
  };
}

export function worstOf({ price }: Endpoint, bound: UsageBound): Amounts {
  return { picoUsd: price === undefined ? 0n : worstCost(bound, price), tokens: worstTokens(bound), calls: 1 };
}

/** The policy's gates have refused this already; here, too, an unknown price is not 0 and an unknown limit is not one. */
export function withoutWorstCase({ session, step, endpoint, port }: ModelCall): BudgetBound | undefined {
  const { outputLimit } = port.capabilities;
  if (endpoint.price !== undefined && outputLimit) return undefined;
  return boundOn(session, step.name, "costUsd") ?? (outputLimit ? undefined : boundOn(session, step.name, "tokens"));
}
