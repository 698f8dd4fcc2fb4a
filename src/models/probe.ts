import type { Endpoint } from "../catalog/endpoint.ts";
import { isLabelModel } from "../catalog/model-like.ts";
import type { Usage } from "../catalog/usage.ts";
import { systemClock, type Clock } from "../common/clock.ts";
import { deepFreeze } from "../common/freeze.ts";
import { OptionReader } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { buildClient, targetOf } from "./chat-client.ts";
import { ProbeInterview, type Readings } from "./probe-interview.ts";
import type { Finding, ProbeName, Reading } from "./probe-questions.ts";

/** What the endpoint showed that it can do. */
export interface ProbedCapabilities {
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly logprobs: boolean;
  readonly toolsWithLogprobs: boolean;
  /**
   * False: a label that only a grammar brought about looked certain, so no gate may believe the log-probabilities of a
   * request with a schema. Left out when it cannot be told.
   */
  readonly logprobsBeforeGrammar?: boolean;
}

/** What a probe found. Plain JSON: keep it in a file or a database and hand it to `applyProbe` later. */
export interface ProbeReport {
  readonly format: "tierwise-probe";
  readonly version: 1;
  readonly endpoint: string;
  readonly model: string;
  /** Left out when the client does not show it. */
  readonly server?: { readonly address: string; readonly port: number };
  /** Milliseconds since the Unix epoch, when the probe began. */
  readonly probedAtMs: number;
  readonly capabilities: ProbedCapabilities;
  readonly findings: Readonly<Record<ProbeName, Finding>>;
  /** Requests that were sent, refused ones included. */
  readonly requests: number;
  /** Tokens of all of them; where the provider counted none, the most it can have been, and `complete` is false. */
  readonly usage: Pick<Usage, "inputTokens" | "outputTokens"> & { readonly complete: boolean };
}

export interface ProbeOptions {
  /** Ends the probe, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Of each request, in milliseconds, 1 to 86,400,000. @default 30_000 */
  readonly timeoutMs?: number;
  /** @default the machine's */
  readonly clock?: Clock;
}

/**
 * Asks a chat endpoint what it can do: up to five requests, one after the other, none repeated, through the same clients
 * that runs use, with fixed public texts (which therefore pass no anonymiser) and at most 256 tokens of output each. What
 * cannot be supported, because something it needs is not, is not asked.
 *
 * Unsupported is what the endpoint refuses with HTTP 400, 404, 422 or 501 while it answers a plain request, or what its
 * reply lacks. Everything else is a failure, from which nothing is learnt.
 * @throws {ProviderError} when the endpoint is down, refuses the key, answers 5xx or not in time, or refuses even a plain
 * request
 * @throws {DefinitionError} for a classifier, a client that cannot be held to one request a call, and wrong options
 */
export async function probe(endpoint: Endpoint, options: ProbeOptions = {}): Promise<ProbeReport> {
  const { timeoutMs, signal, clock } = checkOptions(endpoint, options);
  const probedAtMs = clock.epochMs();
  const { model, server } = targetOf(endpoint, buildClient(endpoint, { maxOutputTokens: 1, logprobs: false }));
  const interview = new ProbeInterview(endpoint, { timeoutMs, signal, clock });
  const readings = await interview.hold();
  return deepFreeze<ProbeReport>({
    format: "tierwise-probe",
    version: 1,
    endpoint: endpoint.name,
    model,
    ...(server && { server }),
    probedAtMs,
    capabilities: capabilitiesOf(readings),
    findings: mapReadings(readings, ({ supported, evidence }) => ({ supported: supported === true, evidence })),
    requests: interview.requests,
    usage: { ...interview.usage },
  });
}

function capabilitiesOf(readings: Readings): ProbedCapabilities {
  const { logprobsBeforeGrammar, ...flags } = mapReadings(readings, ({ supported }) => supported);
  return {
    tools: flags.tools === true,
    jsonSchema: flags.jsonSchema === true,
    logprobs: flags.logprobs === true,
    toolsWithLogprobs: flags.toolsWithLogprobs === true,
    ...(logprobsBeforeGrammar !== undefined && { logprobsBeforeGrammar }),
  };
}

function mapReadings<T>(readings: Readings, read: (reading: Reading) => T): Record<ProbeName, T> {
  const entries = Object.entries(readings).map(([name, reading]) => [name, read(reading)]);
  return Object.fromEntries(entries) as Record<ProbeName, T>;
}

function checkOptions(endpoint: Endpoint, options: ProbeOptions): Required<ProbeOptions> {
  const problems: Problem[] = [];
  const reader = new OptionReader(options, "options", (path, message) => {
    problems.push({ code: "CATALOG_INVALID", path, message });
  });
  reader.only(["signal", "timeoutMs", "clock"]);
  const timeoutMs = reader.integer("timeoutMs", { fallback: 30_000, min: 1, max: 86_400_000 });
  if (isLabelModel(endpoint.model)) {
    const message =
      "expected a chat model to probe, found a classifier, which answers its labels only; do not probe it";
    problems.push({ code: "CATALOG_INVALID", path: "endpoint.model", message });
  }
  if (problems.length > 0) throw new DefinitionError(`probe of "${endpoint.name}"`, problems, "CATALOG_INVALID");
  return { timeoutMs, signal: options.signal ?? new AbortController().signal, clock: options.clock ?? systemClock };
}
