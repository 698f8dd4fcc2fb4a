import type { StepContext } from "../graph/types/steps.ts";

/** A LangChain Runnable, seen structurally. */
export interface RunnableLike<TInput, TOutput> {
  invoke(input: TInput, config?: { readonly signal?: AbortSignal; readonly runId?: string }): Promise<TOutput>;
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
): (values: TValues, context: StepContext) => Promise<TOutput> {
  return (values, { signal }) => runnable.invoke(inputOf(values), { signal });
}
