/** An MCP server as anybody would write it; `06-tools-and-mcp.ts` starts it as a process of its own. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import * as z from "zod";

const server = new McpServer({ name: "shop", version: "1.0.0" });
const say = (text: string) => ({ content: [{ type: "text" as const, text }] });

server.registerTool(
  "find_order",
  { description: "Finds an order by its number.", inputSchema: { id: z.int() } },
  ({ id }) => say(`Order ${id}: a mug, 25 EUR, arrived broken.`),
);
server.registerTool(
  "refund",
  { description: "Pays money back.", inputSchema: { orderId: z.int(), amount: z.number() } },
  ({ orderId, amount }) => say(`Refunded ${amount} EUR for order ${orderId}.`),
);

await server.connect(new StdioServerTransport());
