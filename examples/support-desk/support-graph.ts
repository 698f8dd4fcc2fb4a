/** The support desk as an agent graph: what each step reads decides where it may run. Every kind of step is here. */
import { graph } from "tierwise";
import * as z from "zod";
import { orderHistory, payRefund, searchHelp } from "./desk-tools.ts";
import { isClean, problemsOf } from "./letter-check.ts";
import { letterGraph } from "./letter-graph.ts";
import { confirmation, purchaseGraph } from "./purchase-graph.ts";
import { articles, customerById, ordersOf } from "./shop.ts";

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

/** Refunds above this are signed by a person. */
const signAboveCents = 3_000;
/** Places inside the building that may see everything here. */
const inHouse = { level: "regulated", compartments: ["pii", "pci"] } as const;
const done = z.object({
  action: z.enum(["refunded", "answered", "needs_person"]),
  amountCents: z.int().min(0).max(100_000),
  articleId: z.enum(["none", ...articles.map(({ id }) => id)]),
});
const passedOn = { action: "needs_person", amountCents: 0, articleId: "none" } as const;

const noOrder = { orderId: "none", item: "nothing yet", status: "none", totalCents: 0, parcel: "nothing was sent" };

const g = graph("support-desk", {
  version: "2",
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

const topic = g.redact("topic", {
  from: triage,
  output: z.object({ topic: z.enum([...topics, "unclear"]) }),
  map: (verdict) => ({ topic: verdict.label ?? ("unclear" as const) }),
  removes: ["pci"],
  to: "customer",
  reason: "a topic out of a closed list says nothing about a card",
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

const confirmed = g.redact("confirmed", {
  from: orders,
  output: z.array(confirmation),
  map: (all) => all.map(({ id, item, status, totalCents }) => ({ orderId: id, item, status, totalCents })),
  removes: ["pci"],
  to: "customer",
  reason: "what every order confirmation shows",
});

const purchases = g.map("purchases", { over: confirmed, each: purchaseGraph, concurrency: 4, maxItems: 50 });

/** For a refund the order that came back, else the latest one. */
const order = g.code("order", {
  needs: { purchases, topic },
  run: ({ purchases: all, topic: { topic: about } }) =>
    all.find(({ status }) => about === "refund" && status === "returned") ?? all[0] ?? noOrder,
});

const signature = g.approve("signature", {
  needs: { order, topic },
  when: ({ order: { status, totalCents }, topic: { topic: about } }) =>
    about === "refund" && status === "returned" && totalCents > signAboveCents,
  question: ({ order: { orderId, item, totalCents } }) =>
    `Pay back ${(totalCents / 100).toFixed(2)} EUR for ${orderId}, ${item}? It came back to the warehouse.`,
});

const resolve = g.agent("resolve", {
  needs: { topic, order, customer, signature: g.orElse(signature, { approved: true }) },
  privacy: "regulated",
  when: ({ topic: { topic: found }, signature: { approved } }) => approved && found !== "unclear" && found !== "other",
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
      tool: payRefund,
      effect: "write",
      idempotency: "keyed",
      accepts: inHouse,
      returns: { level: "customer", compartments: ["pii"] },
      pin: { orderId: ({ order: { orderId } }) => orderId },
      max: { amountCents: ({ order: { totalCents } }) => totalCents },
    },
  ],
  output: done,
  workload: {
    ...{ inputTokens: { low: 150, high: 600 }, outputTokens: { low: 20, high: 100 } },
    turns: { low: 2, high: 4 },
  },
  prompt: ({ topic: { topic: found }, order: { orderId, item, status, totalCents }, customer: { tier } }) =>
    `A ${tier} customer wrote about: ${found}\nTheir order: ${orderId}, ${item}, ${status}, ${totalCents} cents\n` +
    "Look up the help articles and the order history. Refund only an order that came back. " +
    "Say what you did (action), the cents you refunded (0 if none) and the article that answers the customer.",
});

const outcome = g.redact("outcome", {
  from: resolve,
  output: done,
  map: (result) => result,
  removes: ["pci"],
  to: "customer",
  reason: "what was done, out of closed lists; nothing of the orders",
});

/** The same few articles are asked for all day. */
const article = g.code("article", {
  needs: { outcome: g.required(outcome) },
  memo: true,
  run: ({ outcome: { articleId } }) => articles.find(({ id }) => id === articleId)?.text ?? "",
});

const facts = g.code("facts", {
  needs: { outcome: g.required(outcome), customer, topic, order, article },
  run: ({ outcome: { action, amountCents }, customer: { firstName }, topic: about, order: asked, article: help }) =>
    action === "needs_person"
      ? undefined
      : {
          action,
          amountCents,
          firstName,
          about: about.topic,
          item: asked.item,
          parcel: asked.parcel,
          help,
        },
});

const letter = g.subgraph("letter", { input: g.required(facts), graph: letterGraph, onError: "skip" });

const sendable = g.code("sendable", {
  needs: { letter: g.required(letter) },
  when: ({ letter: { text, action } }) => isClean(problemsOf(text, action)),
  run: ({ letter: { text } }) => text,
});

/** Nothing to say, or nothing that may be said: a fixed text, and a person goes on. */
const handover = g.code("handover", {
  needs: { customer },
  run: ({ customer: { firstName } }) => `Hi ${firstName},\nA colleague will look at your message and answer today.`,
});

const reply = g.firstOf("reply", [sendable, handover]);

const check = g.code("check", {
  needs: { reply, outcome: g.orElse(outcome, passedOn) },
  run: ({ reply: text, outcome: { action } }) => problemsOf(text, action),
});

export const supportDesk = g.output({ triage, signature, outcome, reply, check });
