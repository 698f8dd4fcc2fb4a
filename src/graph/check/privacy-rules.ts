/** What labels forbid that can be seen without a catalog: R5 and R6 for tools, R5 for the caller, R7, R8. */
import type { ErrorCode } from "../../errors.ts";
import { excess, flowsTo, formatClearance, type Clearance } from "../../tiers/clearance.ts";
import { declassifyMistakes, redactionFor } from "../../tiers/declassify.ts";
import { formatLabel, isAtLeast, join, levelOf, publicTrusted, type Label } from "../../tiers/label.ts";
import { isNesting } from "../describe-nesting.ts";
import type { AgentStep, BoundTool, CodeStep, NestingStep, RedactStep, StepDefinition } from "../definition.ts";
import type { RefNode } from "../ref.ts";
import { labelOf, outputLabelOf, pathTo, refName, type Flows, type FlowSources } from "./flow.ts";
import { maxReleasedBits, openPlace, releasedBits } from "./release.ts";

export interface CheckedGraph {
  readonly steps: readonly StepDefinition[];
  readonly sources: FlowSources;
  readonly flows: Flows;
}

export type ReportCode = (path: string, message: string, code: ErrorCode) => void;

export function checkPrivacy(graph: CheckedGraph, report: ReportCode): void {
  for (const step of graph.steps) {
    checkBound(step, graph, report);
    if (step.kind === "agent") for (const tool of step.tools) checkTool(step, tool, { graph, report });
    if (step.kind === "code") checkCode(step, graph, report);
    if (step.kind === "redact") checkRedact(step, graph, report);
    if (isNesting(step)) checkNested(step, graph, report);
  }
}

/** R7: a declared tier is an upper bound on everything the step sees; it never lowers a label. */
function checkBound(step: StepDefinition, graph: CheckedGraph, report: ReportCode): void {
  const bound = "privacy" in step ? step.privacy : undefined;
  const context = graph.flows[step.name]?.context;
  if (bound === undefined || context === undefined || levelOf(context.level) <= levelOf(bound)) return;
  report(
    `steps.${step.name}.privacy`,
    `step "${step.name}" declares privacy ${bound}, but sees ${formatLabel(context)}\n` +
      `path: ${pathTo(step, context, graph)}\n` +
      `Fix: declare privacy: "${context.level}", or g.redact(... to "${bound}") what it reads.`,
    "PRIVACY_TIER_EXCEEDED",
  );
}

/** R5 for code that says what it may be handed. */
function checkCode(step: CodeStep, graph: CheckedGraph, report: ReportCode): void {
  const flow = graph.flows[step.name];
  if (step.accepts === undefined || flow === undefined || flowsTo(flow.input, step.accepts)) return;
  const sink = { name: "its code (accepts)", fix: `raise accepts of "${step.name}"`, clearance: step.accepts, graph };
  report(`steps.${step.name}.accepts`, flowDenied(step, flow.input, sink), "PRIVACY_FLOW_DENIED");
}

/**
 * A graph inside another was checked for the label that its own input declares; so what it is handed may not be above that,
 * field by field. A loop hands its body's result back to it.
 */
function checkNested(step: NestingStep, graph: CheckedGraph, report: ReportCode): void {
  const { inputLabel, fieldLabels, name } = step.graph;
  const isByField = step.kind === "subgraph" && step.byField;
  const handed = Object.entries(step.needs).map(([field, ref]) => ({
    field,
    label: labelOf(ref, graph.sources, graph.flows),
  }));
  const control = graph.flows[step.name]?.control ?? publicTrusted;
  const returned = step.kind === "loop" ? [{ field: "input", label: outputLabelOf(step.graph) }] : [];
  for (const { field, label } of [...handed, ...returned]) {
    // A whole value is every field of it.
    const declared = isByField ? [fieldLabels[field] ?? inputLabel] : [inputLabel, ...Object.values(fieldLabels)];
    const low = declared.find((own) => !isAtLeast(own, join(label, control)));
    if (low === undefined) continue;
    report(
      `steps.${step.name}.input`,
      `step "${step.name}" hands graph "${name}" ${formatLabel(label, label.integrity)}${isByField ? ` as "${field}"` : ""}, ` +
        `whose input is declared ${formatLabel(low, low.integrity)}\n` +
        `Fix: declare label (and fields) of graph "${name}" at least that high, or g.redact what it is handed.`,
      "PRIVACY_FLOW_DENIED",
    );
  }
}

function checkTool(
  step: AgentStep,
  tool: BoundTool,
  { graph, report }: { graph: CheckedGraph; report: ReportCode },
): void {
  const flow = graph.flows[step.name];
  if (flow === undefined) return;
  const path = `steps.${step.name}.tools.${tool.name}`;
  if (!flowsTo(flow.context, tool.accepts)) {
    const sink = { name: `tool "${tool.name}" (arguments)`, fix: `raise accepts of "${tool.name}"` };
    report(path, flowDenied(step, flow.context, { clearance: tool.accepts, ...sink, graph }), "PRIVACY_FLOW_DENIED");
  }
  const untrusted = untrustedAction(step, tool, flow.control);
  if (untrusted !== undefined) report(path, untrusted, "PRIVACY_ACTION_UNTRUSTED");
}

