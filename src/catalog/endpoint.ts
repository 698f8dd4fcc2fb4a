import { DefinitionError, type Problem } from "../errors.ts";
import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import type { Clearance, ClearanceSpec } from "../tiers/clearance.ts";
import type { Complexity } from "../tiers/complexity.ts";
import { describeEndpoint } from "./describe-endpoint.ts";
import type { EndpointModel } from "./model-like.ts";
import type { ListedModel, Price, PriceSpec } from "./price.ts";

/** Small or large language model. */
export type EndpointClass = "slm" | "llm";

/** Where an endpoint runs, seen from the host process. */
export type Location = "in-process" | "edge" | "on-prem" | "cloud";

/** What an author may declare a chat endpoint to do; what is left out is assumed. `probe` finds out instead. */
export interface CapabilitySpec {
  /** Calls tools. @default true */
  readonly tools?: boolean;
  /** Takes a JSON Schema for its answer (`response_format`); without it the schema goes into the instructions. @default true */
  readonly jsonSchema?: boolean;
  /** Returns log-probabilities when asked. @default whether the model can be built to ask for them */
  readonly logprobs?: boolean;
  /** Returns log-probabilities also of a request that offers tools. @default unknown, which excludes only where it is required */
  readonly toolsWithLogprobs?: boolean;
  /** Tokens of input and output together. @default unknown, which excludes only where it is required */
  readonly contextTokens?: number;
  /** Languages it is good at, as BCP 47 tags; `de` covers `de-AT`. @default unknown, which excludes only where one is required */
  readonly languages?: readonly string[];
}

/** A small draft model on the same server proposes tokens that the endpoint's own model verifies. */
export interface SpeculativeDecoding {
  /** Name of the draft model, for reports. */
  readonly draftModel: string;
  /** Measured throughput over the same server without the draft, 1 to 10; divides an amortised price, never a hosted one. */
  readonly speedup: number;
  /**
   * The server reports the verifying model's probabilities. Some report 1 for accepted drafts: then no gate may believe
   * them. @default false: log-probabilities count as unavailable
   */
  readonly exactLogprobs?: boolean;
}

/** A declared statement that policies rely on: who made it and on what ground. */
export interface Attestation {
  readonly by: string;
  readonly reason: string;
}

/** Replaces what must not leave before a request is sent. Runs on every text of every request to the endpoint. */
export interface Anonymiser {
  readonly name: string;
  /** Pure and synchronous. If it throws, nothing is sent. */
  readonly redact: (text: string) => string;
}

/** How many requests of one runtime an endpoint takes. */
export interface EndpointLimits {
  /** Requests at once, 1 to 10,000. @default 64 */
  readonly concurrency: number;
  /** Requests that wait for their turn, 0 to 1,000,000; one more fails with `BACKPRESSURE`. @default 1_000 */
  readonly queue: number;
  /**
   * Requests at once of all processes that share a durable engine, 1 to 10,000. Refused where runs live in one process.
   * @default each process has its own `concurrency`, and nothing counts them together
   */
  readonly fleetConcurrency?: number;
  /**
   * Requests a minute of all processes that share a durable engine, 1 to 1,000,000: they start at even distances, so that
   * 600 a minute are one every 100 ms. Refused where runs live in one process.
   * @default no limit
   */
  readonly fleetRequestsPerMinute?: number;
}

