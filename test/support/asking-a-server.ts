/** Runs that ask a server on the loopback through `ChatOpenAI`, so that real requests are made. */
import { ChatOpenAI } from "@langchain/openai";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type RuntimeOptions } from "../../src/index.ts";
import type { FaultServer } from "../../src/testing/index.ts";

export type ModelSpans = "tierwise" | "provider";

/** One endpoint, `tiny`. */
export function runtimeOn(server: FaultServer, modelSpans: ModelSpans, options: Partial<RuntimeOptions> = {}) {
  const configuration = { baseURL: server.baseURL };
  const model = new ChatOpenAI({ model: "tiny", apiKey: "none", maxRetries: 0, configuration });
  const catalog = createCatalog([endpoint("tiny", { class: "slm", location: "edge", model })]);
  return createRuntime({ catalog, policy: defaultPolicy(), telemetry: { modelSpans }, ...options });
}

/** One question. */
export function asking(step: { readonly stream?: true } = {}) {
  const g = graph("beside", { input: z.object({}) });
  const spec = { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" } as const;
  return g.output(g.model("ask", { ...spec, ...step }));
}

/** A question for every item, side by side. */
export function askingForEach() {
  const g = graph("list", { input: z.array(z.object({})) });
  return g.output(g.map("each", { over: g.input, each: asking(), concurrency: 10 }));
}
