import { createCatalog, createRuntime, endpoint, graph, slmOnly } from "tierwise";
import { trainClassifier } from "tierwise/embedded";
import * as z from "zod";
import { large, small } from "./models.ts";

// P1: no large model may be asked, although the catalog has one. What needs one goes to a person.
const g = graph("intake", { input: z.object({ message: z.string() }) });
const topic = g.classify("topic", {
  needs: { input: g.input },
  labels: ["complaint", "order"],
  text: ({ input }) => input.message,
});
const summary = g.model("summary", {
  needs: { input: g.input },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input }) => `Summarise in two sentences: ${input.message}`,
});
const next = g.model("next", {
  needs: { summary },
  complexity: "planning",
  output: z.string(),
  prompt: (values) => `What should we do about this? ${values.summary}`,
});
const intake = g.output({ topic, summary, next });

const topics = trainClassifier([
  ...["the cup arrived broken", "this is far too late", "I am angry", "the lid is cracked"].map((text) => ({
    text,
    label: "complaint",
  })),
  ...["two cups please", "I would like to buy a lid", "please send ten plates", "ordering a pan"].map((text) => ({
    text,
    label: "order",
  })),
]);
const price = { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 };
const catalog = createCatalog([
  endpoint("topics", { class: "slm", location: "in-process", model: topics }),
  endpoint("small", { class: "slm", location: "on-prem", model: small(), price }),
  endpoint("large", { class: "llm", location: "cloud", model: large() }),
]);
const policy = slmOnly();

const withoutPerson = createRuntime({ catalog, policy });
console.log(withoutPerson.plan(intake).toTable());

const onHuman = { ask: () => Promise.resolve("(a person) Send a new cup.") };
const { output, ledger } = await createRuntime({ catalog, policy, onHuman }).run(intake, {
  message: "the cup arrived broken",
});
console.log(output, `asked: ${ledger.endpoints.join(", ")}`);
