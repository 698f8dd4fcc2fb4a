/** The support desk as an agent graph: what each step reads decides where it may run. */
import { tool } from "langchain";
import { graph } from "tierwise";
import * as z from "zod";
import { articles, customerById, issueRefund, ordersOf, searchArticles } from "./shop.ts";

export const topics = [
  "refund",
  "delivery",
  "damaged",
  "wrong_item",
  "cancel_order",
  "invoice",
  "account",
  "payment",
  "product_question",
  "other",
] as const;

const articleIds = articles.map(({ id }) => id);

const searchHelp = tool(async ({ query }: { query: string }) => JSON.stringify(await searchArticles(query)), {
  name: "search_help",
  description: "Finds help articles. Returns their ids and texts.",
  schema: z.object({ query: z.string() }),
});

const orderHistory = tool(({ customerId }: { customerId: string }) => JSON.stringify(ordersOf(customerId)), {
  name: "order_history",
  description: "All orders of the customer, with payment data.",
  schema: z.object({ customerId: z.string() }),
});

const refund = tool(
  (
    { orderId, amountCents }: { orderId: string; amountCents: number },
    config: { configurable?: { idempotencyKey?: string } },
  ) =>
    JSON.stringify({
      refundedCents: issueRefund({ orderId, amountCents }, config.configurable?.idempotencyKey ?? orderId),
    }),
  {
    name: "issue_refund",
    description: "Pays back an order. The amount is in cents.",
    schema: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  },
);

/** Places inside the building that may see everything here. */
const inHouse = { level: "regulated", compartments: ["pii", "pci"] } as const;

const g = graph("support-desk", {
  version: "1",
  input: z.object({ ticket: z.string().min(1).max(10_000), customerId: z.string() }),
  // People paste card numbers into tickets, so the text counts as card data until somebody shows otherwise.
  label: { level: "customer", compartments: ["pii", "pci"] },
  fields: { customerId: { integrity: "trusted", compartments: ["pii"] } },
});

const triage = g.classify("triage", {
  needs: { request: g.input },
  labels: topics,
  text: ({ request }) => request.ticket,
  workload: { inputTokens: { low: 10, high: 200 }, outputTokens: { low: 1, high: 8 } },
  endorse: { reason: "one of ten topics; the text itself goes no further" },
});

const customer = g.code("customer", {
  needs: { id: g.input.field("customerId") },
  run: ({ id }) => {
    const { name, tier } = customerById(id);
    return { id, firstName: name.split(" ")[0] ?? name, tier };
  },
});

const orders = g.code("orders", {
  needs: { id: g.input.field("customerId") },
  produces: { level: "regulated", compartments: ["pci"] },
  run: ({ id }) => ordersOf(id),
});

const topic = g.redact("topic", {
  from: triage,
  output: z.object({ topic: z.enum([...topics, "unclear"]) }),
  map: (verdict) => ({ topic: verdict.label ?? ("unclear" as const) }),
  removes: ["pci"],
  to: "customer",
  reason: "a topic out of a closed list says nothing about a card",
});

const latest = g.redact("latest", {
  from: orders,
  output: z.object({ orderId: z.string(), item: z.string(), status: z.string(), totalCents: z.number() }),
  map: ([order]) => ({
    orderId: order?.id ?? "none",
    item: order?.item ?? "nothing yet",
    status: order?.status ?? "none",
    totalCents: order?.totalCents ?? 0,
  }),
  removes: ["pci"],
  to: "customer",
  reason: "what every order confirmation shows",
});

const resolve = g.agent("resolve", {
  needs: { topic, latest, customer },
  privacy: "regulated",
  when: ({ topic: { topic: found } }) => found !== "unclear" && found !== "other",
  tools: [
    { tool: searchHelp, effect: "read", accepts: inHouse, returns: { level: "public", integrity: "trusted" } },
    {
      tool: orderHistory,
      effect: "read",
      accepts: inHouse,
      returns: { level: "regulated", compartments: ["pii", "pci"] },
      pin: { customerId: ({ customer: { id } }) => id },
    },
    {
      tool: refund,
      effect: "write",
      idempotency: "keyed",
      accepts: inHouse,
      returns: { level: "customer", compartments: ["pii"] },
      pin: { orderId: ({ latest: { orderId } }) => orderId },
      max: { amountCents: ({ latest: { totalCents } }) => totalCents },
    },
  ],
  output: z.object({
    action: z.enum(["refunded", "answered", "needs_person"]),
    amountCents: z.int().min(0).max(100_000),
    articleId: z.enum(["none", ...articleIds]),
  }),
  workload: {
    ...{ inputTokens: { low: 150, high: 600 }, outputTokens: { low: 20, high: 100 } },
    turns: { low: 2, high: 4 },
  },
  prompt: ({ topic: { topic: found }, latest: { orderId, item, status, totalCents }, customer: { tier } }) =>
    `A ${tier} customer wrote about: ${found}\nLatest order: ${orderId}, ${item}, ${status}, ${totalCents} cents\n` +
    "Look up the help articles and the order history. Refund only an order that came back. " +
    "Say what you did (action), the cents you refunded (0 if none) and the article that answers the customer.",
});

const outcome = g.redact("outcome", {
  from: resolve,
  output: z.object({
    action: z.enum(["refunded", "answered", "needs_person"]),
    amountCents: z.int().min(0).max(100_000),
    articleId: z.enum(["none", ...articleIds]),
  }),
  map: (result) => result,
  removes: ["pci"],
  to: "customer",
  reason: "what was done, out of closed lists; nothing of the orders",
});

const passedOn = { action: "needs_person", amountCents: 0, articleId: "none" } as const;

const article = g.code("article", {
  needs: { outcome: g.orElse(outcome, passedOn) },
  run: ({ outcome: { articleId } }) => articles.find(({ id }) => id === articleId)?.text ?? "",
});

const reply = g.model("reply", {
  needs: { customer, topic, latest, outcome: g.orElse(outcome, passedOn), article },
  complexity: "generation",
  output: z.string().max(2_000),
  workload: { inputTokens: { low: 100, high: 400 }, outputTokens: { low: 40, high: 200 }, escalationRatio: 0.15 },
  prompt: ({ customer: { firstName }, topic: { topic: about }, latest: { item }, outcome: done, article: help }) =>
    `Write a short, friendly reply to ${firstName} about their request (${about}).\nTheir latest order: ${item}\n` +
    `What was done: ${done.action}, ${done.amountCents} cents\nHelp article: ${help}\nStart with "Hi ${firstName},".`,
  validate: (text, { customer: { firstName } }) => text.startsWith(`Hi ${firstName},`),
});

const check = g.code("check", {
  needs: { reply, outcome: g.orElse(outcome, passedOn) },
  run: ({ reply: text, outcome: { action } }) => ({
    promisesRefund: /refund(ed)? you|have refunded/i.test(text) && action !== "refunded",
    hasCardNumber: /\b(?:\d[ -]?){13,19}\b/.test(text),
  }),
});

export const supportDesk = g.output({ triage, outcome, reply, check });
