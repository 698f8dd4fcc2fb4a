import type { GraphDefinition, StepDefinition } from "../graph/definition.ts";
import type { RefNode } from "../graph/ref.ts";
import type { Budget } from "./budget/budget.ts";
import type { Session } from "./session.ts";
import type { StepTrace } from "../telemetry/step-trace.ts";

interface Nesting {
  readonly path: string;
  readonly graph: GraphDefinition;
  readonly input: unknown;
  readonly trace: StepTrace;
  /** Of the step that runs the graph. */
  readonly budget: Budget;
}

/**
 * A graph that runs inside another gets a session of its own: its steps carry the path to them in their names
 * (`items[3]/triage`), so that keys, events and spans are unique; money, time, events and services are the run's.
 */
export function nestedSession(
  outer: Session,
  { path, graph, input, trace, budget }: Nesting,
): { readonly session: Session; readonly release: () => void } {
  const own = placedAt(graph, path);
  const abort = new AbortController();
  const outerSignal = outer.abort.signal;
  const follow = (): void => abort.abort(outerSignal.reason);
  if (outerSignal.aborted) follow();
  else outerSignal.addEventListener("abort", follow, { once: true });
  const session: Session = {
    ...outer,
    graph: own,
    steps: new Map(own.steps.map((step) => [step.name, step])),
    input,
    budget,
    trace: outer.trace.below(trace),
    abort,
    settled: new Map(),
  };
  return { session, release: () => outerSignal.removeEventListener("abort", follow) };
}

/** Which session a step belongs to: the part of its name before the last `/`. */
export function frameOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1);
}

/** The name without the positions in lists and loops, as reports and policies use it: `items/triage`. */
export function staticName(name: string): string {
  return name.includes("[") ? name.replaceAll(/\[\d+\]/g, "") : name;
}

/** A graph whose steps are called by their path; edges and flows follow. */
export function placedAt(graph: GraphDefinition, path: string): GraphDefinition {
  const at = (name: string): string => `${path}${name}`;
  const placeRef = (ref: RefNode): RefNode =>
    ref.source.kind === "step" ? { ...ref, source: { ...ref.source, step: at(ref.source.step) } } : ref;
  const placeRefs = (refs: Readonly<Record<string, RefNode>>): Record<string, RefNode> =>
    Object.fromEntries(Object.entries(refs).map(([key, ref]) => [key, placeRef(ref)]));
  const steps = graph.steps.map((step): StepDefinition => ({
    ...step,
    name: at(step.name),
    needs: placeRefs(step.needs),
  }));
  const flows = Object.fromEntries(Object.entries(graph.flows).map(([name, flow]) => [at(name), flow]));
  const { output } = graph;
  return {
    ...graph,
    steps,
    flows,
    output:
      output.kind === "one"
        ? { kind: "one", ref: placeRef(output.ref) }
        : { kind: "named", refs: placeRefs(output.refs) },
  };
}
