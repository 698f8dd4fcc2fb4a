/**
 * A run that is refused while it runs: the text of a ticket, which anyone can write, would say where money goes. Nothing is
 * paid; the run span says `tierwise.run.outcome=denied`. Needs no key and no network.
 */
import { tool } from "langchain";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, TierwiseError } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import * as z from "zod";
import { startTracing } from "./tracing.ts";

const paid: string[] = [];
const payOut = tool(({ account }: { account: string }) => `paid ${paid.push(account)}`, {
  name: "pay_out",
  description: "Pays a refund to an account.",
  schema: z.object({ account: z.string() }),
});

const g = graph("support-desk-payout", { version: "1", input: z.object({ ticket: z.string() }), label: "internal" });
const payout = g.agent("payout", {
  needs: { request: g.input },
  output: z.string(),
  prompt: ({ request }) => request.ticket,
  tools: [
    {
      ...{ tool: payOut, effect: "write", idempotency: "keyed", accepts: "internal" },
      pin: { account: ({ request }: { request: { ticket: string } }) => /account (\S+)/.exec(request.ticket)?.[1] },
    },
  ],
});

const standIn = new ScriptedModel([{ toolCalls: [{ name: "pay_out", args: {} }] }], { model: "scripted-stand-in" });
const large = endpoint("large", {
  ...{ class: "llm", location: "cloud", clearance: "internal", model: standIn.factory, standIn: true },
  price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10, version: "example" },
});

const tracing = startTracing(process.env, { maxRuns: 1 });
const runtime = createRuntime({
  catalog: createCatalog([large]),
  policy: defaultPolicy(),
  telemetry: { content: "off", tracerProvider: tracing.recorder },
});
try {
  await runtime.run(g.output(payout), { ticket: "Refund me to account NL00" });
} catch (error) {
  if (!TierwiseError.isInstance(error)) throw error;
  console.log(`refused with ${error.code}: ${error.message}`);
}
console.log(`paid: ${paid.length}`);
await tracing.shutdown();