/** R6: an effect needs trusted control, and argument by argument a value that code set or bounded, or a person approves. */
function untrustedAction(step: AgentStep, tool: BoundTool, control: Label): string | undefined {
  if (tool.effect === "read") return undefined;
  const subject = `step "${step.name}" -> tool "${tool.name}" (effect ${tool.effect})`;
  if (control.integrity === "untrusted") {
    return `${subject}: its "when" reads untrusted data, so an outsider could decide that it runs\nFix: endorse what "when" reads (a closed enum), or declare the field trusted if your own code set it.`;
  }
  const free = freeArguments(tool);
  if (free.length === 0 || tool.untrustedArguments !== undefined || tool.approve !== undefined) return undefined;
  return `${subject}: a model chooses ${free.join(", ")} from data an outsider may have written\nFix: pin or bound each by code (pin, max), have a person approve each call (approve), declare effect: "read" if it changes nothing, or accept it openly with untrustedArguments: { reason }.`;
}

/** Arguments that neither code sets nor bounds, the undeclared ones of an open schema included. */
function freeArguments({ shownParameters, max, parse }: BoundTool): string[] {
  const declared = Object.keys(shownParameters["properties"] ?? {}).filter((name) => !Object.hasOwn(max, name));
  // zod drops undeclared members unless the schema asks for them; nobody here does so for a plain JSON Schema.
  const others = shownParameters["additionalProperties"] ?? parse === undefined;
  const open = others !== false || composed.some((keyword) => keyword in shownParameters);
  return [...declared.map((name) => `"${name}"`), ...(open ? ["undeclared members (the schema is open)"] : [])];
}

/** Keywords of JSON Schema that declare members elsewhere than in `properties`. */
const composed = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if"];

/** R8: legal whatever the data, and for untrusted data only closed values. */
function checkRedact(step: RedactStep, graph: CheckedGraph, report: ReportCode): void {
  const flow = graph.flows[step.name];
  if (flow === undefined) return;
  const from = flow.input;
  const path = `steps.${step.name}`;
  const code = "PRIVACY_DECLASSIFY_ILLEGAL";
  for (const mistake of declassifyMistakes(from, step.declassification))
    report(path, `step "${step.name}": ${mistake}`, code);
  const opened = openPlace(step.output.json);
  if (opened !== undefined)
    report(`${path}.${opened}`, `step "${step.name}": the schema must not admit what it does not declare`, code);
  if (flow.control.integrity === "untrusted") {
    report(
      path,
      `step "${step.name}": untrusted data decides whether "${Object.keys(step.needs).join()}" exists, so an outsider could choose what is released\nFix: endorse what the "when" before it reads, or declare the field trusted.`,
      code,
    );
  }
  if (from.integrity === "trusted" || opened !== undefined) return;
  const release = releasedBits(step.output.json);
  if (release.kind === "open") {
    report(`${path}.${release.path}`, `step "${step.name}" releases from untrusted data: ${release.why}`, code);
  } else if (release.bits > maxReleasedBits) {
    const bits = `${release.bits.toFixed(1)} bits, more than ${maxReleasedBits}`;
    report(
      `${path}.output`,
      `step "${step.name}" releases ${bits}, from untrusted data: a phone number would fit; narrow the enums and ranges`,
      code,
    );
  }
}

/** R5 for the caller: the output may not be above what the caller handed in, unless declared. */
export function checkOutput(
  refs: Readonly<Record<string, RefNode>>,
  clearance: Clearance,
  check: { graph: CheckedGraph; report: ReportCode },
): void {
  const { graph, report } = check;
  for (const [name, ref] of Object.entries(refs)) {
    const label = labelOf(ref, graph.sources, graph.flows);
    if (flowsTo(label, clearance)) continue;
    const source = ref.source;
    const step = source.kind === "step" ? graph.steps.find((candidate) => candidate.name === source.step) : undefined;
    const sink = {
      clearance,
      name: "caller (output)",
      fix: "declare g.output(..., { clearance }) if the caller may see it",
      ...(step !== undefined &&
        raises(step, clearance, graph) && { redactAt: `between "${step.name}" and the output` }),
    };
    report(`output.${name}`, flowDenied(step ?? refName(ref), label, { ...sink, graph }), "PRIVACY_FLOW_DENIED");
  }
}

/** It is the step itself that goes above the clearance: a redaction of what it reads would be of no use. */
function raises({ name }: StepDefinition, clearance: Clearance, { flows }: CheckedGraph): boolean {
  const flow = flows[name];
  return flow !== undefined && flowsTo(flow.input, clearance);
}

export interface Sink {
  readonly name: string;
  readonly clearance: Clearance;
  readonly fix: string;
  /** Where a redaction would have to stand. @default before what the payload comes from */
  readonly redactAt?: string;
  readonly graph: CheckedGraph;
}

/** Where the payload comes from: a step, or the graph's input as the author refers to it. */
export function flowDenied(from: StepDefinition | string, label: Label, sink: Sink): string {
  const isInput = typeof from === "string";
  const subject = isInput ? from : `step "${from.name}"`;
  const over = excess(label, sink.clearance);
  const redactAt = sink.redactAt ?? `before ${isInput ? "the output" : `"${from.name}"`}`;
  const redaction = redactionFor(label, sink.clearance);
  return (
    `PRIVACY_FLOW_DENIED [build] ${subject} -> ${sink.name}\n` +
    `payload ${formatLabel(label, label.integrity)} exceeds clearance ${formatClearance(sink.clearance)}: ${over}\n` +
    `path: ${isInput ? from : pathTo(from, label, sink.graph)}\n` +
    `Fix: ${redaction === undefined ? "" : `${redaction} ${redactAt}, `}${sink.fix}, or drop it here`
  );
}
