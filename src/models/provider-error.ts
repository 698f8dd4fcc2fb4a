import { ProviderError, TierwiseError } from "../errors.ts";

interface Failure {
  readonly name?: unknown;
  readonly status?: unknown;
  readonly code?: unknown;
  readonly lc_error_code?: unknown;
  readonly cause?: unknown;
}

/**
 * A client's failure as ours. The provider's own text is dropped: it may quote the prompt. An abort is passed on as the
 * signal's reason.
 */
export function providerError(endpoint: string, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (TierwiseError.isInstance(error)) return error;
  const failure = (typeof error === "object" && error !== null ? error : {}) as Failure;
  const status = typeof failure.status === "number" ? failure.status : undefined;
  if (failure.name === "ContextOverflowError") {
    return new ProviderError(`endpoint "${endpoint}": the request is longer than its context`, {
      retryable: false,
      errorType: "context_length",
    });
  }
  if (status !== undefined) {
    const options = {
      retryable: isRetryable(status),
      errorType: status === 429 ? "rate_limited" : String(status),
      status,
    };
    return new ProviderError(`endpoint "${endpoint}": HTTP ${status}`, options);
  }
  const connection = connectionCode(failure);
  if (connection !== undefined) {
    return new ProviderError(`endpoint "${endpoint}": no connection (${connection})`, {
      retryable: true,
      errorType: connection,
    });
  }
  const errorType = typeof failure.name === "string" ? failure.name : "_OTHER";
  return new ProviderError(
    `endpoint "${endpoint}": the client failed with ${errorType}; is it an OpenAI-compatible server?`,
    { retryable: true, errorType },
  );
}

function isRetryable(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** `ECONNREFUSED` and the like, which clients wrap one or two causes deep. */
function connectionCode(failure: Failure): string | undefined {
  let here: unknown = failure;
  for (let depth = 0; depth < 4 && typeof here === "object" && here !== null; depth += 1) {
    const { code, cause } = here as Failure;
    if (typeof code === "string" && /^(E[A-Z]{3,}|UND_ERR_[A-Z_]+)$/.test(code)) return code;
    here = cause;
  }
  return failure.name === "APIConnectionError" ? "connection" : undefined;
}
