import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import { large, small } from "./models.ts";

const patient = { level: "regulated", compartments: ["phi"] } as const;

const g = graph("digest", { input: z.object({ letter: z.string() }), label: patient });
const topic = g.classify("topic", {
  needs: { input: g.input }, labels: ["heart", "lungs", "bones"],
  text: ({ input }) => input.letter,
});
const field = g.redact("field", {                         // the only way down: a closed choice leaves, the letter stays
  from: topic, output: z.object({ field: z.enum(["heart", "lungs", "bones", "unknown"]) }),
  map: ({ label }) => ({ field: label ?? ("unknown" as const) }),
  removes: ["phi"], to: "customer", reason: "an organ names no patient",
});
const summary = g.model("summary", {
  needs: { input: g.input }, complexity: "generation", output: z.string(),
  prompt: ({ input }) => `Summarise in two sentences: ${input.letter}`,
});
const questions = g.model("questions", {                  // reading `summary` here would not fit the large model: regulated{phi}
  needs: { field }, complexity: "reasoning", output: z.array(z.string()).max(3), privacy: "customer",
  prompt: ({ field }) => `What should a specialist (${field.field}) ask every patient?`,
});
const digest = g.output({ topic, summary, questions });

const catalog = createCatalog([
  endpoint("small", { class: "slm", location: "on-prem", clearance: patient, model: small(), price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 } }),
  endpoint("large", { class: "llm", location: "cloud", clearance: "customer", model: large(), price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 } }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });
console.log(runtime.plan(digest).toTable());
const { output, ledger } = await runtime.run(digest, { letter: "Mr. Example reports chest pain since May." });
console.log(output, `cost $${ledger.costUsd}, all on the dearest model $${ledger.baselineUsd}`);
