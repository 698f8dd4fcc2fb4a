import * as z from "zod";
import { graph, type Graph } from "../../src/index.ts";

/** One answer for each of two words; what the graph is handed does not matter. */
export function draftingTwo<I>(input: z.ZodType<I, I>): Graph<I, unknown> {
  const inner = graph("draft", { input: z.string(), version: "1" });
  const written = inner.model("write", {
    needs: { word: inner.input },
    complexity: "generation",
    output: z.string(),
    prompt: ({ word }) => word,
  });
  const each = inner.output(written);
  const g = graph("drafts", { input, version: "1" });
  const words = g.code("words", { needs: { input: g.input }, run: () => ["one", "two"] });
  return g.output(g.map("draft", { over: words, each, concurrency: 1 }));
}
