import { inspect } from "node:util";
import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint, type Anonymiser } from "../catalog/endpoint.ts";
import type { LabelModel } from "../catalog/model-like.ts";
import { ProviderError } from "../errors.ts";
import { graph } from "../graph/graph.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { FaultServer } from "../testing/fault-server.ts";
import type { ServerReply } from "../testing/server-reply.ts";
import { openModel } from "./open-model.ts";
import type { ChatRequest, ClassifyRequest, ModelRequest } from "./port.ts";

const canary = "CANARY-4711";
const signal = new AbortController().signal;
const remover: Anonymiser = { name: "remover", redact: (text) => text.replaceAll(canary, "[REDACTED]") };

function endpointOf(server: FaultServer, anonymiser: Anonymiser) {
  const model = new ChatOpenAI({ model: "big", apiKey: "none", configuration: { baseURL: server.baseURL } });
  return endpoint("cloud", {
    class: "llm",
    location: "cloud",
    model,
    anonymiser,
    price: { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 },
  });
}

const args = {
  id: 7,
  customer: { name: canary, tags: [canary, { deep: [`<${canary}>`, null, true] }] },
  [canary]: "key",
};
const tools = [{ name: "look", description: "Looks it up.", parameters: { type: "object", properties: {} } }];
const chat: ChatRequest = {
  kind: "chat",
  messages: [
    { role: "system", content: `You serve ${canary}.` },
    { role: "user", content: `I am ${canary}, ${canary}` },
    {
      role: "assistant",
      content: `Looking for ${canary}`,
      toolCalls: [
        { id: "call_1", name: "look", args },
        { id: "call_2", name: `look-${canary}`, args: undefined },
      ],
    },
    { role: "tool", content: `{"found":"${canary}"}`, toolCallId: "call_1" },
    { role: "tool", content: "no such tool", toolCallId: "call_2" },
  ],
  tools,
  schema: undefined,
  maxOutputTokens: 16,
};
const classify: ClassifyRequest = {
  kind: "classify",
  text: `${canary} wants money back`,
  labels: ["refund", "bug"],
  system: `Tickets of ${canary}`,
  maxOutputTokens: 8,
};

function bodies(server: FaultServer): string {
  return JSON.stringify(server.requests.map(({ body }) => body));
}

describe("an endpoint with an anonymiser", () => {
  it.each<[string, ModelRequest]>([
    ["a chat with tool calls in its history", chat],
    ["a classification", classify],
  ])("receives no text that it removes, in %s", async (_what, request) => {
    await using server = await FaultServer.start([{}]);
    await openModel(endpointOf(server, remover)).call(request, signal);
    expect(bodies(server)).not.toContain(canary);
    expect(bodies(server)).toContain("[REDACTED]");
  });

  it("receives everything else as it was: order, ids, numbers, names of its own tools", async () => {
    await using server = await FaultServer.start([{}]);
    await openModel(endpointOf(server, remover)).call(chat, signal);
    const [, , assistant, result] = server.requests[0]?.body["messages"] as Record<string, unknown>[];
    const calls = assistant?.["tool_calls"] as { id: string; function: { name: string; arguments: string } }[];
    expect(calls.map(({ id, function: { name } }) => [id, name])).toEqual([
      ["call_1", "look"],
      ["call_2", "look-[REDACTED]"],
    ]);
    expect(JSON.parse(calls[0]?.function.arguments ?? "")).toEqual({
      id: 7,
      customer: { name: "[REDACTED]", tags: ["[REDACTED]", { deep: ["<[REDACTED]>", null, true] }] },
      "[REDACTED]": "key",
    });
    expect(result).toEqual({ role: "tool", content: '{"found":"[REDACTED]"}', tool_call_id: "call_1" });
    expect(chat.messages[1]?.content).toContain(canary);
  });

  it("receives the author's tools, schema and labels untouched", async () => {
    await using server = await FaultServer.start([{}, {}, {}]);
    const shout: Anonymiser = { name: "shout", redact: (text) => text.toUpperCase() };
    const port = openModel(endpointOf(server, shout));
    const schema = { type: "object", properties: { total: { type: "number" } } };
    await port.call({ ...chat, messages: [{ role: "user", content: "hello" }] }, signal);
    await port.call({ ...chat, messages: [], tools: [], schema }, signal);
    await port.call(classify, signal);
    const [first, second, third] = server.requests.map(({ body }) => body);
    expect(first).toMatchObject({ messages: [{ content: "HELLO" }], tools: [{ function: tools[0] }] });
    expect(second).toMatchObject({ response_format: { json_schema: { schema } } });
    expect(JSON.stringify(third?.["messages"])).toContain("- refund\\n- bug\\n- uncertain");
    expect(JSON.stringify(third?.["messages"])).toContain("WANTS MONEY BACK");
  });

  it("is measured by what is sent, and each text is redacted once", async () => {
    await using server = await FaultServer.start([{}]);
    const redact = vi.fn((text: string) => text.replaceAll(canary, "x".repeat(5_000)));
    const port = openModel(endpointOf(server, { name: "longer", redact }));
    const bytes = port.requestBytes(classify);
    expect(bytes).toBeGreaterThan(10_000);
    expect(port.requestBytes(classify)).toBe(bytes);
    await port.call(classify, signal);
    expect(redact.mock.calls.flat()).toEqual([classify.text, classify.system]);
    expect(bytes + 256).toBeGreaterThan(JSON.stringify(server.requests[0]?.body).length);
  });

  it("may be a classifier", async () => {
    const seen: string[] = [];
    const model: LabelModel = {
      kind: "classifier",
      name: "c",
      version: "1",
      labels: ["refund", "bug"],
      classify: (text) => (seen.push(text), { label: "bug", rawProbability: 1, probability: 1 }),
    };
    const spec = { class: "slm", location: "in-process", model, anonymiser: remover } as const;
    await openModel(endpoint("triage", { ...spec, capabilities: { languages: ["de"] } })).call(classify, signal);
    expect(seen).toEqual(["[REDACTED] wants money back"]);
    expect(openModel(endpoint("triage", { ...spec, capabilities: { languages: ["de"] } })).capabilities).toMatchObject({
      onlyLabels: ["refund", "bug"],
      toolsWithLogprobs: false,
      languages: ["de"],
    });
  });
});

