/**
 * Explain a decision: why is this step on that model, and why not on the others? The same decision as sentences, as a table and
 * as data, before the run and after it. Look at the rule beside each refused endpoint.
 */
import { createCatalog, createRuntime, defaultPolicy, endpoint, explain, graph } from "tierwise";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";
import { intents } from "./shared/intents.ts";

const customer = { level: "customer", compartments: ["pii"] } as const;

const g = graph("desk", { input: z.object({ message: z.string() }), label: customer });
const reply = g.model("reply", {
  needs: { input: g.input },
  complexity: "generation",
  domain: "legal",
  escalation: "never", // a weak answer is the last one
  output: z.string(),
  prompt: ({ input }) => `Answer in two sentences: ${input.message}`,
});
const desk = g.output(reply);

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", clearance: customer, model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", clearance: customer, ...smallText }),
  endpoint("lawyer", { class: "slm", location: "on-prem", clearance: customer, domains: ["legal"], ...smallText }),
  endpoint("doctor", { class: "slm", location: "on-prem", clearance: customer, domains: ["medical"], ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", clearance: customer, ...largeText }),
  endpoint("abroad", { class: "llm", location: "cloud", ...largeText }), // no clearance: public data only
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });

const input = { message: "May I return a cup that I have used?" };
const plan = runtime.plan(desk, { sample: input });
console.log(plan.explain());
console.log(`\n${plan.explain("table")}`);

const { decisions } = await runtime.run(desk, input);
const [taken] = decisions["reply"]!;
console.log(`\nThe run decided the same: ${explain(taken!).split("\n")[0]}`);
console.log("\nA refusal as data:", taken!.refused.at(0));
