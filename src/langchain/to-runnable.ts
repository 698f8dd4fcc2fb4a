import { RunnableLambda, type Runnable, type RunnableConfig } from "@langchain/core/runnables";
import type { Graph } from "../graph/types/graph.ts";
import type { RunOptions, RunResult } from "../runtime/run.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface ToRunnableOptions<O = unknown> {
  /** Budget, tags and the like for one call. The signal is the one that LangChain hands over. @default none */
  readonly runOptions?: (config: RunnableConfig) => Omit<RunOptions, "signal">;
  /**
   * Called with what a Runnable cannot give back, its ledger and decisions, before `invoke` resolves. What it throws, `invoke`
   * throws. Of a run that fails there is the error alone. @default nobody is told
   */
  readonly onResult?: (result: RunResult<O>, config: RunnableConfig) => void;
}

/**
 * A graph as a LangChain Runnable: it can stand in a chain, be a node of LangGraph, or a tool. Every call is one run with its
 * own ledger; `config.signal` cancels it. What LangChain's callbacks are given is outside every clearance: input and output
 * of the Runnable go to whoever attached them.
 *
 * @example
 * ```ts
 * const chain = toRunnable(runtime, support, { onResult: ({ ledger }) => costs.add(ledger.costUsd) }).pipe(format);
 * ```
 * @throws {TierwiseError} from `invoke`, as `runtime.run` does
 */
export function toRunnable<I, O>(
  runtime: Runtime,
  graph: Graph<I, O>,
  { runOptions = () => ({}), onResult = () => undefined }: ToRunnableOptions<O> = {},
): Runnable<I, O> {
  const run = async (input: I, config: RunnableConfig): Promise<O> => {
    const { signal } = config;
    const result = await runtime.run(graph, input, { ...runOptions(config), ...(signal && { signal }) });
    onResult(result, config);
    return result.output;
  };
  return RunnableLambda.from<I, O>(run).withConfig({ runName: graph.name });
}
