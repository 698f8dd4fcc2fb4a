/**
 * R5 for what a step shows while it runs: it goes to the caller of the run, so the caller must be cleared for it. That is the
 * caller of the outermost graph, whatever the graphs between declare for theirs.
 */
import { flowsTo, type Clearance } from "../../tiers/clearance.ts";
import { join, type Label } from "../../tiers/label.ts";
import { isNesting } from "../describe-nesting.ts";
import type { GraphDefinition, StepDefinition } from "../definition.ts";
import { flowDenied, type CheckedGraph, type ReportCode } from "./privacy-rules.ts";

/** A step that shows its answers, however deep, with the label of what it shows. */
interface ShowingStep {
  /** `items/reply`: the steps that run the graphs around it, and its own name. */
  readonly path: string;
  readonly label: Label;
}

export function checkStreams(
  clearance: Clearance,
  { graph, report }: { graph: CheckedGraph; report: ReportCode },
): void {
  const sink = { name: "caller (stream)", clearance, graph };
  for (const step of graph.steps) {
    for (const { path, label } of showingSteps(step, graph.flows)) {
      if (flowsTo(label, clearance)) continue;
      const isInside = path !== step.name;
      const what = isInside
        ? `leave out stream of "${path}", of whose graph the caller is another one`
        : "leave out stream";
      const fix = `declare g.output(..., { clearance }) if the caller may see it, ${what}`;
      const denied = flowDenied(isInside ? { ...step, name: path } : step, label, { ...sink, fix });
      report(`steps.${path}.stream`, denied, "PRIVACY_FLOW_DENIED");
    }
  }
}

function showingSteps(step: StepDefinition, flows: GraphDefinition["flows"]): readonly ShowingStep[] {
  const flow = flows[step.name];
  if (flow === undefined) return [];
  if (isNesting(step)) {
    const { steps, flows: inner } = step.graph;
    // That a graph runs at all tells what decided it, also where its step reads nothing.
    return steps.flatMap((own) =>
      showingSteps(own, inner).map(({ path, label }) => ({
        path: `${step.name}/${path}`,
        label: join(label, flow.control),
      })),
    );
  }
  const shows = (step.kind === "model" || step.kind === "agent") && step.stream !== undefined;
  return shows ? [{ path: step.name, label: flow.output }] : [];
}
