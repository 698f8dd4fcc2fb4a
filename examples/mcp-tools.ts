import { join } from "node:path";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type HumanRequest } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import * as z from "zod";

// Tools of an MCP server, which knows nothing of Tierwise: what they do and may see is declared where they are bound.
const server = join(import.meta.dirname, "mcp", "shop-server.ts");
const client = new MultiServerMCPClient({
  mcpServers: { shop: { transport: "stdio", command: process.execPath, args: [server] } },
});
const tools = await client.getTools();
const named = (name: string) => tools.find((tool) => tool.name === name)!;

const g = graph("returns", {
  input: z.object({ orderId: z.int(), complaint: z.string() }),
  label: "internal",
  fields: { orderId: { integrity: "trusted" } }, // set by our own auth layer
});
const decision = g.agent("decide", {
  needs: { orderId: g.input.field("orderId"), complaint: g.input.field("complaint") },
  output: z.string(),
  prompt: ({ orderId, complaint }) => `Order ${orderId}: ${complaint}`,
  tools: [
    { tool: named("find_order"), effect: "read", accepts: "internal" },
    {
      ...{ tool: named("refund"), effect: "irreversible", accepts: "internal", cost: { perCallUsd: 0.05 } },
      pin: { orderId: ({ orderId }) => orderId }, // the model can refund no other order,
      max: { amount: () => 25 }, // and no more than this,
      approve: { reason: "Refunds cannot be taken back." }, // and a person looks at each
    },
  ],
});
const returns = g.output(decision);

/** Fixed turns without understanding; a real model would go in its place. */
const standIn = new ScriptedModel(
  [
    { toolCalls: [{ name: "find_order", args: { id: "the broken one" } }] },
    { toolCalls: [{ name: "find_order", args: { id: 7 } }] },
    { toolCalls: [{ name: "refund", args: { amount: 2_500 } }] },
    { toolCalls: [{ name: "refund", args: { amount: 25 } }] },
    { text: "(scripted stand-in) The price of the mug was refunded." },
  ],
  { model: "scripted-stand-in" },
);
const large = endpoint("large", {
  ...{ class: "llm", location: "cloud", clearance: "internal", model: standIn.factory },
  price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 },
});

const ask = (request: HumanRequest) => {
  console.log(`a person is asked: ${request.prompt}`);
  return Promise.resolve(true);
};
const onHuman = { clearance: "internal", ask } as const;
const runtime = createRuntime({ catalog: createCatalog([large]), policy: defaultPolicy(), onHuman });

const run = await runtime.start(returns, { orderId: 7, complaint: "My mug is broken." });
run.on("tool-refused", ({ tool, reason }) => console.log(`refused: ${tool}: ${reason}`));
run.on("tool-end", ({ tool, outcome }) => console.log(`called: ${tool}: ${outcome}`));
const { output, ledger } = await run.result;
console.log(`model: ${standIn.model}, ${ledger.attempts} turns, ${ledger.escalations} of them repairs`);
console.log(`tools: ${ledger.toolUsd} USD`);
console.log(output);

console.log("\nWhat the model read of its calls:");
for (const { role, content } of standIn.calls.at(-1)!.messages) if (role === "tool") console.log(`- ${content}`);

await client.close();
