/**
 * A layered graph of steps that wait for a few milliseconds each, some for much longer: how much longer than its critical path
 * does it take? The path is computed from the times the steps really took, so that late timers count for nobody.
 * @module
 */
import { Annotation, START, StateGraph } from "@langchain/langgraph";
import { graph, type Ref, type Runtime } from "tierwise";
import * as z from "zod";

const layers = 6;
const width = 8;

interface Node {
  readonly name: string;
  readonly needs: readonly string[];
  readonly durationMs: number;
}

/** Every fifth step takes eight times as long, in another place of each layer; a barrier would wait for all of them. */
const nodes: readonly Node[] = Array.from({ length: layers * width }, (_, index) => {
  const [layer, column] = [Math.floor(index / width), index % width];
  const needs = layer === 0 ? [] : [column, (column + 1) % width].map((before) => nameOf(layer - 1, before));
  return { name: nameOf(layer, column), needs, durationMs: (column * 3 + layer) % 5 === 0 ? 40 : 5 };
});

function nameOf(layer: number, column: number): string {
  return `step-${layer}-${column}`;
}

/** Real durations of one run, by step. */
type Took = Map<string, number>;

async function waits({ name, durationMs }: Node, took: Took): Promise<number> {
  const startedMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  took.set(name, performance.now() - startedMs);
  return 1;
}

function criticalPathMs(took: Took): number {
  const endsMs = new Map<string, number>();
  for (const { name, needs } of nodes) {
    const startMs = Math.max(0, ...needs.map((need) => endsMs.get(need)!));
    endsMs.set(name, startMs + took.get(name)!);
  }
  return Math.max(...endsMs.values());
}

async function ratioOf(run: (took: Took) => Promise<unknown>): Promise<number> {
  const took: Took = new Map();
  const startedMs = performance.now();
  await run(took);
  return (performance.now() - startedMs) / criticalPathMs(took);
}

export function tierwiseMakespan(runtime: Runtime): () => Promise<number> {
  let current: Took = new Map();
  const g = graph("layers", { input: z.number() });
  const refs = new Map<string, Ref<number>>();
  for (const node of nodes) {
    const needs = Object.fromEntries(node.needs.map((need, index) => [`n${index}`, refs.get(need)!]));
    refs.set(node.name, g.code(node.name, { needs, run: () => waits(node, current) }));
  }
  const built = g.output(Object.fromEntries(refs));
  return () => ratioOf((took) => ((current = took), runtime.run(built, 0)));
}

export function langGraphMakespan(): () => Promise<number> {
  let current: Took = new Map();
  const State = Annotation.Root({ done: Annotation<number>({ reducer: (a, b) => a + b, default: () => 0 }) });
  const builder = new StateGraph(State) as unknown as {
    addNode(name: string, run: () => Promise<{ done: number }>): void;
    addEdge(from: string | string[], to: string): void;
    compile(): { invoke(input: { done: number }): Promise<unknown> };
  };
  for (const node of nodes) builder.addNode(node.name, async () => ({ done: await waits(node, current) }));
  for (const { name, needs } of nodes) builder.addEdge(needs.length === 0 ? START : [...needs], name);
  const compiled = builder.compile();
  return () => ratioOf((took) => ((current = took), compiled.invoke({ done: 0 })));
}
