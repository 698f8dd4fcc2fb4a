/** The tools of the desk's agent. Code, not the model, decides whose data they read and which order they pay back. */
import { tool } from "langchain";
import * as z from "zod";
import { issueRefund, ordersOf, searchArticles } from "./shop.ts";

export const searchHelp = tool(async ({ query }: { query: string }) => JSON.stringify(await searchArticles(query)), {
  name: "search_help",
  description: "Finds help articles. Returns their ids and texts.",
  schema: z.object({ query: z.string() }),
});

export const orderHistory = tool(({ customerId }: { customerId: string }) => JSON.stringify(ordersOf(customerId)), {
  name: "order_history",
  description: "All orders of the customer, with payment data.",
  schema: z.object({ customerId: z.string() }),
});

export const payRefund = tool(
  (
    { orderId, amountCents }: { orderId: string; amountCents: number },
    config: { configurable?: { idempotencyKey?: string } },
  ) =>
    JSON.stringify({
      refundedCents: issueRefund({ orderId, amountCents }, config.configurable?.idempotencyKey ?? orderId),
    }),
  {
    name: "issue_refund",
    description: "Pays back an order, once. The amount is in cents; 0 comes back when it was paid before.",
    schema: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  },
);
