/** What docs/guides/tools.md shows. `searchHelp` and `refund` are LangChain tools; nothing in them knows of Tierwise. */
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { tool } from "langchain";
import { createRuntime, graph, type Catalog, type HumanRequest, type Policy } from "tierwise";
import * as z from "zod";

// #region tools
export const searchHelp = tool(({ query }) => `What our help says about ${query}.`, {
  name: "search_help",
  description: "Finds an article of the help pages.",
  schema: z.object({ query: z.string().max(200) }),
});

export const refund = tool(({ orderId, amount }) => `Refunded ${amount} EUR for order ${orderId}.`, {
  name: "refund",
  description: "Pays money back to the customer of an order.",
  schema: z.object({ orderId: z.int(), amount: z.number() }),
});
// #endregion

export function returns() {
  // #region bind
  const g = graph("returns", {
    input: z.object({ orderId: z.int(), complaint: z.string() }),
    label: "customer",
    fields: { orderId: { integrity: "trusted" } }, // our own code set it; the complaint stays untrusted
  });
  const decision = g.agent("decide", {
    needs: { orderId: g.input.field("orderId"), complaint: g.input.field("complaint") },
    output: z.string(),
    prompt: ({ orderId, complaint }) => `Order ${orderId}: ${complaint}`,
    tools: [
      { tool: searchHelp, effect: "read", accepts: "customer" },
      {
        tool: refund,
        effect: "irreversible",
        idempotency: "keyed",
        accepts: "customer",
        pin: { orderId: ({ orderId }) => orderId }, // the model neither sees nor chooses it
        max: { amount: () => 25 }, // above: refused, and the model is told
        approve: { reason: "Refunds cannot be taken back." }, // a person looks at each call
      },
    ],
  });
  return g.output(decision);
  // #endregion
}

export function withPerson(catalog: Catalog, policy: Policy, askSomebody: (text: string) => Promise<boolean>) {
  // #region approve
  return createRuntime({
    catalog,
    policy,
    onHuman: {
      clearance: "customer", // a person is a sink as well: what may they see?
      ask: (request: HumanRequest) => askSomebody(request.prompt),
    },
  });
  // #endregion
}

/** A payment service that makes one payment of two requests with the same key. */
interface Payments {
  pay(order: { orderId: number; amount: number }, options: { idempotencyKey: string | undefined }): Promise<string>;
}

export function keyedRefund(payments: Payments) {
  // #region keyed
  return tool(
    async (order, config) => {
      const { idempotencyKey } = config.configurable as { idempotencyKey?: string };
      return await payments.pay(order, { idempotencyKey });
    },
    {
      name: "refund",
      description: "Pays money back to the customer of an order.",
      schema: z.object({ orderId: z.int(), amount: z.number() }),
    },
  );
  // #endregion
}

export async function fromMcp() {
  // #region mcp
  const client = new MultiServerMCPClient({
    mcpServers: { shop: { transport: "stdio", command: "node", args: ["shop-server.ts"] } },
  });
  const tools = await client.getTools();
  const findOrder = tools.find(({ name }) => name === "find_order")!;

  const g = graph("orders", { input: z.object({ question: z.string() }), label: "internal" });
  const answer = g.agent("answer", {
    needs: { input: g.input },
    output: z.string(),
    prompt: ({ input }) => input.question,
    tools: [{ tool: findOrder, effect: "read", accepts: "internal" }], // what the server says of itself is not believed
  });
  return { graph: g.output(answer), close: () => client.close() };
  // #endregion
}
