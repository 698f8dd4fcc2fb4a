import { describe, expect, it } from "vitest";
import { ProviderError } from "../errors.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { providerError } from "./provider-error.ts";

const canary = "CANARY-4711";
const clock = new SimulatedClock(784_111_777_000);
const around = { signal: new AbortController().signal, clock };

const failure = (fields: object): Error => Object.assign(new Error(canary), fields);
const connection = (code: string): Error => failure({ cause: failure({ cause: failure({ code }) }) });

function errorOf(error: unknown): ProviderError {
  const found = providerError("tiny", error, around);
  expect(found).toBeInstanceOf(ProviderError);
  expect(JSON.stringify([found, (found as Error).message])).not.toContain(canary);
  return found as ProviderError;
}

describe("a client's failure", () => {
  const cases: [string, unknown, Partial<ProviderError>][] = [
    ...[408, 409, 500, 502, 503, 504, 520, 529].map((status): [string, unknown, Partial<ProviderError>] => [
      `HTTP ${status}`,
      failure({ status }),
      { retryable: true, errorType: String(status), status },
    ]),
    ...[301, 400, 401, 402, 403, 404, 405, 410, 413, 418, 422].map(
      (status): [string, unknown, Partial<ProviderError>] => [
        `HTTP ${status}`,
        failure({ status }),
        { retryable: false, errorType: String(status), status },
      ],
    ),
    ["HTTP 429", failure({ status: 429 }), { retryable: true, errorType: "rate_limited", retryAfterMs: undefined }],
    [
      "HTTP 429 of a spent quota",
      failure({ status: 429, code: "insufficient_quota" }),
      { retryable: false, errorType: "quota_exhausted", status: 429 },
    ],
    [
      "a context that is too long",
      failure({ status: 400, name: "ContextOverflowError" }),
      { retryable: false, errorType: "context_length", status: 400 },
    ],
    ["a content filter", failure({ status: 400, code: "content_filter" }), { retryable: false, errorType: "400" }],
    ...[
      "ECONNREFUSED",
      "ECONNRESET",
      "ENOTFOUND",
      "EAI_AGAIN",
      "ETIMEDOUT",
      "UND_ERR_SOCKET",
      "UND_ERR_BODY_TIMEOUT",
    ].map((code): [string, unknown, Partial<ProviderError>] => [
      `no connection (${code})`,
      connection(code),
      { retryable: true, errorType: code, status: undefined },
    ]),
    ...["DEPTH_ZERO_SELF_SIGNED_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "ERR_SSL_WRONG_VERSION_NUMBER"].map(
      (code): [string, unknown, Partial<ProviderError>] => [
        `no secure connection (${code})`,
        connection(code),
        { retryable: true, errorType: "tls" },
      ],
    ),
    ["a connection error without a code", failure({ name: "APIConnectionError" }), { errorType: "connection" }],
    ["a reply that is no JSON", new SyntaxError(canary), { retryable: true, errorType: "malformed_reply" }],
    ["a reply without what the client reads", new TypeError(canary), { retryable: true, errorType: "malformed_reply" }],
    ["something that is no error", canary, { retryable: true, errorType: "malformed_reply" }],
    ["nothing", undefined, { retryable: true, errorType: "malformed_reply" }],
  ];

  it.each(cases)("%s", (_what, error, expected) => {
    expect(errorOf(error)).toMatchObject({ code: "PROVIDER_ERROR", ...expected });
  });

  it.each([
    ["its headers", { headers: new Headers({ "retry-after": "3" }) }],
    ["its response's headers", { response: { headers: { "Retry-After": "3" } } }],
  ])("says how long not to ask again, from %s", (_where, fields) => {
    expect(errorOf(failure({ status: 503, ...fields })).retryAfterMs).toBe(3_000);
  });

  it("compares a date with the clock it is given", () => {
    const headers = new Headers({ "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT" });
    expect(errorOf(failure({ status: 429, headers })).retryAfterMs).toBe(30_000);
  });

  it("is the signal's reason when that fired, whatever the client made of it", () => {
    const reason = new Error("enough");
    expect(providerError("tiny", failure({ status: 500 }), { signal: AbortSignal.abort(reason), clock })).toBe(reason);
  });

  it("that is one of ours stays what it is", () => {
    const own = new ProviderError("held back", { retryable: false, errorType: "anonymiser_failed" });
    expect(providerError("tiny", own, around)).toBe(own);
  });
});
