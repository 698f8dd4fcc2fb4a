import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import { large, small } from "./models.ts";

const g = graph("digest", { input: z.object({ article: z.string() }) });
const topic = g.classify("topic", {
  needs: { input: g.input }, labels: ["science", "sport", "politics"],
  text: ({ input }) => input.article,
});
const summary = g.model("summary", {
  needs: { input: g.input }, complexity: "generation", output: z.string(),
  prompt: ({ input }) => `Summarise in two sentences: ${input.article}`,
});
const questions = g.model("questions", {
  needs: { topic, summary }, complexity: "reasoning", output: z.array(z.string()).max(3),
  prompt: ({ topic, summary }) => `What should a ${topic.label ?? "general"} reader ask about this? ${summary}`,
});
const digest = g.output({ topic, summary, questions });

const catalog = createCatalog([
  endpoint("small", { class: "slm", location: "on-prem", model: small(), price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 } }),
  endpoint("large", { class: "llm", location: "cloud", model: large(), price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 } }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });
console.log(runtime.plan(digest).toTable());
const { output, ledger } = await runtime.run(digest, { article: "A probe has found water ice on the Moon." });
console.log(output, `cost $${ledger.costUsd}, all on the dearest model $${ledger.baselineUsd}`);
