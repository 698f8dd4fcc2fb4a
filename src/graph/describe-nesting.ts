/** Steps that run another graph, and the step that asks a person. */
import { show } from "../common/names.ts";
import { OptionReader } from "../common/option-reader.ts";
import type { ApproveStep, GraphDefinition, LoopStep, MapStep, NestingStep, SubgraphStep } from "./definition.ts";
import { readStepBudget } from "./read-budget.ts";
import { nodeOf } from "./ref.ts";
import { onErrorOf, type StepSetting } from "./describe-steps.ts";

const dayMs = 86_400_000;

/** What all of them share: the graph, what a failure becomes, and no condition of their own. */
function nestingOf(reader: OptionReader, { name, index, needs, report }: StepSetting, key: string) {
  const found = reader.get(key) as { definition?: GraphDefinition } | null | undefined;
  const graph = found?.definition;
  if (graph === undefined)
    reader.mistake(key, `expected a finished graph (what g.output(...) returns), found ${show(found)}`);
  const budget = readStepBudget(reader, report);
  return graph && { name, index, needs, timeoutMs: dayMs, when: undefined, onError: onErrorOf(reader), budget, graph };
}

export function describeSubgraph(spec: unknown, setting: StepSetting): SubgraphStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only(["input", "graph", "onError", "budget"]);
  const nesting = nestingOf(reader, setting, "graph");
  return nesting && { kind: "subgraph", ...nesting, byField: nodeOf(reader.get("input")) === undefined };
}

export function describeMap(spec: unknown, setting: StepSetting): MapStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only(["over", "each", "concurrency", "maxItems", "onItemError", "onError", "budget"]);
  const nesting = nestingOf(reader, setting, "each");
  const concurrency = reader.integer("concurrency", { fallback: 8, min: 1, max: 100 });
  const maxItems = reader.integer("maxItems", { fallback: 1_000, min: 1, max: 100_000 });
  const onItemError = reader.oneOf("onItemError", ["fail", "collect"], "fail");
  return nesting && { kind: "map", ...nesting, concurrency, maxItems, onItemError };
}

export function describeLoop(spec: unknown, setting: StepSetting): LoopStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only(["start", "body", "until", "maxIterations", "onLimit", "onError", "budget"]);
  const nesting = nestingOf(reader, setting, "body");
  const until = reader.fn<LoopStep["until"]>("until");
  if (reader.get("maxIterations") === undefined)
    reader.mistake("maxIterations", "expected a whole number from 1 to 1000: every loop has a limit");
  const maxIterations = reader.integer("maxIterations", { fallback: 1, min: 1, max: 1_000 });
  const onLimit = reader.oneOf("onLimit", ["fail", "accept"], "fail");
  return nesting && until && { kind: "loop", ...nesting, until, maxIterations, onLimit };
}

export function describeApprove(spec: unknown, setting: StepSetting): ApproveStep | undefined {
  const reader = new OptionReader(spec, `steps.${setting.name}`, setting.report);
  reader.only(["needs", "when", "timeoutMs", "question"]);
  const { name, index, needs } = setting;
  const timeoutMs = reader.integer("timeoutMs", { fallback: dayMs, min: 1, max: dayMs });
  const when = reader.optionalFn<NonNullable<ApproveStep["when"]>>("when");
  const question = reader.fn<ApproveStep["question"]>("question");
  return question && { kind: "approve", name, index, needs, timeoutMs, when, question };
}

export function isNesting(step: { readonly kind: string }): step is NestingStep {
  return step.kind === "subgraph" || step.kind === "map" || step.kind === "loop";
}
