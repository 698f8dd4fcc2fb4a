/** The refund desk: a classifier, a look-up, a person's yes, an agent that pays money back, and a letter. */
import { tool } from "langchain";
import { graph } from "tierwise";
import * as z from "zod";
import { topics } from "../shared/intents.ts";
import type { Shop } from "./shop-client.ts";

export function refundDesk(shop: Shop) {
  const g = graph("refund-desk", {
    version: "1",
    input: z.object({ ticket: z.string(), orderId: z.string() }),
    label: "customer",
    fields: { orderId: { integrity: "trusted" } },
  });

  const triage = g.classify("triage", {
    needs: { ticket: g.input.field("ticket") },
    labels: topics,
    text: ({ ticket }) => ticket,
    endorse: { reason: "one of three topics; the text itself goes no further" },
  });

  const order = g.code("order", {
    needs: { triage, id: g.input.field("orderId") },
    when: ({ triage: { label } }) => label === "refund",
    run: ({ id }, { signal }) => shop.order(id, signal),
  });

  const approval = g.approve("approval", {
    needs: { order: g.required(order) },
    question: ({ order: { id, item, paidCents } }) => `Refund ${paidCents} cents for order ${id} (${item})?`,
  });

  const payBack = tool(
    (order: { orderId: string; amountCents: number }, { configurable, signal }: ToolConfig) =>
      shop.refund(order, { key: configurable?.idempotencyKey ?? "", signal }),
    {
      name: "pay_back",
      description: "Pays money back for an order. The amount is in cents.",
      schema: z.object({ orderId: z.string(), amountCents: z.int() }),
    },
  );

  const refund = g.agent("refund", {
    needs: { order: g.required(order), approval: g.required(approval) },
    when: ({ approval: { approved } }) => approved,
    tools: [
      {
        tool: payBack,
        effect: "irreversible",
        // The payment service books a key once, however often it is sent: so the call may be sent again after a crash.
        idempotency: "keyed",
        accepts: "customer",
        pin: { orderId: ({ order: { id } }) => id },
        max: { amountCents: ({ order: { paidCents } }) => paidCents },
      },
    ],
    output: z.object({ refundedCents: z.int(), receipt: z.string() }),
    prompt: ({ order: { paidCents } }) => `Pay back ${paidCents} cents, then say how much, and the receipt.`,
  });

  const letter = g.model("letter", {
    needs: { refund: g.required(refund) },
    complexity: "generation",
    output: z.string(),
    prompt: ({ refund: { refundedCents, receipt } }) =>
      `Tell the customer that ${refundedCents} cents were refunded, receipt ${receipt}.`,
  });

  return g.output({ triage, approval, refund, letter });
}

/** What tools of LangChain get beside their arguments; the key is the same when the call is sent again after a crash. */
interface ToolConfig {
  readonly configurable?: { readonly idempotencyKey?: string };
  readonly signal?: AbortSignal;
}
