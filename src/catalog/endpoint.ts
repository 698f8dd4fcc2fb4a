import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { makeClearance, publicClearance, type Clearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { labelMistake } from "../tiers/label.ts";
import { isLabelModel, type EndpointModel } from "./model-like.ts";
import { inProcessPrice, readPrice, type Price, type PriceSpec } from "./price.ts";

/** Small or large language model. */
export type EndpointClass = "slm" | "llm";
const endpointClasses: readonly EndpointClass[] = ["slm", "llm"];

/** Where an endpoint runs, seen from the host process. */
export type Location = "in-process" | "edge" | "on-prem" | "cloud";
const locations: readonly Location[] = ["in-process", "edge", "on-prem", "cloud"];

/** What an author may declare a chat endpoint to do; what is left out is assumed. */
export interface CapabilitySpec {
  /** Calls tools. @default true */
  readonly tools?: boolean;
  /** Takes a JSON Schema for its answer (`response_format`); without it the schema goes into the instructions. @default true */
  readonly jsonSchema?: boolean;
  /** Returns log-probabilities when asked. @default whether the model can be built to ask for them */
  readonly logprobs?: boolean;
  /** Tokens of input and output together. @default unknown, which excludes nothing */
  readonly contextTokens?: number;
}

export interface EndpointSpec {
  /** Declared, never guessed from a name: a small or a large language model. */
  readonly class: EndpointClass;
  /** A fact for reports and strict presets; what data may go there is `clearance`. */
  readonly location: Location;
  /** The highest data the endpoint may receive. @default "public" */
  readonly clearance?: ClearanceSpec;
  readonly model: EndpointModel;
  /** @default unpriced: not eligible under a money budget. In-process classifiers cost nothing. */
  readonly price?: PriceSpec;
  readonly capabilities?: CapabilitySpec;
  /** Declared or measured latency of a whole request, in milliseconds; excludes the endpoint when less time is left. */
  readonly latency?: { readonly p95Ms: number };
  /** Tokens that a reasoning model may spend beyond its output limit; reserved with it. @default 0 */
  readonly reasoningTokens?: number;
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
  readonly model: EndpointModel;
  readonly price: Price | undefined;
  readonly capabilities: CapabilitySpec;
  readonly p95Ms: number | undefined;
  readonly reasoningTokens: number;
  readonly provider: string | undefined;
  readonly standIn: boolean;
}

const knownOptions = [
  "class",
  "location",
  "clearance",
  "model",
  "price",
  "capabilities",
  "latency",
  "reasoningTokens",
  "provider",
  "standIn",
];

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
  const described = describe(name, new OptionReader(spec, "endpoint", report), report);
  if (problems.length > 0) throw new DefinitionError(`endpoint ${show(name)}`, problems, "CATALOG_INVALID");
  return Object.freeze(described);
}

function describe(name: string, reader: OptionReader, report: Report): Endpoint {
  reader.only(knownOptions);
  if (!isName(name)) report("name", `expected ${nameRule}, found ${show(name)}`);
  const model = modelOf(reader);
  return {
    name,
    class: reader.oneOf("class", endpointClasses),
    location: reader.oneOf("location", locations),
    clearance: clearanceOf(reader),
    clearanceDeclared: reader.get("clearance") !== undefined,
    model,
    price: readPrice(reader) ?? (isLabelModel(model) ? inProcessPrice : undefined),
    capabilities: capabilitiesOf(reader, report),
    p95Ms: p95Of(reader),
    reasoningTokens: reader.integer("reasoningTokens", { fallback: 0, min: 0, max: 1_000_000 }),
    provider: reader.optionalText("provider"),
    standIn: reader.get("standIn") === true,
  };
}

function modelOf(reader: OptionReader): EndpointModel {
  const model = reader.get("model");
  const isObject = typeof model === "object" && model !== null;
  const usable =
    typeof model === "function" || (isObject && ("invoke" in model || isLabelModel(model as EndpointModel)));
  if (!usable) {
    reader.mistake(
      "model",
      `expected a LangChain chat model, a factory of one, or a trained classifier, found ${show(model)}`,
    );
  }
  return (usable ? model : () => undefined) as EndpointModel;
}

function clearanceOf(reader: OptionReader): Clearance {
  const spec = reader.get("clearance") as ClearanceSpec | undefined;
  if (spec === undefined) return publicClearance;
  const mistake = labelMistake(spec);
  if (mistake === undefined) return makeClearance(spec);
  reader.mistake("clearance", mistake);
  return publicClearance;
}

function capabilitiesOf(reader: OptionReader, report: Report): CapabilitySpec {
  const spec = reader.get("capabilities");
  if (spec === undefined) return {};
  const inner = new OptionReader(spec, `${reader.path}.capabilities`, report);
  inner.only(["tools", "jsonSchema", "logprobs", "contextTokens"]);
  for (const key of ["tools", "jsonSchema", "logprobs"]) {
    const found = inner.get(key);
    if (found !== undefined && typeof found !== "boolean")
      inner.mistake(key, `expected true or false, found ${show(found)}`);
  }
  inner.integer("contextTokens", { fallback: 1, min: 1, max: 1e9 });
  return Object.freeze({ ...(spec as CapabilitySpec) });
}

function p95Of(reader: OptionReader): number | undefined {
  const spec = reader.get("latency") as { p95Ms?: unknown } | null | undefined;
  if (spec === undefined) return undefined;
  const p95Ms = spec?.p95Ms;
  if (typeof p95Ms === "number" && p95Ms > 0 && Number.isFinite(p95Ms)) return p95Ms;
  reader.mistake("latency.p95Ms", `expected milliseconds above 0, found ${show(p95Ms)}`);
  return undefined;
}
