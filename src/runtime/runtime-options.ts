import type { KeyObject } from "node:crypto";
import type { Catalog } from "../catalog/catalog.ts";
import type { Clock } from "../common/clock.ts";
import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { capOptions, readCaps } from "../graph/read-budget.ts";
import type { Graph } from "../graph/types/graph.ts";
import type { StepBudget } from "../graph/types/steps.ts";
import type { Policy } from "../policy/policy.ts";
import { isPolicySource, type PolicySource } from "../policy/policy-source.ts";
import type { TraceSettings } from "../telemetry/trace-settings.ts";
import { makeClearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { labelMistake } from "../tiers/label.ts";
import { readBudgetsOptions, type BudgetsOptions } from "./budget/budgets-options.ts";
import type { Engine } from "./engine.ts";
import { macKeyRule, readMacKey } from "./tool-call/idempotency-key.ts";
import { readRetryOptions, type RetryOptions } from "./model-call/retry-options.ts";
import type { RunOptions } from "./run.ts";
import type { HumanPort, HumanRequest } from "./session.ts";
import { readTelemetryOptions, type TelemetryOptions } from "./telemetry-options.ts";

export interface RuntimeOptions {
  readonly catalog: Catalog;
  /** One for all runs, or a source such as a registry that is asked when a run starts; a run keeps its policy. */
  readonly policy: Policy | PolicySource;
  /** What spans say and where they go. @default spans without content, to the provider that the host registered */
  readonly telemetry?: TelemetryOptions;
  /** A person who answers where no endpoint may. Without one such a step is refused. */
  readonly onHuman?: {
    /** @default "public" */
    readonly clearance?: ClearanceSpec;
    /**
     * Answers with a label (`classify`) or a value of the step's output schema; an approval (`kind` says which is asked) with
     * `true`, `false` or `{ approved }`.
     */
    readonly ask: (request: HumanRequest) => Promise<unknown>;
  };
  /** Budgets that runs share, such as those of a tenant and a day. @default none */
  readonly budgets?: BudgetsOptions;
  /** Refuse graphs whose input has no label. @default false */
  readonly requireLabels?: boolean;
  /**
   * Decisions count with what recent requests showed: latency, failures, and how often answers were turned down. `false`:
   * they depend on declarations only, which is what a durable replay or a comparison of runs wants. An endpoint that takes
   * no request now is left out all the same.
   * @default true
   */
  readonly feedback?: boolean;
  /** When an endpoint is asked again before the next one is. `{ maxAttempts: 1 }`: never. */
  readonly retry?: RetryOptions;
  /**
   * Secret of the idempotency keys of tool calls and code steps: a text or bytes, at least 32 of them, drawn at random. With
   * the same secret and run id, a call has the same key in every process, so what resumes a run elsewhere needs it; durable
   * engines will require one. @default drawn at random for this process
   */
  readonly macKey?: string | Uint8Array;
  /** @default the machine's */
  readonly clock?: Clock;
  /** Source of jitter, from 0 to 1; a constant makes tests repeatable. @default Math.random */
  readonly random?: () => number;
  /** @default runs live in this process */
  readonly engine?: Engine;
  /**
   * Graphs whose runs this process takes over on a durable engine when the process that ran them is gone. Give every
   * process all of its graphs. @default none
   */
  readonly graphs?: readonly Graph<never, unknown>[];
}

const known = [
  "catalog",
  "policy",
  "telemetry",
  "onHuman",
  "budgets",
  "requireLabels",
  "feedback",
  "retry",
  "macKey",
  "clock",
  "random",
  "engine",
  "graphs",
];

export interface CheckedRuntimeOptions {
  readonly human: HumanPort | undefined;
  readonly retry: Required<RetryOptions>;
  readonly macKey: KeyObject;
  readonly budgets: Required<BudgetsOptions> | undefined;
  readonly telemetry: TraceSettings;
}

/** @throws {DefinitionError} with every mistake at once */
export function checkRuntimeOptions(
  options: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): CheckedRuntimeOptions {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(options, "runtime", report);
  reader.only(known);
  const catalog = reader.get("catalog") as Partial<Catalog> | undefined;
  if (!Array.isArray(catalog?.endpoints))
    reader.mistake("catalog", `expected what createCatalog(...) returns, found ${show(catalog)}`);
  const policy = reader.get("policy") as Partial<Policy> | undefined;
  if (!Array.isArray(policy?.rules) && !isPolicySource(policy))
    reader.mistake("policy", `expected a policy such as defaultPolicy(), or a registry, found ${show(policy)}`);
  const telemetry = readTelemetryOptions(reader.get("telemetry"), report);
  for (const name of ["requireLabels", "feedback"]) {
    const found = reader.get(name);
    if (found !== undefined && typeof found !== "boolean")
      reader.mistake(name, `expected true or false, found ${show(found)}`);
  }
  reportFleetLimits(catalog, { engine: reader.get("engine"), report });
  const graphs = reader.get("graphs") ?? [];
  if (!Array.isArray(graphs) || !graphs.every(isGraph))
    reader.mistake("graphs", `expected a list of graphs (what g.output(...) returns), found ${show(graphs)}`);
  reader.optionalFn("random");
  const retry = readRetryOptions(reader.get("retry"), report);
  const budgets = readBudgetsOptions(reader.get("budgets"), report);
  const macKey = readMacKey(reader.get("macKey"));
  // A secret is never shown, not even a wrong one.
  if (macKey === undefined) reader.mistake("macKey", `expected ${macKeyRule}, found something else`);
  const human = reader.get("onHuman") === undefined ? undefined : humanOf(reader.get("onHuman"), report);
  for (const { name, why } of leaks(environment))
    problems.push({ code: "RUNTIME_INVALID", path: `environment.${name}`, message: why });
  if (problems.length > 0 || macKey === undefined)
    throw new DefinitionError("createRuntime", problems, "RUNTIME_INVALID");
  return { human, retry, macKey, budgets, telemetry };
}

/** A limit that nobody keeps would be an ignored promise. */
function reportFleetLimits(
  catalog: Partial<Catalog> | undefined,
  { engine, report }: { engine: unknown; report: Report },
): void {
  if (!Array.isArray(catalog?.endpoints) || (engine as Partial<Engine> | undefined)?.places !== undefined) return;
  for (const { name, limits } of catalog.endpoints as Catalog["endpoints"])
    for (const key of ["fleetConcurrency", "fleetRequestsPerMinute"] as const)
      if (limits[key] !== undefined)
        report(
          `runtime.catalog.${name}.limits.${key}`,
          "expected an engine that all processes share (createRuntime({ engine: dbosEngine(...) })), found runs in this process alone; limits.concurrency holds here",
        );
}

function isGraph(found: unknown): boolean {
  return (found as Partial<Graph<never, unknown>> | null)?.definition !== undefined;
}

function humanOf(found: unknown, report: Report): HumanPort | undefined {
  const reader = new OptionReader(found, "runtime.onHuman", report);
  reader.only(["clearance", "ask"]);
  const ask = reader.fn<HumanPort["ask"]>("ask");
  const spec = (reader.get("clearance") ?? "public") as ClearanceSpec;
  const mistake = labelMistake(spec);
  if (mistake !== undefined) reader.mistake("clearance", mistake);
  return ask && { clearance: makeClearance(mistake === undefined ? spec : "public"), ask };
}

/** Variables that make LangChain or its clients copy prompts to places no clearance covers. Values are never printed. */
const leakyVariables = [
  { name: "LANGSMITH_TRACING", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGSMITH_TRACING_V2", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGCHAIN_TRACING", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGCHAIN_TRACING_V2", on: /^true$/i, effect: "LangChain posts every prompt to a tracing server" },
  { name: "LANGSMITH_OTEL_ENABLED", on: /^true$/i, effect: "LangChain copies every prompt into spans" },
  { name: "LANGCHAIN_OTEL_ENABLED", on: /^true$/i, effect: "LangChain copies every prompt into spans" },
  { name: "LANGCHAIN_VERBOSE", on: /^true$/i, effect: "LangChain prints every prompt" },
  { name: "OPENAI_LOG", on: /^(debug|info)$/i, effect: "the OpenAI client prints requests" },
] as const;

function leaks(environment: Readonly<Record<string, string | undefined>>): { name: string; why: string }[] {
  return leakyVariables
    .filter(({ name, on }) => on.test(environment[name] ?? ""))
    .map(({ name, effect }) => ({ name, why: `is on: ${effect}, past every clearance. Unset it for this process.` }));
}

/** 20 days: a timer of Node is good for 24. */
const longestRunMs = 20 * 86_400_000;

/** What a run is bound by, with defaults filled in. */
export interface CheckedRunOptions {
  readonly budget: StepBudget;
  readonly durationMs: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly conversationId?: string | undefined;
}

/** @throws {DefinitionError} `RUNTIME_INVALID`, with every mistake at once */
export function checkRunOptions(options: RunOptions): CheckedRunOptions {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(options, "run", report);
  // A misspelt cap would otherwise be no cap.
  reader.only(["budget", "signal", "runId", "tags", "conversationId"]);
  const budget = new OptionReader(reader.get("budget") ?? {}, "run.budget", report);
  budget.only([...capOptions, "durationMs"]);
  const within = (key: string, [least, most]: readonly [number, number]): number | undefined => {
    const found = budget.get(key);
    if (found === undefined || (typeof found === "number" && found >= least && found <= most)) return found;
    budget.mistake(key, `expected a number from ${least} to ${most}, found ${show(found)}`);
    return undefined;
  };
  const caps = readCaps(budget);
  const durationMs = within("durationMs", [1, longestRunMs]) ?? 600_000;
  const signal = reader.get("signal") as Partial<AbortSignal> | null | undefined;
  if (signal !== undefined && typeof signal?.addEventListener !== "function")
    reader.mistake("signal", `expected an AbortSignal, found ${show(signal)}`);
  readId(reader, "runId");
  const conversationId = readId(reader, "conversationId");
  const tags = tagsOf(reader);
  if (problems.length > 0) throw new DefinitionError("run options", problems, "RUNTIME_INVALID");
  return { budget: caps, durationMs, tags, conversationId };
}

/** Ids end up on spans, so they must not be able to hold a sentence. */
function readId(reader: OptionReader, key: string): string | undefined {
  const found = reader.get(key);
  if (found === undefined || (typeof found === "string" && /^[\w.:-]{1,128}$/.test(found))) return found;
  reader.mistake(key, `expected 1 to 128 letters, digits and _ . : -, found ${show(found)}`);
  return undefined;
}

const maxTags = 16;

const noTags: Readonly<Record<string, string>> = Object.freeze({});

function tagsOf(reader: OptionReader): Readonly<Record<string, string>> {
  const found = reader.get("tags");
  if (found === undefined || found === null) return noTags;
  const isPlain = typeof found === "object" && !Array.isArray(found);
  const entries = isPlain ? Object.entries(found) : [];
  if (!isPlain || entries.length > maxTags)
    reader.mistake("tags", `expected an object of at most ${maxTags} texts, found ${show(found)}`);
  for (const [name, value] of entries) {
    if (typeof value !== "string") reader.mistake(`tags.${name}`, `expected a text, found ${show(value)}`);
  }
  return Object.freeze(Object.fromEntries(entries) as Record<string, string>);
}
