import { TierwiseError } from "../../errors.ts";
import type { GraphDefinition } from "../../graph/definition.ts";
import { clearanceSource, flowsTo, formatClearance, publicClearance, type Clearance } from "../../tiers/clearance.ts";
import { formatLabel, join, type Label } from "../../tiers/label.ts";

const stored = new WeakMap<GraphDefinition, Clearance>();

/**
 * A durable engine stores the input, the results of steps and the drafts of models; so its store must be cleared for all
 * that the graph reads and makes.
 * @throws {TierwiseError} `PRIVACY_FLOW_DENIED`; nothing was stored
 */
export function assertStorable(graph: GraphDefinition, clearance: Clearance = publicClearance): void {
  if (stored.get(graph) === clearance) return;
  const label = labelOf(graph);
  if (!flowsTo(label, clearance)) {
    const message = `graph "${graph.name}" -> the engine's store: its data is up to ${formatLabel(label)}, and the store is cleared for ${formatClearance(clearance)}. If it may hold this data, say so where the engine is made: clearance: ${clearanceSource(label)}`;
    throw new TierwiseError("PRIVACY_FLOW_DENIED", message, { details: { graph: graph.name } });
  }
  stored.set(graph, clearance);
}

/** Of everything in it. */
function labelOf(graph: GraphDefinition): Label {
  const flows = Object.values(graph.flows).flatMap(({ input, output }) => [input, output]);
  const nested = graph.steps.flatMap((step) => ("graph" in step ? [labelOf(step.graph)] : []));
  return [...flows, ...nested].reduce(join, graph.inputLabel);
}
