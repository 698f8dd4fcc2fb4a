/**
 * `tierwise/langchain`: a graph as a LangChain Runnable, and a Runnable as a step. Needs `@langchain/core`, the peer that chat
 * models come with. May import `runtime`, `graph`, `tiers` and `common`.
 * @module
 */
export { toRunnable, type ToRunnableOptions } from "./to-runnable.ts";
export { runRunnable, type RunnableLike, type RunRunnableOptions } from "./run-runnable.ts";
