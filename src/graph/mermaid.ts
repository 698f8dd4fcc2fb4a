import { formatLabel } from "../tiers/label.ts";
import type { GraphDefinition, StepDefinition } from "./definition.ts";
import type { RefNode } from "./ref.ts";

/** Mermaid flowchart source: one node a step with its kind, tier and the highest label it sees; dashed = may be skipped. */
export function toMermaid(graph: GraphDefinition): string {
  const lines = ["flowchart TD", `  in(["input: ${formatLabel(graph.inputLabel)}"])`];
  for (const step of graph.steps) {
    // By position, because step names may be words of Mermaid such as `end`.
    lines.push(`  s${step.index}["${describe(step, graph)}"]`);
    const arrow = "when" in step && step.when !== undefined ? "-.->" : "-->";
    for (const source of sourcesOf(step.needs, graph)) lines.push(`  ${source} ${arrow} s${step.index}`);
  }
  lines.push('  out(["output"])');
  const refs = graph.output.kind === "one" ? { output: graph.output.ref } : graph.output.refs;
  for (const source of sourcesOf(refs, graph)) lines.push(`  ${source} --> out`);
  return lines.join("\n");
}

function describe(step: StepDefinition, graph: GraphDefinition): string {
  const tier = "complexity" in step ? ` (${step.complexity})` : "";
  const flow = graph.flows[step.name];
  return `${step.name}<br/>${step.kind}${tier}<br/>${flow === undefined ? "" : formatLabel(flow.context)}`;
}

function sourcesOf(refs: Readonly<Record<string, RefNode>>, { steps }: GraphDefinition): string[] {
  const nodeOf = ({ source }: RefNode): string =>
    source.kind === "step" ? `s${steps.findIndex((step) => step.name === source.step)}` : "in";
  return [...new Set(Object.values(refs).map(nodeOf))];
}
