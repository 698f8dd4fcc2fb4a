/**
 * The larger example of the documentation, compiled as it stands there. What it leaves to the reader is added on top: the
 * two tools, the database behind `orders`, and the texts of the prompts.
 */
import { ChatOpenAI } from "@langchain/openai";
import { tool } from "langchain";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../src/index.ts";

interface Order {
  readonly id: string;
  readonly item: string;
  readonly total: number;
  readonly cardNumber: string;
}

/** Stands for the shop's database. */
export const orders = {
  latest: (customerId: string, { signal }: { signal: AbortSignal }): Promise<Order> => {
    signal.throwIfAborted();
    return Promise.resolve({ id: `o-${customerId}`, item: "mug", total: 12.5, cardNumber: "CARD-4111" });
  },
};

/** What the two tools were called with, in order. */
export const toolCalls: { readonly tool: string; readonly args: unknown }[] = [];

const searchPolicies = tool(
  (args: { query: string }) => {
    toolCalls.push({ tool: "search_policies", args });
    return "Unused goods are refunded in full within 30 days.";
  },
  { name: "search_policies", description: "Searches the shop's policies", schema: z.object({ query: z.string() }) },
);

const issueRefund = tool(
  (args: { orderId: string; amount: number }) => {
    toolCalls.push({ tool: "issue_refund", args });
    return `refunded ${args.amount}`;
  },
  {
    name: "issue_refund",
    description: "Pays money back",
    schema: z.object({ orderId: z.string(), amount: z.number() }),
  },
);

const onPremises = { level: "regulated", compartments: ["pii", "pci"] } as const;

const g = graph("support", {
  version: "3",
  input: z.object({ ticket: z.string(), customerId: z.string() }),
  label: { level: "customer", compartments: ["pii"] },
  fields: { customerId: { integrity: "trusted" } }, // set by our own auth layer; `ticket` stays untrusted
});

const triage = g.classify("triage", {
  // a closed set of labels: the embedded classifier can serve it
  needs: { request: g.input },
  labels: ["refund", "bug", "other"],
  text: ({ request }) => request.ticket,
  endorse: { reason: "closed enum chooses a branch" },
}); // { label: "refund" | "bug" | "other" } | { uncertain: true }

const order = g.code("order", {
  // no model: a database, an API
  needs: { id: g.input.field("customerId") },
  produces: { level: "regulated", compartments: ["pci"] },
  run: async ({ id }, { signal }) => orders.latest(id, { signal }),
});

const refund = g.agent("refund", {
  // a tool loop; the model is chosen per turn
  needs: { triage, order },
  privacy: "regulated",
  when: ({ triage }) => triage.label === "refund",
  tools: [
    { tool: searchPolicies, effect: "read", accepts: onPremises }, // any LangChain tool
    {
      tool: issueRefund,
      effect: "write",
      idempotency: "keyed",
      accepts: onPremises,
      returns: "customer",
      pin: { orderId: ({ order }) => order.id }, // set by code, the model cannot choose it
      max: { amount: ({ order }) => order.total },
    },
  ],
  output: z.object({ amount: z.number() }),
  prompt: ({ order }) => `Decide the refund for order ${order.id}`,
});

const summary = g.redact("summary", {
  // labels go down only here, by trusted code, audited
  from: order,
  output: z.object({ item: z.string(), total: z.number() }),
  map: (order) => ({ item: order.item, total: order.total }),
  removes: ["pci"],
  to: "customer",
  reason: "what the customer may read about the order",
});

const reply = g.model("reply", {
  // reading `refund` here would not build: regulated{pci} > customer
  needs: { request: g.input, triage, summary },
  complexity: "generation",
  privacy: "customer",
  output: z.string(),
  prompt: ({ request, triage, summary }) =>
    `Answer (${triage.label ?? "uncertain"}) about ${JSON.stringify(summary)}: ${request.ticket}`,
});

/** Freezes; checks all that needs no catalog; throws all problems at once. */
export const support = g.output({ reply, triage });

/** The two steps that a test reads apart from the output. */
export const internal = { refund, order };

export const phi4 = {
  class: "slm",
  location: "on-prem",
  clearance: onPremises,
  price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 },
} as const;
export const gpt = {
  class: "llm",
  location: "cloud",
  clearance: { level: "customer", compartments: ["pii"] },
  price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 },
} as const;

const apiKey = "test";
const configuration = { baseURL: process.env["SLM_BASE_URL"] ?? "http://127.0.0.1:1/v1" };

export const runtime = createRuntime({
  catalog: createCatalog([
    endpoint("phi4", { ...phi4, model: new ChatOpenAI({ model: "phi-4", apiKey, configuration }) }),
    endpoint("gpt", { ...gpt, model: new ChatOpenAI({ model: "gpt-5", apiKey }) }),
  ]),
  policy: defaultPolicy({ acceptAt: 0.85 }),
  telemetry: { content: "off" },
});
