/** What docs/guides/migrate-a-langgraph-graph.md shows: one graph twice. Nothing is called when this is loaded. */
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { Annotation, END, MemorySaver, START, StateGraph } from "@langchain/langgraph";
import { graph, type Runtime } from "tierwise";
import { toRunnable } from "tierwise/langchain";
import * as z from "zod";

export interface Orders {
  latest(customerId: string): Promise<{ item: string }>;
}

export function before(model: BaseChatModel, orders: Orders) {
  // #region before
  const State = Annotation.Root({
    ticket: Annotation<string>,
    customerId: Annotation<string>,
    topic: Annotation<string>,
    order: Annotation<{ item: string }>,
    reply: Annotation<string>,
  });
  const ask = async (text: string) => (await model.invoke(text)).text;

  return new StateGraph(State)
    .addNode("triage", async ({ ticket }) => ({ topic: await ask(`One word, refund or bug: ${ticket}`) }))
    .addNode("look_up", async ({ customerId }) => ({ order: await orders.latest(customerId) }))
    .addNode("refund", async ({ ticket, order }) => ({ reply: await ask(`Refund of ${order.item}: ${ticket}`) }))
    .addNode("answer", async ({ ticket }) => ({ reply: await ask(`Answer: ${ticket}`) }))
    .addEdge(START, "triage")
    .addConditionalEdges("triage", ({ topic }) => (topic === "refund" ? "look_up" : "answer"))
    .addEdge("look_up", "refund")
    .addEdge("refund", END)
    .addEdge("answer", END)
    .compile({ checkpointer: new MemorySaver() });
  // #endregion
}

export function after(orders: Orders) {
  // #region after
  const g = graph("desk", { input: z.object({ ticket: z.string(), customerId: z.string() }), label: "customer" });
  const text = { complexity: "generation", output: z.string() } as const;
  const isRefund = ({ triage }: { triage: { label?: string | undefined } }) => triage.label === "refund";

  const triage = g.classify("triage", {
    needs: { request: g.input },
    labels: ["refund", "bug"],
    text: ({ request }) => request.ticket,
  });
  const order = g.code("order", {
    needs: { request: g.input, triage },
    when: isRefund,
    run: ({ request }) => orders.latest(request.customerId),
  });
  const refund = g.model("refund", {
    ...text,
    needs: { request: g.input, order: g.required(order) }, // skipped where there is no order
    prompt: ({ request, order }) => `Refund of ${order.item}: ${request.ticket}`,
  });
  const answer = g.model("answer", {
    ...text,
    needs: { request: g.input, triage },
    when: (values) => !isRefund(values),
    prompt: ({ request }) => `Answer: ${request.ticket}`,
  });
  return g.output({ topic: triage, reply: g.firstOf("reply", [refund, answer]) });
  // #endregion
}

export function aNode(runtime: Runtime, desk: ReturnType<typeof after>) {
  // #region node
  const node = toRunnable(runtime, desk, { runOptions: () => ({ budget: { costUsd: 0.01 } }) });
  const State = Annotation.Root({
    ticket: Annotation<string>,
    customerId: Annotation<string>,
    reply: Annotation<string>,
  });
  return new StateGraph(State)
    .addNode("desk", async ({ ticket, customerId }, config) => {
      const { reply } = await node.invoke({ ticket, customerId }, config);
      return { reply };
    })
    .addEdge(START, "desk")
    .addEdge("desk", END)
    .compile();
  // #endregion
}
