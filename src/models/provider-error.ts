import type { Clock } from "../common/clock.ts";
import { ProviderError, TierwiseError } from "../errors.ts";
import { readRetryAfter } from "./retry-after.ts";

interface Failure {
  readonly name?: unknown;
  readonly status?: unknown;
  readonly code?: unknown;
  readonly headers?: unknown;
  readonly response?: { readonly headers?: unknown } | null;
  readonly cause?: unknown;
}

/** `error.type` of an answer that is none: HTML, cut JSON, an empty body. It may have been billed. */
export const malformedReply = "malformed_reply";

/**
 * A client's failure as ours. The provider's own text is dropped: it may quote the prompt. An abort is passed on as the
 * signal's reason. Retryable is what the same request may outlive: 408, 409, 429, 5xx, a lost connection; and once more
 * only (see `runtime/model-call/attempts.ts`) a reply that cannot be read.
 */
export function providerError(
  endpoint: string,
  error: unknown,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): unknown {
  if (signal.aborted) return signal.reason;
  if (TierwiseError.isInstance(error)) return error;
  const failure = (typeof error === "object" && error !== null ? error : {}) as Failure;
  const at = `endpoint "${endpoint}"`;
  if (failure.name === "ContextOverflowError") {
    const options = { retryable: false, errorType: "context_length", status: statusOf(failure) };
    return new ProviderError(`${at}: the request is longer than its context`, options);
  }
  const status = statusOf(failure);
  if (status !== undefined) return httpError(at, { ...failure, status }, clock);
  const connection = connectionCode(failure);
  if (connection !== undefined) {
    const options = { retryable: true, errorType: tlsCode.test(connection) ? "tls" : connection };
    return new ProviderError(`${at}: no connection (${connection})`, options);
  }
  const name = typeof failure.name === "string" ? failure.name : "an unknown error";
  return new ProviderError(`${at}: the client failed with ${name}; is it an OpenAI-compatible server?`, {
    retryable: true,
    errorType: malformedReply,
  });
}

function statusOf({ status }: Failure): number | undefined {
  return typeof status === "number" ? status : undefined;
}

function httpError(at: string, { status, code, headers, response }: Failure & { status: number }, clock: Clock) {
  const isSpent = status === 429 && code === "insufficient_quota";
  const message = isSpent ? `${at}: HTTP 429, its quota is used up; see the provider's plan and billing` : "";
  return new ProviderError(message || `${at}: HTTP ${status}`, {
    // A spent quota comes back with a payment, not with patience.
    retryable: isRetryable(status) && !isSpent,
    errorType: isSpent ? "quota_exhausted" : status === 429 ? "rate_limited" : String(status),
    status,
    retryAfterMs: readRetryAfter(headers ?? response?.headers, clock.epochMs()),
  });
}

function isRetryable(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

const connectionCodes = /^(E[A-Z]{3,}|EAI_[A-Z]+|UND_ERR_[A-Z_]+)$/;
const tlsCode = /^(ERR_(TLS|SSL)_[A-Z_]+|[A-Z_]*CERT[A-Z_]*|UNABLE_TO_[A-Z_]+|EPROTO)$/;

/** `ECONNREFUSED` and the like, which clients wrap one or two causes deep. */
function connectionCode(failure: Failure): string | undefined {
  let here: unknown = failure;
  for (let depth = 0; depth < 4 && typeof here === "object" && here !== null; depth += 1) {
    const { code, cause } = here as Failure;
    if (typeof code === "string" && (connectionCodes.test(code) || tlsCode.test(code))) return code;
    here = cause;
  }
  return failure.name === "APIConnectionError" ? "connection" : undefined;
}