describe("an anonymiser that fails", () => {
  const broken: [string, (text: string) => unknown, string][] = [
    [
      "throws",
      (text) => {
        throw new Error(`cannot handle ${text}`);
      },
      "an exception",
    ],
    ["returns nothing", () => undefined, "undefined"],
    ["returns null", () => null, "null"],
    ["returns a number", () => 4711, "a value of type number"],
    ["returns an object", (text) => ({ text }), "a value of type object"],
    ["is asynchronous", (text) => Promise.resolve(text), "a promise"],
    ["is asynchronous and throws", (text) => Promise.reject(new Error(text)), "a promise"],
    ["fails at the last text only", (text) => (text.includes("no such tool") ? undefined : text), "undefined"],
  ];

  it.each(broken)("and %s lets nothing out: no request, no text in the error", async (_what, redact, found) => {
    await using server = await FaultServer.start([]);
    // Not `vi.fn`, which handles the rejections of what it returns.
    let times = 0;
    const counted = (text: string): unknown => ((times += 1), redact(text));
    const port = openModel(endpointOf(server, { name: "presidio", redact: counted as Anonymiser["redact"] }));
    expect(port.requestBytes(chat)).toBeGreaterThan(500);
    const before = times;
    const thrown: unknown = await port.call(chat, signal).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ProviderError);
    expect(thrown).toMatchObject({ retryable: false, errorType: "anonymiser_failed", status: undefined });
    expect((thrown as Error).message).toMatch(
      /^endpoint "cloud": its anonymiser "presidio" failed, so nothing was sent/,
    );
    expect((thrown as Error).message).toContain(`found ${found}`);
    expect(inspect(thrown, { depth: 10, showHidden: true })).not.toMatch(new RegExp(`${canary}|4711|cannot handle`));
    expect(times).toBe(before);
    expect(server.requests).toHaveLength(0);
    // A rejection that nobody handles would fail the test run here.
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("a run through an anonymiser", () => {
  function desk(seen: unknown[]) {
    const look = {
      name: "look",
      schema: z.object({ name: z.string() }),
      invoke: (found: unknown) => {
        seen.push(found);
        return `result for ${canary}`;
      },
    };
    const g = graph("desk", { input: z.object({ name: z.string() }) });
    const work = g.agent("work", {
      needs: { input: g.input },
      output: z.string(),
      system: `Serve ${canary}`,
      prompt: ({ input }) => `go, ${input.name}`,
      tools: [{ tool: look, effect: "read" as const }],
    });
    return g.output(work);
  }

  const runtimeWith = (server: FaultServer, anonymiser: Anonymiser) =>
    createRuntime({ catalog: createCatalog([endpointOf(server, anonymiser)]), policy: defaultPolicy() });

  it("sends no removed text in any turn of an agent, whatever its tools and its model wrote", async () => {
    const replies: ServerReply[] = [
      { content: `let me see, ${canary}`, toolCalls: [{ id: "call_a", name: "look", args: `{"name":"${canary}"}` }] },
      { content: "done" },
    ];
    await using server = await FaultServer.start(replies);
    const seen: unknown[] = [];
    const { output } = await runtimeWith(server, remover).run(desk(seen), { name: canary });
    expect(output).toBe("done");
    expect(seen).toEqual([{ name: canary }]);
    expect(server.requests).toHaveLength(2);
    expect(bodies(server)).not.toContain(canary);
    expect(bodies(server)).toContain("result for [REDACTED]");
  });

  it("fails with a step's error and no request when the anonymiser throws, under a budget too", async () => {
    await using server = await FaultServer.start([]);
    const redact = (text: string): string => {
      throw new Error(text);
    };
    const run = await runtimeWith(server, { name: "presidio", redact }).start(
      desk([]),
      { name: canary },
      { budget: { costUsd: 1 } },
    );
    const thrown: unknown = await run.result.catch((error: unknown) => error);
    expect(thrown).toMatchObject({ message: expect.stringContaining('anonymiser "presidio" failed') as string });
    expect(inspect(thrown, { depth: 10 })).not.toContain(canary);
    expect(server.requests).toHaveLength(0);
  });
});
