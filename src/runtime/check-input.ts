import type { Graph } from "../graph/types/graph.ts";
import { parseInput } from "./open-session.ts";

/**
 * Whether a value that came from outside, such as the body of a request, fits the input of a graph. `run` and `start` check it
 * as well; this is for who wants to know before, and for its type.
 *
 * @example
 * ```ts
 * const input = checkInput(support, request.body);
 * reply.header("location", `/runs/${runId}`);
 * await runtime.run(support, input, { runId });
 * ```
 * @returns the value itself: defaults and transforms of the schema are applied when it runs
 * @throws {InputError} as `run` does
 */
export function checkInput<I>(graph: Graph<I, unknown>, value: unknown): I {
  parseInput(graph.definition, value);
  return value as I;
}
