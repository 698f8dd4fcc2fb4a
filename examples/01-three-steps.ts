/**
 * Three steps: a label, a text, a list. Each says how hard it is, none says which model: the policy places it on the smallest
 * model that can do it. The plan is there before anything is called. Look at the ladders, and at the two costs at the end.
 */
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

const g = graph("desk", { input: z.object({ message: z.string() }) });
const topic = g.classify("topic", {
  needs: { input: g.input },
  labels: topics,
  text: ({ input }) => input.message,
});
const summary = g.model("summary", {
  needs: { input: g.input },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input }) => `Summarise in two sentences: ${input.message}`,
});
const questions = g.model("questions", {
  needs: { topic, summary },
  complexity: "reasoning",
  output: z.array(z.string()).max(3),
  prompt: ({ topic, summary }) => `What do we have to ask about this ${topic.label ?? "other"} case? ${summary}`,
});
const desk = g.output({ topic, summary, questions });

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", ...largeText }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });
console.log(runtime.plan(desk).toTable());

const { output, ledger } = await runtime.run(desk, { message: "Please refund my second payment." });
console.log(output);
console.log(`cost $${ledger.costUsd}, all on the dearest model $${ledger.baselineUsd}`);