export interface EndpointSpec {
  /** Declared, never guessed from a name: a small or a large language model. */
  readonly class: EndpointClass;
  /** A fact for reports and for `locationClearance`; what data may go there is `clearance`. */
  readonly location: Location;
  /** The highest data the endpoint may receive. @default "public" */
  readonly clearance?: ClearanceSpec;
  readonly model: EndpointModel;
  /**
   * `"list"` takes it from the list that `createCatalog` is given, by the name of the chat model. @default unpriced: not
   * eligible under a money budget. In-process classifiers cost nothing.
   */
  readonly price?: PriceSpec | "list" | { readonly list: ListedModel };
  readonly capabilities?: CapabilitySpec;
  /** What the endpoint takes from one runtime. In-process classifiers answer at once and have none. */
  readonly limits?: Partial<EndpointLimits>;
  /** Declared latency of a whole request, in milliseconds. Once enough requests were seen, the measured one counts. */
  readonly latency?: { readonly p95Ms: number };
  /** Tokens that a reasoning model may spend beyond its output limit; reserved with it. @default 0 */
  readonly reasoningTokens?: number;
  /** Fields the model was trained for, compared with the `domain` of steps. @default none: a general model */
  readonly domains?: readonly string[];
  /** Measured share of right answers, 0 to 1, over all tiers or by tier. @default unknown: out where a step sets `minQuality` */
  readonly quality?: number | Partial<Readonly<Record<Complexity, number>>>;
  /** Tiers for which an evaluation showed that this small model's gate keeps the large model's quality. @default none */
  readonly certified?: { readonly tiers: readonly Complexity[]; readonly evidence: string };
  readonly speculativeDecoding?: SpeculativeDecoding;
  /** Applied to every request before it is sent. It lowers no label: only `locationClearance` asks whether there is one. */
  readonly anonymiser?: Anonymiser;
  /** A contract about the data that a cloud endpoint receives; asked for by `locationClearance`. */
  readonly dataAgreement?: Attestation;
  /** Says that an endpoint with a public host name stands on one's own premises; asked for by `locationClearance`. */
  readonly attestation?: Attestation;
  /** Name of the provider in spans (`gen_ai.provider.name`). @default asked from the model */
  readonly provider?: string;
  /** Says in output, traces and prices that answers are scripted, not generated. @default false */
  readonly standIn?: boolean;
}

/** One callable model with everything a policy needs to know about it. Frozen. */
export interface Endpoint {
  readonly name: string;
  readonly class: EndpointClass;
  readonly location: Location;
  readonly clearance: Clearance;
  /** False when nobody declared a clearance: the error texts say so. */
  readonly clearanceDeclared: boolean;
  /** What a preset took away of the declared clearance, and why. */
  readonly clearanceCap?: { readonly from: Clearance; readonly reason: string };
  readonly model: EndpointModel;
  /** `undefined` when nobody knows it, and until a catalog has looked up what is `listed`. */
  readonly price: Price | undefined;
  /** The price is to be taken from the list that `createCatalog` is given. */
  readonly listed: ListedModel | undefined;
  readonly capabilities: CapabilitySpec;
  readonly limits: EndpointLimits;
  readonly p95Ms: number | undefined;
  readonly reasoningTokens: number;
  readonly domains: readonly string[];
  readonly quality: Partial<Readonly<Record<Complexity, number>>>;
  readonly certified: { readonly tiers: readonly Complexity[]; readonly evidence: string } | undefined;
  readonly speculativeDecoding: SpeculativeDecoding | undefined;
  readonly anonymiser: Anonymiser | undefined;
  readonly dataAgreement: Attestation | undefined;
  readonly attestation: Attestation | undefined;
  readonly provider: string | undefined;
  readonly standIn: boolean;
}

/**
 * Describes one callable model.
 *
 * @example
 * ```ts
 * endpoint("phi4", {
 *   class: "slm", location: "on-prem", clearance: { level: "regulated", compartments: ["pii"] },
 *   model: new ChatOpenAI({ model: "phi-4", configuration: { baseURL: process.env.SLM_BASE_URL } }),
 *   price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 },
 * });
 * ```
 * @throws {DefinitionError} with every problem at once
 */
export function endpoint(name: string, spec: EndpointSpec): Endpoint {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "CATALOG_INVALID", path, message });
  const described = describeEndpoint(name, new OptionReader(spec, "endpoint", report), report);
  if (problems.length > 0) throw new DefinitionError(`endpoint ${show(name)}`, problems, "CATALOG_INVALID");
  return Object.freeze(described);
}

/** True for what `endpoint` returns, as far as plain JavaScript can tell. */
export function isEndpoint(item: unknown): item is Endpoint {
  return typeof item === "object" && item !== null && "clearance" in item;
}
