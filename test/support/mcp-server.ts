/** A small MCP server over stdio, run as a process of its own: `node test/support/mcp-server.ts`. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import * as z from "zod";

const server = new McpServer({ name: "shop", version: "1.0.0" });
/** What reached the tools, in order. */
const journal: string[] = [];
const say = (text: string) => ({ content: [{ type: "text" as const, text }] });

server.registerTool("find_order", { description: "Finds an order.", inputSchema: { id: z.int().min(1) } }, ({ id }) => {
  journal.push(`find_order ${id}`);
  return say(`order ${id}: a mug, 25 EUR`);
});

server.registerTool(
  "refund",
  { description: "Pays money back.", inputSchema: { orderId: z.int(), amount: z.number() } },
  ({ orderId, amount }) => {
    journal.push(`refund ${orderId} ${amount}`);
    return say("refunded");
  },
);

server.registerTool("fail", { description: "Always fails.", inputSchema: {} }, () => ({
  ...say("row CANARY-4711 is locked"),
  isError: true,
}));

server.registerTool("hang", { description: "Never answers.", inputSchema: {} }, (_args, { signal }) => {
  signal.addEventListener("abort", () => journal.push("hang was cancelled"), { once: true });
  return new Promise(() => undefined);
});

server.registerTool("archive", { description: "A long text.", inputSchema: {} }, () => say("é".repeat(500_000)));

server.registerTool("two_parts", { description: "Two texts.", inputSchema: {} }, () => ({
  content: ["one", "two"].map((text) => ({ type: "text" as const, text })),
}));

server.registerTool("journal", { description: "What was called.", inputSchema: {} }, () => say(journal.join("\n")));
server.registerTool("pid", { description: "The process.", inputSchema: {} }, () => say(String(process.pid)));

await server.connect(new StdioServerTransport());
