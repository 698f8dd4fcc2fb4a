/**
 * Tools and MCP: the tools of an MCP server (stdio), which knows nothing of Tierwise. What each does and may see is declared where
 * it is bound. Look at what code pins, at what is refused, and at which of the two models takes which turn.
 */
import { join } from "node:path";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type HumanRequest } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";

const server = join(import.meta.dirname, "mcp", "shop-server.ts");
const client = new MultiServerMCPClient({
  mcpServers: { shop: { transport: "stdio", command: process.execPath, args: [server] } },
});
const tools = await client.getTools();
const named = (name: string) => tools.find((tool) => tool.name === name)!;

const g = graph("returns", {
  input: z.object({ orderId: z.int(), complaint: z.string() }),
  label: "internal",
  fields: { orderId: { integrity: "trusted" } }, // set by our own auth layer; the complaint stays untrusted
});
const decision = g.agent("decide", {
  needs: { orderId: g.input.field("orderId"), complaint: g.input.field("complaint") },
  output: z.string(),
  prompt: ({ orderId, complaint }) => `Order ${orderId}: ${complaint}`,
  tools: [
    { tool: named("find_order"), effect: "read", accepts: "internal" },
    {
      ...{ tool: named("refund"), effect: "irreversible", accepts: "internal" },
      pin: { orderId: ({ orderId }) => orderId }, // the model can refund no other order,
      max: { amount: () => 25 }, // and no more than this,
      approve: { reason: "Refunds cannot be taken back." }, // and a person looks at each
    },
  ],
});
const returns = g.output(decision);

// Fixed turns without understanding, two of them wrong; the n-th is taken when the conversation has n answers.
const call = (name: string, args: Record<string, unknown>) => ({ toolCalls: [{ name, args }] });
const turns = [
  ...[call("find_order", { id: "the broken one" }), call("find_order", { id: 7 })],
  ...[call("refund", { amount: 2_500 }), call("refund", { amount: 25 })],
  { text: "(scripted stand-in) The price of the mug was refunded." },
];
const script = new ScriptedModel(({ messages }) => turns[messages.filter(({ role }) => role === "assistant").length]!);
const small = smallText.standIn ? { ...smallText, model: script.factory } : smallText;
const large = largeText.standIn ? { ...largeText, model: script.factory } : largeText;

const catalog = createCatalog([
  endpoint("small", { class: "slm", location: "on-prem", clearance: "internal", ...small }),
  endpoint("large", { class: "llm", location: "cloud", clearance: "internal", ...large }),
]);
const ask = ({ prompt }: HumanRequest) => {
  console.log(`  a person is asked: ${prompt}`);
  return Promise.resolve(true);
};
const runtime = createRuntime({ catalog, policy: defaultPolicy(), onHuman: { clearance: "internal", ask } });

const run = await runtime.start(returns, { orderId: 7, complaint: "My mug is broken." });
run.on("attempt-start", ({ endpoint, kind }) => console.log(`${endpoint} is asked (${kind})`));
run.on("tool-refused", ({ tool, reason }) => console.log(`  ${tool}: refused, ${reason}`));
run.on("tool-end", ({ tool, outcome }) => console.log(`  ${tool}: ${outcome}`));
const { output } = await run.result;
console.log(output);

console.log("\nWhat the model read of its calls:");
for (const { role, content } of script.calls.at(-1)?.messages ?? []) if (role === "tool") console.log(`- ${content}`);
await client.close();
