import type { ServerReply } from "../server-reply.ts";

/** An error status with a body as OpenAI sends it. */
export function status(
  code: number,
  {
    message = `The server answered with status ${code}.`,
    headers = {},
  }: { message?: string; headers?: Readonly<Record<string, string>> } = {},
): ServerReply {
  return errorReply(code, { message, type: code >= 500 ? "server_error" : "invalid_request_error" }, headers);
}

/** When a rate-limited client may come back. Any text can be sent; a number is seconds, a date an HTTP date. */
export interface RetryAfter {
  readonly retryAfter?: string | number | Date;
  /** The header `retry-after-ms`, which OpenAI's clients prefer. */
  readonly retryAfterMs?: string | number;
}

/** 429: too many requests for now. */
export function rateLimited({ retryAfter, retryAfterMs }: RetryAfter = {}): ServerReply {
  const error = { message: "Rate limit reached for requests.", type: "requests", code: "rate_limit_exceeded" };
  return errorReply(429, error, {
    ...(retryAfter !== undefined && { "retry-after": textOf(retryAfter) }),
    ...(retryAfterMs !== undefined && { "retry-after-ms": String(retryAfterMs) }),
  });
}

/** 429 that no waiting cures: the account has no money left. */
export function quotaExceeded(): ServerReply {
  const message = "You exceeded your current quota, please check your plan and billing details.";
  return errorReply(429, { message, type: "insufficient_quota", code: "insufficient_quota" });
}

/** 400: the request is longer than the model's context. */
export function contextTooLong(): ServerReply {
  const message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.";
  return errorReply(400, {
    message,
    type: "invalid_request_error",
    param: "messages",
    code: "context_length_exceeded",
  });
}

/** 400: the provider's filter refused the prompt. */
export function contentFiltered(): ServerReply {
  const message = "The response was filtered due to the prompt triggering the content management policy.";
  return errorReply(400, { message, type: "invalid_request_error", param: "prompt", code: "content_filter" });
}

interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly param?: string;
  readonly code?: string;
}

function errorReply(code: number, error: OpenAiError, headers: Readonly<Record<string, string>> = {}): ServerReply {
  return { status: code, raw: JSON.stringify({ error: { param: null, code: null, ...error } }), headers };
}

function textOf(retryAfter: string | number | Date): string {
  return retryAfter instanceof Date ? retryAfter.toUTCString() : String(retryAfter);
}
