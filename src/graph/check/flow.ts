/**
 * Labels along the edges of a graph (rules R1 to R4), computed once when it is built. They are the worst case of every
 * run, so a graph that passes here cannot leak by taking another path.
 */
import { declassify } from "../../tiers/declassify.ts";
import { isAtLeast, join, joinAll, publicTrusted, withIntegrity, type Label } from "../../tiers/label.ts";
import type { AgentStep, GraphDefinition, StepDefinition, StepFlow } from "../definition.ts";
import type { RefNode } from "../ref.ts";

export interface FlowSources {
  readonly inputLabel: Label;
  readonly fieldLabels: Readonly<Record<string, Label>>;
}

export type Flows = Readonly<Record<string, StepFlow>>;

/** @param steps in order of definition, which is topological. */
export function flowsOf(steps: readonly StepDefinition[], sources: FlowSources): Flows {
  const flows: Record<string, StepFlow> = {};
  for (const step of steps) flows[step.name] = flowOf(step, sources, flows);
  return flows;
}

/** Label of the value behind a reference; a step that could not be described counts as public, its own problem says why. */
export function labelOf(ref: RefNode, sources: FlowSources, flows: Flows): Label {
  switch (ref.source.kind) {
    case "input":
      return sources.inputLabel;
    case "field":
      return sources.fieldLabels[ref.source.field] ?? sources.inputLabel;
    case "step":
      return flows[ref.source.step]?.output ?? publicTrusted;
  }
}

function flowOf(step: StepDefinition, sources: FlowSources, flows: Flows): StepFlow {
  const control = controlOf(step, sources, flows);
  const read = Object.values(step.needs).map((ref) => labelOf(ref, sources, flows));
  const input = join(joinAll(read), control);
  const context = step.kind === "agent" ? agentContext(step, input) : input;
  // A failure that becomes `undefined` depends on all that the step saw, as a code step's missing value does.
  const mayBeMissing = step.kind === "code" || ("onError" in step && step.onError.kind === "skip");
  const flow = { control, input, context, mayBeMissing };
  return { ...flow, output: outputOf(step, flow) };
}

/** R1: what a `when` reads decides whether the step runs; so does whatever decided that a needed step was skipped. */
function controlOf(step: StepDefinition, sources: FlowSources, flows: Flows): Label {
  const refs = Object.values(step.needs);
  const hasWhen = "when" in step && step.when !== undefined;
  if (hasWhen) return joinAll(refs.map((ref) => labelOf(ref, sources, flows)));
  return joinAll(refs.map((ref) => existence(step, ref, { sources, flows })));
}

/**
 * Label of whether a needed value is there, as far as the step depends on it. A redaction is skipped with its source, so
 * it depends on what decided that; `required` and `firstOf` also on content, where code or a caller may leave it out.
 */
function existence(step: StepDefinition, ref: RefNode, graph: { sources: FlowSources; flows: Flows }): Label {
  const asks = step.kind === "firstOf" || ref.whenSkipped.kind === "skip";
  if (!asks && step.kind !== "redact") return publicTrusted;
  const { source } = ref;
  const byContent = source.kind !== "step" || graph.flows[source.step]?.mayBeMissing === true;
  if (asks && byContent) return labelOf(ref, graph.sources, graph.flows);
  return source.kind === "step" ? (graph.flows[source.step]?.control ?? publicTrusted) : publicTrusted;
}

/** R3: the tool loop may call every tool, so its context can come to hold every result. */
function agentContext(step: AgentStep, input: Label): Label {
  return joinAll([input, ...step.tools.map((tool) => toolResultLabel(tool.returns, input))]);
}

/** Label of a tool's result: as declared, else that of its arguments, untrusted. */
export function toolResultLabel(returns: Label | undefined, args: Label): Label {
  return returns ?? withIntegrity(args, "untrusted");
}

/** R4, and the two declared exceptions: a redaction lowers (R8), an endorsement of a closed set trusts (R9). */
function outputOf(
  step: StepDefinition,
  { input, context, control }: Pick<StepFlow, "input" | "context" | "control">,
): Label {
  switch (step.kind) {
    case "code":
      return step.produces === undefined ? input : join(input, step.produces);
    case "redact":
      return declassify(input, step.declassification);
    case "classify":
      return step.endorse === undefined ? context : withIntegrity(context, control.integrity);
    case "model":
    case "agent":
    case "firstOf":
      return context;
    case "subgraph":
    case "map":
    case "loop":
      return join(input, outputLabelOf(step.graph));
    case "approve":
      // A person decided: what they read is still as confidential, but it is no longer an outsider who says so.
      return withIntegrity(input, control.integrity);
  }
}

/** Label of what a graph gives back, as its own check computed it from the label that it declares for its input. */
export function outputLabelOf({ output, inputLabel, fieldLabels, flows }: GraphDefinition): Label {
  const refs = output.kind === "one" ? [output.ref] : Object.values(output.refs);
  return joinAll(refs.map((ref) => labelOf(ref, { inputLabel, fieldLabels }, flows)));
}

/** The way by which a label came to a step, for error texts: `input.ticket -> triage -> reply`. */
export function pathTo(
  step: StepDefinition,
  label: Label,
  graph: { steps: readonly StepDefinition[]; sources: FlowSources; flows: Flows },
): string {
  const { steps, sources, flows } = graph;
  const path = [step.name];
  let here: StepDefinition | undefined = step;
  while (here !== undefined) {
    const refs: readonly RefNode[] = Object.values(here.needs);
    const guilty = refs.find((ref) => isAtLeast(labelOf(ref, sources, flows), label)) ?? refs[0];
    if (guilty === undefined) break;
    path.unshift(refName(guilty));
    const source: RefNode["source"] = guilty.source;
    here = source.kind === "step" ? steps.find((candidate) => candidate.name === source.step) : undefined;
  }
  return path.join(" -> ");
}

/** A reference as its author wrote it: `input.ticket`, or the name of a step. */
export function refName({ source }: RefNode): string {
  return source.kind === "input" ? "input" : source.kind === "field" ? `input.${source.field}` : source.step;
}
