import type { TracerProvider } from "@opentelemetry/api";
import type { Catalog } from "../catalog/catalog.ts";
import type { Clock } from "../common/clock.ts";
import { show } from "../common/names.ts";
import { OptionReader } from "../common/option-reader.ts";
import { DefinitionError, TierwiseError, type Problem } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { makeClearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { labelMistake } from "../tiers/label.ts";
import type { Engine } from "./engine.ts";
import type { RunOptions } from "./run.ts";
import type { HumanPort, HumanRequest } from "./session.ts";

export interface RuntimeOptions {
  readonly catalog: Catalog;
  readonly policy: Policy;
  readonly telemetry?: {
    /** Prompts and outputs are never recorded; recording them under a clearance is not built yet. @default "off" */
    readonly content?: "off";
    /** @default the global one that the host registered */
    readonly tracerProvider?: TracerProvider;
  };
  /** A person who answers where no endpoint may. Without one such a step is refused. */
  readonly onHuman?: {
    /** @default "public" */
    readonly clearance?: ClearanceSpec;
    /** Answers with a label (`classify`) or a value of the step's output schema. */
    readonly ask: (request: HumanRequest) => Promise<unknown>;
  };
  /** Refuse graphs whose input has no label. @default false */
  readonly requireLabels?: boolean;
  /** @default the machine's */
  readonly clock?: Clock;
  /** @default runs live in this process */
  readonly engine?: Engine;
}

const known = ["catalog", "policy", "telemetry", "onHuman", "requireLabels", "clock", "engine"];

/** @throws {DefinitionError} with every mistake at once */
export function checkRuntimeOptions(
  options: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): { human: HumanPort | undefined } {
  const problems: Problem[] = [];
  const reader = new OptionReader(
    options,
    "runtime",
    (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message }),
  );
  reader.only(known);
  const catalog = reader.get("catalog") as Partial<Catalog> | undefined;
  if (!Array.isArray(catalog?.endpoints))
    reader.mistake("catalog", `expected what createCatalog(...) returns, found ${show(catalog)}`);
  const policy = reader.get("policy") as Partial<Policy> | undefined;
  if (!Array.isArray(policy?.rules))
    reader.mistake("policy", `expected a policy such as defaultPolicy(), found ${show(policy)}`);
  const telemetry = (reader.get("telemetry") ?? {}) as { content?: unknown };
  if ((telemetry.content ?? "off") !== "off")
    reader.mistake("telemetry.content", `expected "off", found ${show(telemetry.content)}`);
  const human = humanOf(reader);
  for (const { name, why } of leaks(environment))
    problems.push({ code: "RUNTIME_INVALID", path: `environment.${name}`, message: why });
  if (problems.length > 0) throw new DefinitionError("createRuntime", problems, "RUNTIME_INVALID");
  return { human };
}

function humanOf(reader: OptionReader): HumanPort | undefined {
  const found = reader.get("onHuman") as RuntimeOptions["onHuman"];
  if (found === undefined) return undefined;
  if (typeof found.ask !== "function") reader.mistake("onHuman.ask", `expected a function, found ${show(found.ask)}`);
  const spec = found.clearance ?? "public";
  const mistake = labelMistake(spec);
  if (mistake !== undefined) reader.mistake("onHuman.clearance", mistake);
  return { clearance: makeClearance(mistake === undefined ? spec : "public"), ask: found.ask };
}

/** Variables that make LangChain or its clients copy prompts to places no clearance covers. Values are never printed. */
const leakyVariables = [
  { name: "LANGSMITH_TRACING", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGSMITH_TRACING_V2", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGCHAIN_TRACING", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGCHAIN_TRACING_V2", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGCHAIN_VERBOSE", on: /^true$/i, effect: "LangChain prints every prompt" },
  { name: "OPENAI_LOG", on: /^(debug|info)$/i, effect: "the OpenAI client prints requests" },
] as const;

function leaks(environment: Readonly<Record<string, string | undefined>>): { name: string; why: string }[] {
  return leakyVariables
    .filter(({ name, on }) => on.test(environment[name] ?? ""))
    .map(({ name, effect }) => ({ name, why: `is on: ${effect}, past every clearance. Unset it for this process.` }));
}

const dayMs = 86_400_000;

/** @throws {TierwiseError} `RUNTIME_INVALID` */
export function checkRunOptions(options: RunOptions): { costUsd: number | undefined; durationMs: number } {
  const { budget: { costUsd, durationMs = 600_000 } = {}, runId } = options;
  const refuse = (what: string, found: unknown): never => {
    throw new TierwiseError("RUNTIME_INVALID", `run options: expected ${what}, found ${show(found)}`);
  };
  if (costUsd !== undefined && !(costUsd > 0 && costUsd <= 1e6))
    refuse("budget.costUsd above 0 and up to 1,000,000", costUsd);
  if (!(durationMs >= 1 && durationMs <= dayMs)) refuse(`budget.durationMs from 1 to ${dayMs}`, durationMs);
  if (runId !== undefined && !/^[\w.:-]{1,128}$/.test(runId))
    refuse("runId of 1 to 128 letters, digits and _ . : -", runId);
  return { costUsd, durationMs };
}
