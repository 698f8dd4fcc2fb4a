/**
 * The same code steps four times: with Tierwise, by hand, by hand with spans, and with LangGraph.js.
 * @module
 */
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { context, trace, type Attributes, type Context, type Tracer, type TracerProvider } from "@opentelemetry/api";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type Graph, type Runtime } from "tierwise";
import * as z from "zod";

/** So many steps, one after the other or all at once. */
export interface Shape {
  readonly name: string;
  readonly steps: number;
  readonly isParallel: boolean;
}

export const shapes: readonly Shape[] = [
  { name: "chain of 10", steps: 10, isParallel: false },
  { name: "chain of 100", steps: 100, isParallel: false },
  { name: "100 parallel", steps: 100, isParallel: true },
];

const next = (value: number): number => value + 1;

export function newRuntime(tracerProvider?: TracerProvider): Runtime {
  const model = () => ({ invoke: () => Promise.reject(new Error("code steps call no model")) });
  const catalog = createCatalog([endpoint("unused", { class: "slm", location: "edge", model })]);
  return createRuntime({ catalog, policy: defaultPolicy(), ...(tracerProvider && { telemetry: { tracerProvider } }) });
}

/** The shape as one of our graphs. */
export function graphOf({ steps, isParallel }: Shape): Graph<number, unknown> {
  const g = graph("bench", { input: z.number() });
  const first = g.code("step-0", { needs: { value: g.input }, run: ({ value }) => next(value) });
  const refs = [first];
  for (let index = 1; index < steps; index += 1) {
    const value = isParallel ? g.input : refs.at(-1)!;
    refs.push(g.code(`step-${index}`, { needs: { value }, run: ({ value: before }) => next(before) }));
  }
  if (!isParallel) return g.output(refs.at(-1)!);
  return g.output(Object.fromEntries(refs.map((ref, index) => [`step-${index}`, ref])));
}

export function withTierwise(shape: Shape, runtime = newRuntime()): () => Promise<unknown> {
  const built = graphOf(shape);
  return () => runtime.run(built, 0);
}

/** What one would write without any library: `await`, and `Promise.all`. */
export function byHand({ steps, isParallel }: Shape): () => Promise<unknown> {
  const step = (value: number): Promise<number> => Promise.resolve(next(value));
  return () => inShape({ steps, isParallel }, step);
}

async function inShape(
  { steps, isParallel }: Pick<Shape, "steps" | "isParallel">,
  step: (value: number, index: number) => Promise<number>,
): Promise<unknown> {
  if (isParallel) return Promise.all(Array.from({ length: steps }, (_, index) => step(0, index)));
  let value = 0;
  for (let index = 0; index < steps; index += 1) value = await step(value, index);
  return value;
}

const attributes = (count: number, prefix: string): Attributes =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `${prefix}.attribute_${index}`,
      index % 2 === 0 ? index : `value ${index}`,
    ]),
  );

/** How many attributes a span starts with, ends with, and whether an event tells of a decision. */
export interface SpanLoad {
  readonly run: { readonly start: Attributes; readonly end: Attributes };
  readonly step: { readonly start: Attributes; readonly end: Attributes };
  readonly decision: Attributes | undefined;
}

/** What the specification measures against: 16 attributes a step, 29 a run, and the event of a decision. */
export const spans16: SpanLoad = {
  run: { start: attributes(7, "run"), end: attributes(22, "run.end") },
  step: { start: attributes(10, "step"), end: attributes(6, "step.end") },
  decision: attributes(6, "decision"),
};

/** What our spans of code steps carry: 6 attributes, and no decision. */
export const spansAlike: SpanLoad = {
  run: { start: attributes(7, "run"), end: attributes(21, "run.end") },
  step: { start: attributes(5, "step"), end: attributes(1, "step.end") },
  decision: undefined,
};

/** By hand, every step in a span below that of the run. */
export function byHandWithSpans(shape: Shape, tracer: Tracer, load: SpanLoad): () => Promise<unknown> {
  const stepIn = async (parent: Context, value: number, index: number): Promise<number> => {
    const span = tracer.startSpan(`step step-${index}`, { attributes: load.step.start }, parent);
    try {
      return await context.with(trace.setSpan(parent, span), () => Promise.resolve(next(value)));
    } finally {
      if (load.decision !== undefined) span.addEvent("tierwise.policy.decision", load.decision);
      span.setAttributes(load.step.end);
      span.end();
    }
  };
  return async () => {
    const span = tracer.startSpan("invoke_workflow bench", { attributes: load.run.start });
    const parent = trace.setSpan(context.active(), span);
    try {
      return await inShape(shape, (value, index) => stepIn(parent, value, index));
    } finally {
      span.setAttributes(load.run.end);
      span.end();
    }
  };
}

/** A `StateGraph` with a node for each step. */
export function withLangGraph({ steps, isParallel }: Shape): () => Promise<unknown> {
  const State = Annotation.Root({
    value: Annotation<number>({ reducer: (_before, after) => after, default: () => 0 }),
  });
  // Nodes are added by computed names, which its types cannot follow.
  const builder = new StateGraph(State) as unknown as {
    addNode(name: string, run: (state: { value: number }) => { value: number }): void;
    addEdge(from: string, to: string): void;
    compile(): { invoke(input: { value: number }, options: { recursionLimit: number }): Promise<unknown> };
  };
  for (let index = 0; index < steps; index += 1)
    builder.addNode(`step-${index}`, ({ value }) => ({ value: next(value) }));
  for (let index = 0; index < steps; index += 1) {
    builder.addEdge(isParallel || index === 0 ? START : `step-${index - 1}`, `step-${index}`);
    if (isParallel || index === steps - 1) builder.addEdge(`step-${index}`, END);
  }
  const compiled = builder.compile();
  return () => compiled.invoke({ value: 0 }, { recursionLimit: steps + 5 });
}
