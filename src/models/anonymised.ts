import type { Anonymiser } from "../catalog/endpoint.ts";
import { ProviderError } from "../errors.ts";
import type { ModelPort, ModelRequest } from "./port.ts";
import { redactRequest } from "./redact-request.ts";

/** The request to send instead, or what the anonymiser did wrong. */
type Outcome = { readonly request: ModelRequest } | { readonly found: string };

/**
 * A port whose every request goes through an anonymiser first, each request once: the size that a budget reserves is the
 * size of what is sent. An anonymiser that throws, or returns anything but a text, stops the request:
 * `requestBytes` then measures the original and `call` sends nothing.
 */
export function anonymised(port: ModelPort, endpoint: string, anonymiser: Anonymiser): ModelPort {
  const outcomes = new WeakMap<ModelRequest, Outcome>();
  const outcomeOf = (request: ModelRequest): Outcome => {
    const outcome = outcomes.get(request) ?? tryRedact(request, anonymiser);
    outcomes.set(request, outcome);
    return outcome;
  };
  return {
    ...port,
    requestBytes: (request) => {
      const outcome = outcomeOf(request);
      return port.requestBytes("request" in outcome ? outcome.request : request);
    },
    sent: (request) => {
      const outcome = outcomeOf(request);
      if (!("request" in outcome)) return undefined;
      return port.sent === undefined ? outcome.request : port.sent(outcome.request);
    },
    call: async (request, signal, streaming) => {
      const outcome = outcomeOf(request);
      if ("request" in outcome) return port.call(outcome.request, signal, streaming);
      const message = `endpoint "${endpoint}": its anonymiser "${anonymiser.name}" failed, so nothing was sent; redact(text) must return a text, found ${outcome.found}`;
      throw new ProviderError(message, { retryable: false, errorType: "anonymiser_failed" });
    },
  };
}

/** What it threw is dropped: the message of an anonymiser may quote the text it could not handle. */
function tryRedact(request: ModelRequest, anonymiser: Anonymiser): Outcome {
  let found = "an exception";
  const redact = (text: string): string => {
    const clean: unknown = anonymiser.redact(text);
    if (typeof clean === "string") return clean;
    found = kindOf(clean);
    throw new TypeError(found);
  };
  try {
    return { request: redactRequest(request, redact) };
  } catch {
    return { found };
  }
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof (value as { then?: unknown }).then !== "function") return `a value of type ${typeof value}`;
  // Nobody waits for it: its rejection would end the process, and print its message.
  Promise.resolve(value).catch(() => undefined);
  return "a promise (it must be synchronous)";
}
