/** Turns what an author wrote for one step into its frozen definition, reporting every mistake on the way. */
import { OptionReader, type Report } from "../common/option-reader.ts";
import { show } from "../common/names.ts";
import { complexityTiers, defaultMaxOutputTokens, type Complexity } from "../tiers/complexity.ts";
import type { Demands } from "../tiers/demands.ts";
import { makeClearance, type ClearanceSpec } from "../tiers/clearance.ts";
import type { Compartment, LabelSpec, Privacy } from "../tiers/label.ts";
import { labelMistake, makeLabel, privacyLevels } from "../tiers/label.ts";
import { bindTools } from "./bind-tool.ts";
import type { AgentStep, ClassifyStep, CodeStep, ModelStep, NeedValues, OnError, RedactStep } from "./definition.ts";
import type { RefNode } from "./ref.ts";
import { readStepBudget } from "./read-budget.ts";
import { demandOptions, readDemands } from "./read-demands.ts";
import { openSchema, type Schema } from "./schema.ts";

/** What a step knows of its surroundings while it is described. */
export interface StepSetting {
  readonly name: string;
  readonly index: number;
  readonly needs: Readonly<Record<string, RefNode>>;
  /** The graph's default bound. */
  readonly privacy: Privacy;
  /** The graph's defaults. */
  readonly demands: Demands;
  readonly report: Report;
}

const dayMs = 86_400_000;
const common = ["needs", "when", "privacy", "timeoutMs", "onError"];
const limits = ["maxOutputTokens", "system", "budget", ...demandOptions];

function baseOf(reader: OptionReader, { name, index, needs }: StepSetting) {
  const timeoutMs = reader.integer("timeoutMs", { fallback: 60_000, min: 1, max: dayMs });
  return { name, index, needs, timeoutMs, when: reader.optionalFn<(values: NeedValues) => boolean>("when") };
}

/** What a failure becomes. */
export function onErrorOf(reader: OptionReader): OnError {
  const found = reader.get("onError") ?? "fail";
  if (found === "fail" || found === "skip") return { kind: found };
  if (typeof found === "object" && Object.keys(found).join() === "value")
    return { kind: "value", value: (found as { value: unknown }).value };
  reader.mistake("onError", `expected "fail", "skip" or { value }, found ${show(found)}`);
  return { kind: "fail" };
}

const defaultMemoTtlMs = 3_600_000;

/** Whether and for how long results are kept. */
function memoOf(reader: OptionReader, report: Report): { readonly ttlMs: number } | undefined {
  const found = reader.get("memo");
  if (found === undefined || found === false) return undefined;
  if (found === true) return { ttlMs: defaultMemoTtlMs };
  const inner = new OptionReader(found, `${reader.path}.memo`, report);
  inner.only(["ttlMs"]);
  return { ttlMs: inner.integer("ttlMs", { fallback: defaultMemoTtlMs, min: 1, max: dayMs }) };
}

/** Whether and how answers are shown while they are written. */
function streamOf(reader: OptionReader, report: Report): ModelStep["stream"] {
  const found = reader.get("stream");
  if (found === undefined) return undefined;
  if (found === false) {
    reader.mistake("stream", "expected true or { holdUntilChecked, idleTimeoutMs }, found false; leave it out");
    return undefined;
  }
  const inner = new OptionReader(found === true ? {} : found, `${reader.path}.stream`, report);
  inner.only(["holdUntilChecked", "idleTimeoutMs"]);
  return {
    holdUntilChecked: inner.optionalFlag("holdUntilChecked") ?? false,
    idleTimeoutMs: inner.integer("idleTimeoutMs", { fallback: 30_000, min: 100, max: 600_000 }),
  };
}

function placedOf(
  reader: OptionReader,
  setting: StepSetting,
  { complexity, maxTurns = 1 }: { complexity: Complexity; maxTurns?: number },
) {
  const range = { fallback: defaultMaxOutputTokens[complexity], min: 1, max: 1_000_000 };
  return {
    ...baseOf(reader, setting),
    onError: onErrorOf(reader),
    complexity,
    privacy: reader.oneOf("privacy", privacyLevels, setting.privacy),
    maxOutputTokens: reader.integer("maxOutputTokens", range),
    demands: readDemands(reader, { defaults: setting.demands, maxTurns, report: setting.report }),
    system: reader.optionalText("system"),
    budget: readStepBudget(reader, setting.report),
  };
}

function schemaOf(reader: OptionReader): Schema | undefined {
  const schema = openSchema(reader.get("output"), "output");
  if (typeof schema !== "string") return schema;
  reader.mistake("output", schema);
  return undefined;
}

