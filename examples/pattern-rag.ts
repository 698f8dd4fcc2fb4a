import { BM25Retriever } from "@langchain/community/retrievers/bm25";
import { Document } from "@langchain/core/documents";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, rag, type Privacy } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import * as z from "zod";
import { large, small } from "./models.ts";

// P4: small models split the question, BM25 looks it up, and privacy decides who answers.
const handbook = [
  new Document({ id: "leave", pageContent: "Mothers and fathers get sixteen weeks of parental leave at full pay." }),
  new Document({ id: "travel", pageContent: "Travel by train is booked in second class; flights need approval." }),
  new Document({ id: "sick", pageContent: "Sick leave of more than three days needs a note from a doctor." }),
  new Document({ id: "garden", pageContent: "The roof garden is open until nine in the evening." }),
];

/** The same graph over data of one level, question and documents alike. */
function ask(level: Privacy) {
  const g = graph("handbook", { input: z.object({ question: z.string() }), label: level });
  const retriever = BM25Retriever.fromDocuments(handbook, { k: 2 });
  const { answer, passages } = rag(g, {
    question: g.input.field("question"),
    label: level,
    retrievers: [{ retriever, accepts: level, returns: level }],
  });
  return g.output({ answer, passages });
}

const price = {
  small: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 },
  large: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 },
};
const largeCloud = endpoint("large", { class: "llm", location: "cloud", model: large(), price: price.large });
const ownLarge = endpoint("own-large", {
  ...{ class: "llm", location: "on-prem", clearance: "regulated", model: large(), price: price.large },
});

async function show(level: Privacy, model: Parameters<typeof endpoint>[1]["model"]): Promise<void> {
  const own = endpoint("small", {
    class: "slm",
    location: "on-prem",
    clearance: "regulated",
    model,
    price: price.small,
  });
  const catalog = createCatalog([own, largeCloud, ownLarge]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy() });
  const built = ask(level);
  console.log(runtime.plan(built).toTable());
  const { output, ledger } = await runtime.run(built, {
    question: "How many weeks of parental leave at full pay do I get",
  });
  console.log(
    `retrieved ${output.passages.map(({ id }) => id).join(", ")}; answered by:`,
    ledger.steps["answer"]?.endpoints,
  );
  console.log(output.answer, "\n");
}

console.log("Public data: a large model answers.");
await show("public", small());
console.log("Regulated data: the small model on our premises answers.");
await show("regulated", small());
console.log("The same, but its stand-in makes a source up: the large model on our premises is asked.");
const madeUp = '{"text":"(scripted stand-in) Twenty weeks.","sources":["union-contract"]}';
const inventive = new ScriptedModel(({ messages }) => ({
  text: JSON.stringify(messages).includes("sources") ? madeUp : '{"questions":[]}',
}));
await show("regulated", inventive.factory);
