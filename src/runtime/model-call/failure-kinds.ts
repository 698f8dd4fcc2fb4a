/** What a failed request says: of its endpoint, of its bill, and of another try. */
import { ProviderError } from "../../errors.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import { malformedReply } from "../../models/provider-error.ts";

/** A request that was too long, or that its anonymiser held back, would have failed at a healthy endpoint too. */
export function tellsOfHealth({ errorType }: ProviderError): boolean {
  return errorType !== "context_length" && errorType !== "anonymiser_failed";
}

/** The endpoint itself is in trouble: no connection, no answer in time, a server error, an answer that is none. */
export function isOutage({ retryable, status }: ProviderError): boolean {
  return retryable && status !== 429 && status !== 409;
}

/** Answered, as far as the connection goes, and perhaps billed. */
export function isMalformed({ errorType }: ProviderError): boolean {
  return errorType === malformedReply;
}

/** Nothing was sent: it did not get as far as a server that would read it. */
const unsent = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "tls"];

/** Refused before work began: an error status, or no connection at all. Anything else may have been billed. */
export function wasNotBilled(error: unknown): boolean {
  if (!(error instanceof ProviderError)) return false;
  const { status, errorType } = error;
  return status !== undefined || !tellsOfHealth(error) || unsent.includes(errorType);
}

/** Ports and gates know their endpoint, not the step that asked. */
export function ofStep({ name }: PlacedStep, error: ProviderError): ProviderError {
  const { message, retryable, errorType, status, retryAfterMs, code } = error;
  const own = message.startsWith(`step "${name}"`) ? message : `step "${name}": ${message}`;
  return new ProviderError(own, { retryable, errorType, status, retryAfterMs, code });
}