export function describeModel(spec: unknown, setting: StepSetting): ModelStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only([...common, ...limits, "complexity", "output", "prompt", "validate", "memo", "stream"]);
  const placed = placedOf(reader, setting, { complexity: reader.oneOf("complexity", complexityTiers) });
  const output = schemaOf(reader);
  const prompt = reader.fn<ModelStep["prompt"]>("prompt");
  const validate = reader.optionalFn<NonNullable<ModelStep["validate"]>>("validate");
  const { report } = setting;
  const shared = { memo: memoOf(reader, report), stream: streamOf(reader, report) };
  return output && prompt && { kind: "model", ...placed, output, prompt, validate, ...shared };
}

export function describeClassify(spec: unknown, setting: StepSetting): ClassifyStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only([...common, ...limits, "labels", "text", "endorse", "memo"]);
  const placed = placedOf(reader, setting, { complexity: "classification" });
  const labels = labelsOf(reader);
  const text = reader.fn<ClassifyStep["text"]>("text");
  return (
    labels &&
    text && {
      kind: "classify",
      ...placed,
      labels,
      text,
      endorse: reader.reason("endorse"),
      memo: memoOf(reader, setting.report),
    }
  );
}

function labelsOf(reader: OptionReader): readonly string[] | undefined {
  const found = reader.get("labels");
  const valid = Array.isArray(found) && found.every((label) => typeof label === "string" && label.trim() !== "");
  if (!valid || found.length < 2) {
    reader.mistake("labels", `expected at least two texts that are not empty, found ${show(found)}`);
    return undefined;
  }
  if (new Set(found).size < found.length) reader.mistake("labels", "the same label stands here twice");
  if (found.includes("uncertain"))
    reader.mistake("labels", '"uncertain" is the answer of a model that cannot tell; choose another word');
  return [...(found as string[])];
}

export function describeCode(spec: unknown, setting: StepSetting): CodeStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only([...common, "produces", "accepts", "run", "memo"]);
  const produces = reader.get("produces") as Privacy | LabelSpec | undefined;
  const mistake = produces === undefined ? undefined : labelMistake(produces);
  if (mistake !== undefined) reader.mistake("produces", mistake);
  const accepts = reader.get("accepts") as ClearanceSpec | undefined;
  const clearanceMistake = accepts === undefined ? undefined : labelMistake(accepts);
  if (clearanceMistake !== undefined) reader.mistake("accepts", clearanceMistake);
  const declaresPrivacy = reader.get("privacy") !== undefined;
  const privacy = declaresPrivacy ? reader.oneOf("privacy", privacyLevels, setting.privacy) : undefined;
  const run = reader.fn<CodeStep["run"]>("run");
  return (
    run && {
      kind: "code",
      ...baseOf(reader, setting),
      onError: onErrorOf(reader),
      memo: memoOf(reader, setting.report),
      privacy,
      produces: produces === undefined || mistake !== undefined ? undefined : makeLabel(produces, "trusted"),
      // A clearance that cannot be read admits nothing but public data; its mistake is reported.
      accepts: accepts && makeClearance(clearanceMistake === undefined ? accepts : "public"),
      run,
    }
  );
}

export function describeAgent(spec: unknown, setting: StepSetting): AgentStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  const own = ["output", "prompt", "tools", "maxTurns", "maxRepairs", "toolConcurrency", "stream"];
  reader.only([...common, ...limits, ...own]);
  const maxTurns = reader.integer("maxTurns", { fallback: 8, min: 1, max: 100 });
  const placed = placedOf(reader, setting, { complexity: "agentic", maxTurns });
  const output = schemaOf(reader);
  const prompt = reader.fn<AgentStep["prompt"]>("prompt");
  const tools = bindTools(reader, setting.report);
  const loop = {
    maxTurns,
    maxRepairs: reader.integer("maxRepairs", { fallback: 2, min: 0, max: 10 }),
    toolConcurrency: reader.integer("toolConcurrency", { fallback: 4, min: 1, max: 16 }),
    stream: streamOf(reader, setting.report),
  };
  return output && prompt && { kind: "agent", ...placed, output, prompt, tools, ...loop };
}

export function describeRedact(spec: unknown, setting: StepSetting): RedactStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only(["from", "output", "map", "removes", "to", "reason"]);
  const output = schemaOf(reader);
  const map = reader.fn<RedactStep["map"]>("map");
  const removes = reader.get("removes");
  const mistake =
    removes === undefined
      ? "expected an array of compartments, found undefined"
      : labelMistake({ level: "public", compartments: removes });
  if (mistake !== undefined) reader.mistake("removes", mistake);
  const to = reader.oneOf("to", privacyLevels);
  const declassification = {
    removes: mistake === undefined ? [...(removes as Compartment[])] : [],
    to,
    reason: reader.text("reason"),
  };
  const { name, index, needs } = setting;
  return output && map && { kind: "redact", name, index, needs, timeoutMs: dayMs, output, map, declassification };
}
