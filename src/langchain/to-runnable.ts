import { RunnableLambda, type Runnable, type RunnableConfig } from "@langchain/core/runnables";
import type { Graph } from "../graph/types/graph.ts";
import type { RunOptions } from "../runtime/run.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface ToRunnableOptions {
  /** Budget, tags and the like for one call. The signal is the one that LangChain hands over. @default none */
  readonly runOptions?: (config: RunnableConfig) => Omit<RunOptions, "signal">;
}

/**
 * A graph as a LangChain Runnable: it can stand in a chain, be a node of LangGraph, or a tool. Every call is one run with its
 * own ledger; `config.signal` cancels it. What LangChain's callbacks are given is outside every clearance: input and output
 * of the Runnable go to whoever attached them.
 *
 * @example
 * ```ts
 * const chain = toRunnable(runtime, support).pipe(format);
 * ```
 * @throws {TierwiseError} from `invoke`, as `runtime.run` does
 */
export function toRunnable<I, O>(
  runtime: Runtime,
  graph: Graph<I, O>,
  { runOptions = () => ({}) }: ToRunnableOptions = {},
): Runnable<I, O> {
  const run = async (input: I, config: RunnableConfig): Promise<O> => {
    const { signal } = config;
    const { output } = await runtime.run(graph, input, { ...runOptions(config), ...(signal && { signal }) });
    return output;
  };
  return RunnableLambda.from<I, O>(run).withConfig({ runName: graph.name });
}
