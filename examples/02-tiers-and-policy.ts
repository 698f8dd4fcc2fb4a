/**
 * Tiers and policy: one graph with a step of each complexity tier, one catalog, three policies. A step says what it is, a policy
 * says where that goes, and a rule of your own is an object with one function. Look at what each policy changes.
 */
import { createCatalog, createPolicy, createRuntime, defaultPolicy, defaultRules } from "tierwise";
import { diffPlans, endpoint, graph, slmOnly, type Policy, type Rule } from "tierwise";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

const g = graph("tiers", { input: z.string() });
const needs = { text: g.input };
const text = { needs, output: z.string(), prompt: ({ text }: { text: string }) => text };
const search = { name: "search", description: "Searches the help.", schema: z.object({}), invoke: () => "nothing" };
g.classify("topic", { needs, labels: topics, text: ({ text }) => text }); // its tier is `classification`
g.model("reply", { ...text, complexity: "generation" });
g.model("cause", { ...text, complexity: "reasoning" });
g.model("schedule", { ...text, complexity: "planning" });
const helper = g.agent("helper", { ...text, tools: [{ tool: search, effect: "read" }] }); // its tier is `agentic`
const tiers = g.output(helper);

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", ...largeText }),
]);
const planWith = (policy: Policy) => createRuntime({ catalog, policy }).plan(tiers);

/** Nothing that leaves the house writes to customers. */
const repliesStayInHouse: Rule = {
  name: "replies-stay-in-house",
  version: "1",
  apply(candidates, { step }) {
    if (step !== "reply") return {};
    const outside = candidates.filter(({ endpoint }) => endpoint.location === "cloud");
    return { removed: outside.map(({ endpoint }) => ({ endpoint: endpoint.name, reason: "is outside the house" })) };
  },
};
const ownPolicy = createPolicy({ name: "shop", version: "1", rules: [...defaultRules, repliesStayInHouse] });

const before = planWith(defaultPolicy());
console.log("The default policy: the smallest model that is good enough for the tier, a larger one behind it.");
console.log(before.toTable());
console.log("\nWhat slmOnly() changes: no large model, so what needs one is refused before any call.");
console.log(diffPlans(before, planWith(slmOnly())).toTable());
console.log("\nWhat a rule of our own changes:");
console.log(diffPlans(before, planWith(ownPolicy)).toTable());
