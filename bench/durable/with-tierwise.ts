import { AIMessage } from "@langchain/core/messages";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type Graph, type Ref } from "tierwise";
import { dbosEngine, pglitePool } from "tierwise/dbos";
import * as z from "zod";
import { poolOf } from "./pool.ts";
import { add, isFolder, shapes, type Gate, type Opening, type Shape, type ShapeName, type Subject } from "./subject.ts";

export async function openTierwise({ database, gate, leaseMs }: Opening): Promise<Subject> {
  const pool = isFolder(database) ? pglitePool(database) : poolOf(database);
  const graphs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, graphOf(name, { shape, gate })]),
  ) as Readonly<Record<ShapeName, Graph<number, unknown>>>;
  const runtime = createRuntime({
    catalog: createCatalog([endpoint("model", { class: "slm", location: "edge", model: () => ({ invoke: say }) })]),
    policy: defaultPolicy(),
    engine: dbosEngine({ database: isFolder(database) ? pool : database, leaseMs }),
    graphs: Object.values(graphs),
    macKey: "a key that no production system has",
  });
  await runtime.ready();
  return {
    run: async (shape, runId) => (await (await runtime.start(graphs[shape], 0, { runId })).result).output,
    query: async (text) => (await pool.query(text)).rows as Record<string, unknown>[],
  };
}

/** About 200 tokens: two paragraphs. */
const kilobyte = "An answer, as long as many are. ".repeat(32);

function say(): Promise<AIMessage> {
  const usage = { input_tokens: 250, output_tokens: 200, total_tokens: 450 };
  return Promise.resolve(Object.assign(new AIMessage(kilobyte), { usage_metadata: usage }));
}

function graphOf(name: string, { shape, gate }: { shape: Shape; gate: Gate }): Graph<number, unknown> {
  if (shape.isModel === true) return modelGraph(name, shape);
  const { steps, isParallel = false, isGated = false } = shape;
  const g = graph(name, { input: z.number() });
  const refs: Ref<number>[] = [];
  for (let index = 0; index < steps; index += 1) {
    const needs = { value: isParallel ? g.input : (refs.at(-1) ?? g.input) };
    // Asked at the start of every execution, also of one that only replays.
    const isFirst = index === 0 && isGated;
    const run = async ({ value }: { value: number }): Promise<number> => {
      if (isGated && index === steps - 1) await gate.wait();
      return add(value);
    };
    refs.push(
      isFirst
        ? g.required(g.code(`step-${index}`, { needs, when: () => (gate.start(), true), run }))
        : g.code(`step-${index}`, { needs, run }),
    );
  }
  if (!isParallel) return g.output(refs.at(-1)!);
  return g.output(Object.fromEntries(refs.map((ref, index) => [`step-${index}`, ref])));
}

/** Each reads the answer of the one before it. */
function modelGraph(name: string, { steps }: Shape): Graph<number, unknown> {
  const g = graph(name, { input: z.number() });
  const spec = { complexity: "generation", output: z.string() } as const;
  let last: Ref<string> = g.model("step-0", { ...spec, needs: { value: g.input }, prompt: () => kilobyte });
  for (let index = 1; index < steps; index += 1)
    last = g.model(`step-${index}`, { ...spec, needs: { before: last }, prompt: ({ before }) => before });
  return g.output(last);
}
