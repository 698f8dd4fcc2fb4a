import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../../src/index.ts";
import type { HumanRequest, RunEvent, RuntimeOptions, ToolBinding, ToolLike } from "../../src/index.ts";
import { ScriptedModel, type ScriptedReply } from "../../src/testing/index.ts";

/** A real MCP server in a process of its own, spoken to over stdio through LangChain's adapter. */
const serverFile = join(import.meta.dirname, "..", "support", "mcp-server.ts");
const startupMs = 20_000;

function openClient(): MultiServerMCPClient {
  const shop = { transport: "stdio" as const, command: process.execPath, args: [serverFile] };
  return new MultiServerMCPClient({ mcpServers: { shop } });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

let client: MultiServerMCPClient;
let tools: ReadonlyMap<string, ToolLike>;

beforeAll(async () => {
  client = openClient();
  tools = new Map((await client.getTools()).map((tool) => [tool.name, tool]));
}, startupMs);

afterAll(() => client.close(), startupMs);

const named = (name: string): ToolLike => tools.get(name)!;
const call = (name: string, args: object = {}) => ({ name, args: args as Record<string, unknown> });
const calls = (...toolCalls: ReturnType<typeof call>[]): ScriptedReply => ({ toolCalls });
const done: ScriptedReply = { text: "done" };

interface Needs {
  readonly input: { readonly orderId: number; readonly note: string };
  readonly orderId: number;
}

/** An agent over internal data, of which the order's number is trusted. */
function desk(bindings: readonly ToolBinding<Needs>[], timeoutMs = 10_000) {
  const g = graph("desk", {
    input: z.object({ orderId: z.number(), note: z.string() }),
    label: "internal",
    privacy: "regulated",
    fields: { orderId: { integrity: "trusted" } },
  });
  const work = g.agent("work", {
    needs: { input: g.input, orderId: g.input.field("orderId") },
    output: z.string(),
    prompt: ({ input }) => input.note,
    tools: bindings,
    timeoutMs,
  });
  return g.output(work, { clearance: "regulated" });
}

const input = { orderId: 7, note: "hello" };

async function run(
  script: ScriptedReply[],
  bindings: readonly ToolBinding<Needs>[],
  { timeoutMs, ...options }: Partial<RuntimeOptions> & { timeoutMs?: number } = {},
) {
  const model = new ScriptedModel(script);
  const place = { class: "llm", location: "on-prem", clearance: "regulated", model: model.factory } as const;
  const catalog = createCatalog([endpoint("large", place)]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), ...options });
  const handle = await runtime.start(desk(bindings, timeoutMs), input);
  const events: RunEvent[] = [];
  handle.on("*", (event) => void events.push(event));
  const { output, decisions } = await handle.result;
  const results = model.calls.at(-1)!.messages.filter(({ role }) => role === "tool");
  return { output, decisions, events, results: results.map(({ content }) => content) };
}

/** What reached the server since the last look. */
let seen = 0;
async function journal(): Promise<string[]> {
  const lines = String(await named("journal").invoke({})).split("\n");
  const fresh = lines.slice(seen).filter((line) => line !== "");
  seen += fresh.length;
  return fresh;
}

const read = (name: string): ToolBinding<Needs> => ({ tool: named(name), effect: "read", accepts: "internal" });
const refund = (): ToolBinding<Needs> => ({
  tool: named("refund"),
  effect: "irreversible",
  accepts: "internal",
  pin: { orderId: ({ orderId }) => orderId },
  max: { amount: () => 25 },
});

