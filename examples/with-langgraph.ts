/**
 * With LangGraph, both ways round: a Tierwise graph as a node of a StateGraph (`toRunnable`), and a compiled LangGraph graph as a
 * code step (`runRunnable`). Look at `accepts`: code that sends data on is a sink like any other, so it declares its clearance.
 */
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import { runRunnable, toRunnable } from "tierwise/langchain";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", clearance: "customer", model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", clearance: "customer", ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", clearance: "customer", ...largeText }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });

// A LangGraph graph that exists already: it looks things up.
const LookUp = Annotation.Root({ topic: Annotation<string>, article: Annotation<string> });
const lookUp = new StateGraph(LookUp)
  .addNode("find", ({ topic }) => ({ article: `What our help says about ${topic}.` }))
  .addEdge(START, "find")
  .addEdge("find", END)
  .compile();

// A Tierwise graph, with that one as its second step.
const g = graph("desk", { input: z.object({ message: z.string() }), label: "customer" });
const topic = g.classify("topic", { needs: { input: g.input }, labels: topics, text: ({ input }) => input.message });
const found = g.code("found", {
  needs: { topic },
  accepts: "customer",
  run: runRunnable(lookUp, ({ topic }) => ({ topic: topic.label ?? "everything" })),
});
const reply = g.model("reply", {
  needs: { input: g.input, found },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input, found }) => `Answer in two sentences, with "${found.article}": ${input.message}`,
});
const desk = g.output({ topic, found, reply });

// And a LangGraph graph with the Tierwise graph as a node: what goes in and out of the node are parts of the state.
const node = toRunnable(runtime, desk, { runOptions: () => ({ budget: { costUsd: 0.01 } }) });
const State = Annotation.Root({ message: Annotation<string>, reply: Annotation<string>, log: Annotation<string[]> });
const app = new StateGraph(State)
  .addNode("desk", async ({ message }, config) => {
    const { topic, found, reply } = await node.invoke({ message }, config);
    return { reply, log: [`topic ${topic.label}`, found.article] };
  })
  .addNode("send", ({ reply, log }) => ({ log: [...log, `sent: ${reply}`] }))
  .addEdge(START, "desk")
  .addEdge("desk", "send")
  .addEdge("send", END)
  .compile();

const { log } = await app.invoke({ message: "Where is my parcel?" });
console.log(log.join("\n"));
