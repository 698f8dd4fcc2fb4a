/** Turns what an author wrote for one endpoint into its frozen description, reporting every mistake on the way. */
import { frozenCopy } from "../common/freeze.ts";
import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { makeClearance, publicClearance, type Clearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { complexityTiers, isComplexity } from "../tiers/complexity.ts";
import { labelMistake } from "../tiers/label.ts";
import type {
  Anonymiser,
  Attestation,
  CapabilitySpec,
  Endpoint,
  EndpointClass,
  EndpointLimits,
  Location,
  SpeculativeDecoding,
} from "./endpoint.ts";
import { isLabelModel, type EndpointModel } from "./model-like.ts";
import { inProcessPrice, readPrice } from "./price.ts";

const endpointClasses: readonly EndpointClass[] = ["slm", "llm"];
const locations: readonly Location[] = ["in-process", "edge", "on-prem", "cloud"];

const knownOptions = [
  ...["class", "location", "clearance", "model", "price", "capabilities", "limits", "latency"],
  ...["reasoningTokens", "domains", "quality", "certified", "speculativeDecoding"],
  ...["anonymiser", "dataAgreement", "attestation", "provider", "standIn"],
];

export function describeEndpoint(name: string, reader: OptionReader, report: Report): Endpoint {
  reader.only(knownOptions);
  if (!isName(name)) report("name", `expected ${nameRule}, found ${show(name)}`);
  const model = modelOf(reader);
  const { price, listed } = readPrice(reader, model);
  return {
    name,
    class: reader.oneOf("class", endpointClasses),
    location: reader.oneOf("location", locations),
    clearance: clearanceOf(reader),
    clearanceDeclared: reader.get("clearance") !== undefined,
    model,
    price: price ?? (isLabelModel(model) ? inProcessPrice : undefined),
    listed,
    capabilities: capabilitiesOf(reader, report),
    limits: limitsOf(reader, report),
    p95Ms: p95Of(reader),
    reasoningTokens: reader.integer("reasoningTokens", { fallback: 0, min: 0, max: 1_000_000 }),
    domains: reader.optionalTexts("domains") ?? Object.freeze([]),
    quality: qualityOf(reader, report),
    certified: certifiedOf(reader, report),
    speculativeDecoding: speculativeOf(reader, report),
    anonymiser: anonymiserOf(reader, report),
    dataAgreement: attestationOf(reader, { key: "dataAgreement", report }),
    attestation: attestationOf(reader, { key: "attestation", report }),
    provider: reader.optionalText("provider"),
    standIn: reader.optionalFlag("standIn") === true,
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
  const inner = innerOf(reader, { key: "capabilities", report });
  if (inner === undefined) return Object.freeze({});
  const flags = ["tools", "jsonSchema", "logprobs", "toolsWithLogprobs"];
  inner.only([...flags, "contextTokens", "languages"]);
  for (const key of flags) inner.optionalFlag(key);
  inner.integer("contextTokens", { fallback: 1, min: 1, max: 1e9 });
  inner.optionalTexts("languages");
  return frozenCopy({ ...(reader.get("capabilities") as CapabilitySpec) });
}

function limitsOf(reader: OptionReader, report: Report): EndpointLimits {
  const inner = innerOf(reader, { key: "limits", report }) ?? new OptionReader({}, reader.path, report);
  inner.only(["concurrency", "queue", "fleetConcurrency", "fleetRequestsPerMinute"]);
  const optional = (key: "fleetConcurrency" | "fleetRequestsPerMinute", max: number): Partial<EndpointLimits> =>
    inner.get(key) === undefined ? {} : { [key]: inner.integer(key, { fallback: 1, min: 1, max }) };
  return Object.freeze({
    ...optional("fleetConcurrency", 10_000),
    ...optional("fleetRequestsPerMinute", 1_000_000),
    concurrency: inner.integer("concurrency", { fallback: 64, min: 1, max: 10_000 }),
    queue: inner.integer("queue", { fallback: 1_000, min: 0, max: 1_000_000 }),
  });
}

function p95Of(reader: OptionReader): number | undefined {
  const spec = reader.get("latency") as { p95Ms?: unknown } | null | undefined;
  if (spec === undefined) return undefined;
  const p95Ms = spec?.p95Ms;
  if (typeof p95Ms === "number" && p95Ms > 0 && Number.isFinite(p95Ms)) return p95Ms;
  reader.mistake("latency.p95Ms", `expected milliseconds above 0, found ${show(p95Ms)}`);
  return undefined;
}

/** One number stands for every tier. */
function qualityOf(reader: OptionReader, report: Report): Endpoint["quality"] {
  const found = reader.get("quality");
  if (found === undefined) return Object.freeze({});
  if (typeof found === "number") {
    const ratio = reader.ratio("quality") ?? 0;
    return Object.freeze(Object.fromEntries(complexityTiers.map((tier) => [tier, ratio])));
  }
  if (typeof found !== "object" || found === null) {
    reader.mistake("quality", `expected a number from 0 to 1, or one by tier, found ${show(found)}`);
    return {};
  }
  const inner = new OptionReader(found, `${reader.path}.quality`, report);
  inner.only(complexityTiers);
  return Object.freeze(
    Object.fromEntries(
      complexityTiers.flatMap((tier) => [[tier, inner.ratio(tier)] as const].filter(([, r]) => r !== undefined)),
    ),
  );
}

function certifiedOf(reader: OptionReader, report: Report): Endpoint["certified"] {
  const inner = innerOf(reader, { key: "certified", report });
  if (inner === undefined) return undefined;
  inner.only(["tiers", "evidence"]);
  const tiers = inner.optionalTexts("tiers") ?? [];
  const valid = tiers.filter(isComplexity);
  if (valid.length === 0 || valid.length < tiers.length)
    inner.mistake("tiers", `expected some of ${complexityTiers.join(", ")}, found ${unknownTier(inner.get("tiers"))}`);
  return Object.freeze({ tiers: Object.freeze(valid), evidence: inner.text("evidence") });
}

function unknownTier(found: unknown): string {
  if (!Array.isArray(found)) return show(found);
  return found.length === 0 ? "none" : show(found.find((tier) => !isComplexity(tier)));
}

function speculativeOf(reader: OptionReader, report: Report): SpeculativeDecoding | undefined {
  const inner = innerOf(reader, { key: "speculativeDecoding", report });
  if (inner === undefined) return undefined;
  inner.only(["draftModel", "speedup", "exactLogprobs"]);
  const speedup = inner.get("speedup");
  if (!(typeof speedup === "number" && speedup >= 1 && speedup <= 10))
    inner.mistake("speedup", `expected a number from 1 to 10, found ${show(speedup)}`);
  const exactLogprobs = inner.optionalFlag("exactLogprobs") === true;
  return Object.freeze({ draftModel: inner.text("draftModel"), speedup: Number(speedup), exactLogprobs });
}

function anonymiserOf(reader: OptionReader, report: Report): Anonymiser | undefined {
  const inner = innerOf(reader, { key: "anonymiser", report });
  if (inner === undefined) return undefined;
  inner.only(["name", "redact"]);
  const redact = inner.fn<Anonymiser["redact"]>("redact");
  return redact && Object.freeze({ name: inner.text("name"), redact });
}

function attestationOf(
  reader: OptionReader,
  { key, report }: { key: string; report: Report },
): Attestation | undefined {
  const inner = innerOf(reader, { key, report });
  if (inner === undefined) return undefined;
  inner.only(["by", "reason"]);
  return Object.freeze({ by: inner.text("by"), reason: inner.text("reason") });
}

function innerOf(reader: OptionReader, { key, report }: { key: string; report: Report }): OptionReader | undefined {
  const found = reader.get(key);
  return found === undefined ? undefined : new OptionReader(found, `${reader.path}.${key}`, report);
}