describe("tools of an MCP server", () => {
  it("are called with checked arguments, and their texts are read by the model", async () => {
    const { output, results, events } = await run(
      [calls(call("find_order", { id: 7 }), call("two_parts")), done],
      [read("find_order"), read("two_parts")],
    );
    expect(output).toBe("done");
    expect(results).toEqual(["order 7: a mug, 25 EUR", '[{"type":"text","text":"one"},{"type":"text","text":"two"}]']);
    expect(events.filter(({ type }) => type === "tool-end")).toHaveLength(2);
    expect(await journal()).toEqual(["find_order 7"]);
  });

  it("do not hear of arguments that do not fit their schema", async () => {
    const turn = calls(
      call("find_order", { id: "seven" }),
      call("find_order", { id: 0 }),
      call("find_order", {}),
      call("find_order", { id: 7, verbose: true }),
    );
    const { results } = await run([turn, done], [read("find_order")]);
    expect(results).toEqual([
      'The arguments cannot be used: "id" is not integer.',
      'The arguments cannot be used: "id" is below the least number of 1.',
      'The arguments cannot be used: "id" is not given.',
      "The arguments cannot be used: the value has an unknown member.",
    ]);
    expect(await journal()).toEqual([]);
  });

  it("have the effect that their binding declares: code sets and bounds the arguments, a person approves", async () => {
    const asked: HumanRequest[] = [];
    const ask = (request: HumanRequest) => Promise.resolve(asked.push(request) < 2);
    const { results } = await run(
      [
        calls(call("refund", { amount: 26 })),
        calls(call("refund", { amount: 25 })),
        calls(call("refund", { amount: 3 })),
        done,
      ],
      [{ ...refund(), approve: true }],
      { onHuman: { clearance: "internal", ask } },
    );
    expect(results).toEqual([
      'The arguments cannot be used: "amount" is not a number from 0 to its bound.',
      "refunded",
      "Not called: a person who was asked did not approve it.",
    ]);
    expect(asked.map((request) => "arguments" in request && request.arguments)).toEqual([
      { orderId: 7, amount: 25 },
      { orderId: 7, amount: 3 },
    ]);
    expect(await journal()).toEqual(["refund 7 25"]);
  });

  it("count as writing when nothing is declared, so a model may not choose their arguments freely", () => {
    expect(() => desk([{ tool: named("refund"), accepts: "internal" }])).toThrow(
      /PRIVACY_ACTION_UNTRUSTED|a model chooses/,
    );
    expect(() => desk([{ ...refund(), max: {} }])).toThrow(/a model chooses "amount"/);
  });

  it("are sinks: a graph whose data is above their clearance is not built", () => {
    expect(() => desk([{ tool: named("find_order"), effect: "read" }])).toThrow(
      /tool "find_order" \(arguments\)\n.*payload internal\{\} untrusted exceeds clearance public\{\}: level \+1/,
    );
  });

  it("are sources: their declared label moves the next turn to an endpoint that is cleared for it", async () => {
    const cloud = new ScriptedModel([calls(call("find_order", { id: 7 }))]);
    const onPrem = new ScriptedModel([done]);
    const catalog = createCatalog([
      endpoint("cloud", { class: "llm", location: "cloud", clearance: "internal", model: cloud.factory }),
      endpoint("own", { class: "llm", location: "on-prem", clearance: "regulated", model: onPrem.factory }),
    ]);
    const runtime = createRuntime({ catalog, policy: defaultPolicy() });
    const bindings: ToolBinding<Needs>[] = [{ ...read("find_order"), accepts: "regulated", returns: "regulated" }];
    const { decisions } = await runtime.run(desk(bindings), input);
    expect(decisions["work"]?.map(({ label, ladder }) => [label.level, ladder[0]?.endpoint])).toEqual([
      ["internal", "cloud"],
      ["regulated", "own"],
    ]);
    expect(JSON.stringify(cloud.calls)).not.toContain("mug");
    expect(JSON.stringify(onPrem.calls)).toContain("mug");
    await journal();
  });

  it("that answer with an error are failures, and nothing of the error is passed on", async () => {
    const { results, events } = await run([calls(call("fail")), done], [read("fail")]);
    expect(results).toEqual(["The tool failed."]);
    expect(JSON.stringify(events)).not.toContain("CANARY");
  });

  it("are cut where their result is too long", async () => {
    const { results } = await run([calls(call("archive")), done], [{ ...read("archive"), maxResultBytes: 1_000 }]);
    expect(Buffer.byteLength(results[0]!)).toBeLessThanOrEqual(1_000);
    expect(results[0]).toMatch(/^é+\n\[The result was cut here: 9990\d\d bytes are left out\.\]$/);
  });

  it("are not waited for beyond the step's timeout, and the server is told to stop", async () => {
    const { results } = await run([calls(call("hang")), done], [read("hang")], { timeoutMs: 300 });
    expect(results).toEqual(["The tool did not answer in time."]);
    await expect.poll(journal, { timeout: 5_000 }).toEqual(["hang was cancelled"]);
  });
});

describe("the process of an MCP server", () => {
  it("is another one, and gone when its client is closed", { timeout: startupMs }, async () => {
    const own = openClient();
    const pid = Number(await (await own.getTools()).find(({ name }) => name === "pid")?.invoke({}));
    expect(pid).not.toBe(process.pid);
    expect(isAlive(pid)).toBe(true);
    await own.close();
    for (const deadline = Date.now() + 10_000; isAlive(pid) && Date.now() < deadline;) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  });
});
