// Prints the first error that a newcomer with labelled data meets.
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import * as z from "zod";

const g = graph("support", {
  input: z.object({ ticket: z.string() }),
  label: { level: "customer", compartments: ["pii"] },
});
const reply = g.model("reply", {
  needs: { request: g.input },
  complexity: "generation",
  output: z.string(),
  prompt: ({ request }) => request.ticket,
});
const model = new ScriptedModel([]).factory;
const catalog = createCatalog([endpoint("gpt", { class: "llm", location: "cloud", model })]);
try {
  await createRuntime({ catalog, policy: defaultPolicy() }).run(g.output(reply), { ticket: "" });
} catch (error) {
  console.log(error.message);
}
