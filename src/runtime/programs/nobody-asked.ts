import { NoEligibleEndpointError, type ProviderError, type TierwiseError } from "../../errors.ts";
import type { ModelResult } from "../step-work.ts";

type Unanswered = Exclude<ModelResult, { type: "accepted" | "exhausted" }>;

/**
 * What a question ends with that nobody was asked, because every endpoint that may see the data takes no request now. Where
 * one of them is full or paused that is `BACKPRESSURE`: the caller sends too much. Where all are left alone, nobody is
 * eligible: `NO_ELIGIBLE_ENDPOINT`, whatever else is up.
 * @returns `undefined` where a request was made, or where money stood in the way
 */
export function nobodyAsked(step: string, results: readonly Unanswered[]): TierwiseError | undefined {
  const refusals = results.flatMap((result) => (result.type === "failed" && result.requests === 0 ? [result] : []));
  if (refusals.length === 0 || refusals.length < results.length) return undefined;
  const crowded = refusals.findLast(({ error }) => error.code !== "CIRCUIT_OPEN");
  if (crowded !== undefined) return crowded.error;
  const names = refusals.map(({ endpoint }) => endpoint);
  const soonest = refusals.reduce(
    (best, { error }) => (waitOf(error) < waitOf(best) ? error : best),
    refusals[0]!.error,
  );
  return circuitsOpen(step, names, soonest);
}

function circuitsOpen(step: string, names: readonly string[], soonest: ProviderError): NoEligibleEndpointError {
  const waitMs = Math.ceil(waitOf(soonest));
  const when = waitMs > 0 ? `a request may try one in ${waitMs} ms` : "one request is trying it now";
  const message = `step "${step}": no eligible endpoint: all that may take it failed several times in a row and are left alone (their circuits are open): ${names.join(", ")}; ${when}. Run again later, or add an endpoint that can do the work and may see the data.`;
  const details = { step, refused: names.map((name) => `${name}: CIRCUIT_OPEN`), retryAfterMs: waitMs };
  return new NoEligibleEndpointError("NO_ELIGIBLE_ENDPOINT", message, { details, cause: soonest });
}

function waitOf({ retryAfterMs }: ProviderError): number {
  return retryAfterMs ?? 0;
}
