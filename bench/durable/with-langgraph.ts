import { Annotation, END, START, StateGraph, type BaseCheckpointSaver } from "@langchain/langgraph";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { poolOf } from "./pool.ts";
import { add, shapes, type Opening, type Shape, type ShapeName, type Subject } from "./subject.ts";

interface Compiled {
  invoke(input: { value: number } | null, options: object): Promise<unknown>;
}

/** A `StateGraph` with a node for each step, and its checkpoint written before the next step starts. */
export async function openLangGraph({ database, gate }: Opening): Promise<Subject> {
  const pool = poolOf(database);
  const checkpointer = new PostgresSaver(pool);
  await checkpointer.setup();
  const graphs = new Map<ShapeName, Compiled>();
  return {
    run: (shape, runId) => {
      const options = { recursionLimit: shapes[shape].steps + 5, durability: "sync" };
      if (!graphs.has(shape)) graphs.set(shape, compile(shapes[shape], { checkpointer, gate }));
      return graphs.get(shape)!.invoke({ value: 0 }, { ...options, configurable: { thread_id: runId } });
    },
    query: async (text) => (await pool.query(text)).rows as Record<string, unknown>[],
  };
}

function compile(
  { steps, isParallel = false, isGated = false }: Shape,
  { checkpointer, gate }: { checkpointer: BaseCheckpointSaver; gate: Opening["gate"] },
): Compiled {
  const State = Annotation.Root({
    value: Annotation<number>({ reducer: (_before, after) => after, default: () => 0 }),
  });
  // Nodes are added by computed names, which its types cannot follow.
  const builder = new StateGraph(State) as unknown as {
    addNode(name: string, run: (state: { value: number }) => Promise<{ value: number }>): void;
    addEdge(from: string, to: string): void;
    compile(options: object): Compiled;
  };
  for (let index = 0; index < steps; index += 1)
    builder.addNode(`step-${index}`, async ({ value }) => {
      if (isGated && index === steps - 1) await gate.wait();
      return { value: await add(value) };
    });
  for (let index = 0; index < steps; index += 1) {
    builder.addEdge(isParallel || index === 0 ? START : `step-${index - 1}`, `step-${index}`);
    if (isParallel || index === steps - 1) builder.addEdge(`step-${index}`, END);
  }
  return builder.compile({ checkpointer });
}
