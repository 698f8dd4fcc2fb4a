/**
 * The one place that asks an endpoint again. Clients are held to one request a call (`models/chat-client.ts`), so requests do
 * not multiply. Each request is an attempt of its own: number, reservation, span, events and ledger entry.
 * @module
 */
import { sleep } from "../../common/abort.ts";
import type { ProviderError } from "../../errors.ts";
import type { AttemptKind } from "../../events/event.ts";
import { dispatchModel, type ModelCall } from "./dispatch-model.ts";
import { isMalformed } from "./failure-kinds.ts";
import type { RetryOptions } from "./retry-options.ts";
import type { ModelResult } from "../step-work.ts";
import { timeLeftMs } from "../time-left.ts";

type Failed = Extract<ModelResult, { type: "failed" }>;

/**
 * Asks one endpoint until it answers, its failure is none that passes, or attempts, time or money run out.
 * @throws the run's reason to end, as soon as it ends
 */
export async function attemptModel(asked: ModelCall): Promise<ModelResult> {
  const call = { ...asked, work: { ...asked.work, kind: kindOf(asked) } };
  const { work, session } = call;
  const errors: ProviderError[] = [];
  let failed: Failed | undefined;
  for (;;) {
    const made = failed?.requests ?? 0;
    const again = { ...work, number: work.number + made, kind: "retry" } as const;
    const result = await dispatchModel(failed === undefined ? call : { ...call, work: again });
    // The gate let no retry through: what failed before says more.
    if (failed !== undefined && result.type === "failed" && result.requests === 0) return failed;
    const total = { ...result, requests: made + result.requests };
    if (total.type !== "failed") return total;
    failed = total;
    errors.push(total.error);
    const delayMs = total.requests === 0 ? undefined : waitFor(call, errors);
    if (delayMs === undefined) return total;
    await sleep(delayMs, session.abort.signal, session.services.clock);
  }
}

/** Who puts its own turn right takes its next turn; it is an escalation where another does. */
function kindOf({ work: { kind, corrects }, endpoint }: ModelCall): AttemptKind {
  return kind === "escalation" && corrects === endpoint.name ? "turn" : kind;
}

/** @returns `undefined` when there is no other try, or none in time */
function waitFor({ session, step, gate }: ModelCall, errors: readonly ProviderError[]): number | undefined {
  const { retry, random } = session.services;
  const delayMs = retryDelayMs(errors, retry, random);
  const leftMs = timeLeftMs(session, step);
  if (delayMs === undefined || delayMs >= leftMs || gate?.refusal(leftMs) !== undefined) return undefined;
  return delayMs;
}

/**
 * How long to wait before the next request.
 * @param errors of all requests so far, at least one
 * @param random from 0 to 1
 * @returns `undefined` when there should be none
 */
export function retryDelayMs(
  errors: readonly ProviderError[],
  { maxAttempts, initialDelayMs, backoffFactor, maxDelayMs }: Required<RetryOptions>,
  random: () => number,
): number | undefined {
  if (errors.at(-1)?.retryable !== true || errors.length >= maxAttempts) return undefined;
  // Each of them may have been billed, and a proxy's error page does not get better by asking: once more, no oftener.
  if (errors.filter(isMalformed).length > 1) return undefined;
  return random() * Math.min(maxDelayMs, initialDelayMs * backoffFactor ** (errors.length - 1));
}
