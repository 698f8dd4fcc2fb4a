import type { RunnableConfig } from "@langchain/core/runnables";
import type { StepContext } from "../graph/types/steps.ts";

/** A LangChain Runnable, seen structurally. */
export interface RunnableLike<TInput, TOutput> {
  invoke(input: TInput, config?: RunnableConfig): Promise<TOutput>;
}

export interface RunRunnableOptions {
  /**
   * What the Runnable is called with beside the step's signal: callbacks, tags, metadata, `configurable`. Callbacks are given
   * the Runnable's input and output, past every clearance. @default nothing
   */
  readonly config?: (context: StepContext) => Omit<RunnableConfig, "signal">;
}

/**
 * A Runnable as the `run` of a code step; the step's `accepts` says what it may be handed. A Runnable that calls models spends
 * money that no budget of Tierwise sees: hand models to endpoints instead.
 *
 * @example
 * ```ts
 * const parsed = g.code("parsed", { needs: { text }, accepts: "customer", run: runRunnable(parser, ({ text }) => text) });
 * ```
 */
export function runRunnable<TValues, TInput, TOutput>(
  runnable: RunnableLike<TInput, TOutput>,
  inputOf: (values: TValues) => TInput,
  { config = () => ({}) }: RunRunnableOptions = {},
): (values: TValues, context: StepContext) => Promise<TOutput> {
  return (values, context) => runnable.invoke(inputOf(values), { ...config(context), signal: context.signal });
}
