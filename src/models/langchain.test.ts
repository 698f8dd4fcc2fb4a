import { inspect } from "node:util";
import { ChatOpenAI } from "@langchain/openai";
import { initChatModel } from "langchain";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint, type Endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import type { ModelNeeds } from "../catalog/model-like.ts";
import { ProviderError } from "../errors.ts";
import { graph } from "../graph/graph.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { FaultServer } from "../testing/fault-server.ts";
import * as faults from "../testing/faults.ts";
import type { ServerReply } from "../testing/server-reply.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { openChatModel } from "./langchain.ts";
import type { ChatRequest, ClassifyRequest } from "./port.ts";

const canary = "CANARY-4711";
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };

type Fields = ConstructorParameters<typeof ChatOpenAI>[0] & object;

function clientOf(server: FaultServer, fields: Fields = {}): ChatOpenAI {
  return new ChatOpenAI({ model: "tiny", apiKey: "none", configuration: { baseURL: server.baseURL }, ...fields });
}

function endpointOf(server: FaultServer, { fields = {}, ...spec }: Partial<EndpointSpec> & { fields?: Fields } = {}) {
  return endpoint("tiny", { class: "slm", location: "on-prem", model: clientOf(server, fields), price, ...spec });
}

const signal = new AbortController().signal;
const chat: ChatRequest = {
  kind: "chat",
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: "hello" },
  ],
  tools: [],
  schema: undefined,
  maxOutputTokens: 33,
};
const classify: ClassifyRequest = {
  kind: "classify",
  text: "money back",
  labels: ["refund", "bug"],
  system: undefined,
  maxOutputTokens: 8,
};

async function one(reply: ServerReply): Promise<FaultServer> {
  return FaultServer.start([reply]);
}

/** A graph of one step that answers with `{ total }`. */
function totalGraph() {
  const g = graph("totals", { input: z.object({}) });
  return g.output(
    g.model("total", {
      needs: {},
      complexity: "generation",
      output: z.object({ total: z.number() }),
      prompt: () => "the total?",
      timeoutMs: 1_000,
    }),
  );
}

function runtimeWith(endpoints: readonly Endpoint[], clock?: SimulatedClock) {
  const catalog = createCatalog(endpoints);
  return createRuntime({ catalog, policy: defaultPolicy(), retry: { maxAttempts: 1 }, ...(clock && { clock }) });
}

describe("one attempt", () => {
  const failures: [string, ServerReply, object][] = [
    ["HTTP 500", { status: 500, raw: `{"error":{"message":"${canary}"}}` }, { status: 500, errorType: "500" }],
    ["HTTP 503", { status: 503, raw: canary }, { status: 503, retryable: true }],
    [
      "HTTP 429",
      { status: 429, raw: `{"error":{"message":"${canary}"}}`, headers: { "retry-after": "0" } },
      { status: 429, errorType: "rate_limited", retryable: true },
    ],
    ["HTTP 408", { status: 408, raw: canary }, { status: 408, retryable: true }],
    ["HTTP 401", { status: 401, raw: `{"error":{"message":"${canary}"}}` }, { status: 401, retryable: false }],
    ["HTTP 404", { status: 404, raw: `{"error":{"message":"${canary}"}}` }, { status: 404, retryable: false }],
    ["broken JSON", { raw: `{"choices":[{"message":{"content":"${canary}` }, { retryable: true }],
    ["HTML with status 200", { raw: `<html>${canary}</html>`, headers: { "content-type": "text/html" } }, {}],
    ["no choices", { raw: '{"choices":[]}' }, {}],
    ["an error body with status 200", { raw: `{"error":{"message":"${canary}"}}` }, {}],
    ["an empty body", { raw: "" }, {}],
    ["a connection cut before the head", faults.closeBeforeHeaders(), { retryable: true }],
    ["a connection cut in the body", { content: canary, ...faults.closeMidBody() }, { retryable: true }],
  ];

  it.each(failures)(
    "is exactly one request and a ProviderError without provider text on %s",
    async (_what, reply, expected) => {
      await using server = await one(reply);
      const port = openChatModel(endpointOf(server));
      const error: unknown = await port.call(chat, signal).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ProviderError);
      expect(error).toMatchObject({ code: "PROVIDER_ERROR", ...expected });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(canary);
      expect(server.requests).toHaveLength(1);
    },
  );

  it("tells a context that is too long by its own word", async () => {
    const error = { message: `maximum context length is 10 ${canary}`, code: "context_length_exceeded" };
    await using server = await one({ status: 400, raw: JSON.stringify({ error }) });
    const thrown: unknown = await openChatModel(endpointOf(server))
      .call(chat, signal)
      .catch((found: unknown) => found);
    expect(thrown).toMatchObject({ errorType: "context_length", retryable: false });
    expect(inspect(thrown, { depth: 10 })).not.toContain(canary);
  });

  it("tells a server that is not there by its connection code", async () => {
    const server = await FaultServer.start([]);
    const gone = endpointOf(server);
    await server[Symbol.asyncDispose]();
    await expect(openChatModel(gone).call(chat, signal)).rejects.toMatchObject({
      errorType: "ECONNREFUSED",
      retryable: true,
    });
  });

  it("is exactly one request when it is cut off by the step's timeout, which closes the socket", async () => {
    await using server = await one(faults.hang());
    const clock = new SimulatedClock();
    const running = runtimeWith([endpointOf(server)], clock).run(totalGraph(), {});
    const rejected = expect(running).rejects.toMatchObject({ code: "ATTEMPT_TIMEOUT" });
    await server.arrival();
    await clock.advance(1_000);
    await rejected;
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
  });

  it("closes the socket when the run is cancelled", async () => {
    await using server = await one(faults.hang());
    const run = await runtimeWith([endpointOf(server)]).start(totalGraph(), {});
    await server.arrival();
    run.cancel("enough");
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED", cause: "enough" });
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
  });

  it("sends nothing for a signal that fired already, and passes its reason on", async () => {
    await using server = await one({});
    const reason = new Error("before");
    const port = openChatModel(endpointOf(server));
    await expect(port.call(chat, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.requests).toHaveLength(0);
  });

  it("is one request whatever retries, cache and streaming the user's instance was built with", async () => {
    await using server = await FaultServer.start([{ status: 500, raw: "{}" }, { content: "a" }, { content: "b" }]);
    const fields: Fields = { maxRetries: 6, streaming: true, cache: true, timeout: 60_000, temperature: 0.3 };
    const given = clientOf(server, fields);
    const port = openChatModel(endpointOf(server, { model: given }));
    await expect(port.call(chat, signal)).rejects.toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(1);
    expect((await port.call(chat, signal)).text).toBe("a");
    expect((await port.call(chat, signal)).text).toBe("b");
    expect(server.requests[1]?.body).toMatchObject({ model: "tiny", temperature: 0.3 });
    expect(server.requests[1]?.body["stream"] ?? false).toBe(false);
    expect((given as unknown as { caller: { maxRetries: number } }).caller.maxRetries).toBe(6);
  });
});

describe("what is sent", () => {
  it("carries the messages and the output limit of the request", async () => {
    await using server = await FaultServer.start([{}, {}]);
    const port = openChatModel(endpointOf(server, { fields: { maxTokens: 9_999 } }));
    await port.call(chat, signal);
    await port.call({ ...chat, maxOutputTokens: 12 }, signal);
    expect(
      server.requests.map(({ path, body }) => [path, body["max_tokens"] ?? body["max_completion_tokens"]]),
    ).toEqual([
      ["/v1/chat/completions", 33],
      ["/v1/chat/completions", 12],
    ]);
    expect(server.requests[0]?.body["messages"]).toEqual(chat.messages);
    expect(server.requests[0]?.body).not.toHaveProperty("logprobs");
    expect(server.requests[0]?.body).not.toHaveProperty("tools");
  });

  it("asks for log-probabilities when it classifies, and for the bare label", async () => {
    const top = (token: string, logprob: number) => ({ token, logprob });
    const content = [{ ...top("refund", -0.1), top_logprobs: [top("refund", -0.1), top("bug", -2.4)] }];
    await using server = await one({ content: "refund", logprobs: { content } });
    const reply = await openChatModel(endpointOf(server)).call(classify, signal);
    expect(server.requests[0]?.body).toMatchObject({ logprobs: true, top_logprobs: 5 });
    expect(server.requests[0]?.body).not.toHaveProperty("response_format");
    expect(JSON.stringify(server.requests[0]?.body["messages"])).toContain("- refund\\n- bug\\n- uncertain");
    expect(reply).toMatchObject({
      text: "refund",
      logprobs: [{ token: "refund", logprob: -0.1, alternatives: [top("refund", -0.1), top("bug", -2.4)] }],
    });
  });

  it("holds a schema as plain response_format, or in the instructions where the endpoint takes none", async () => {
    await using server = await FaultServer.start([{ content: "{}" }, { content: "{}" }]);
    const schema = { type: "object", properties: { total: { type: "number" } }, required: ["total"] };
    await openChatModel(endpointOf(server)).call({ ...chat, schema }, signal);
    expect(server.requests[0]?.body["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { name: "answer", schema },
    });
    const plain = openChatModel(endpointOf(server, { capabilities: { jsonSchema: false } }));
    await plain.call({ ...chat, schema }, signal);
    expect(server.requests[1]?.body).not.toHaveProperty("response_format");
    expect(JSON.stringify(server.requests[1]?.body["messages"])).toContain("Answer with one JSON value");
  });

  it("never weighs more in tokens than was reserved: a byte each, and the template", async () => {
    await using server = await FaultServer.start([{}, {}, {}]);
    const port = openChatModel(endpointOf(server));
    const text = 'naïve ☃ \u0000 "quoted" 👩‍👩‍👧‍👦'.repeat(50);
    const tools = [{ name: "look", description: text, parameters: { type: "object", properties: {} } }];
    const schema = { type: "object", description: text };
    const requests = [
      { ...chat, messages: [{ role: "user" as const, content: text }] },
      { ...chat, tools },
      { ...chat, schema },
    ];
    for (const [index, request] of requests.entries()) {
      await port.call(request, signal);
      const sent = Buffer.byteLength(JSON.stringify(server.requests[index]?.body));
      expect(port.requestBytes(request) + 256).toBeGreaterThan(sent);
    }
  });

  it("holds a tool round trip as the provider wrote it, even arguments that are no JSON", async () => {
    await using server = await FaultServer.start([
      {
        content: null,
        toolCalls: [
          { id: "call_a", name: "look", args: '{"q":"x"}' },
          { id: "call_b", name: "look", args: '{"q":' },
        ],
      },
      { content: "done" },
    ]);
    const seen: unknown[] = [];
    const look = { name: "look", schema: z.object({ q: z.string() }), invoke: (args: unknown) => seen.push(args) };
    const g = graph("desk", { input: z.object({}) });
    const tools = [{ tool: look, effect: "read" as const }];
    const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "go", tools });
    const { output, ledger } = await runtimeWith([endpointOf(server)]).run(
      g.output(work),
      {},
      { budget: { costUsd: 1 } },
    );
    expect(output).toBe("done");
    expect(seen).toEqual([{ q: "x" }]);
    const sent = server.requests[0]?.body as { tools: { function: { name: string } }[] };
    expect(sent.tools.map((tool) => tool.function.name)).toEqual(["look"]);
    const [, , assistant, first, second] = server.requests[1]?.body["messages"] as Record<string, unknown>[];
    expect(assistant).toMatchObject({ role: "assistant", tool_calls: [{ id: "call_a" }, { id: "call_b" }] });
    expect(first).toMatchObject({ role: "tool", tool_call_id: "call_a", content: "1" });
    expect(second).toMatchObject({
      role: "tool",
      tool_call_id: "call_b",
      content: "The arguments are not a JSON object.",
    });
    expect(ledger).toMatchObject({ attempts: 2, inputTokens: 20, outputTokens: 10, complete: true });
  });

  it("is told apart by tool call ids even when the server sends the same one twice, or none", async () => {
    const args = "{}";
    await using server = await one({
      content: null,
      toolCalls: [
        { id: "call_1", name: "a", args },
        { id: "", name: "b", args },
        { id: "call_1", name: "c", args },
        { id: "call_2", name: "d", args },
      ],
    });
    const { toolCalls } = await openChatModel(endpointOf(server)).call(chat, signal);
    expect(toolCalls.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(4);
  });
});

describe("what comes back", () => {
  it("says what was used, by which model, and why it ended", async () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 60 },
      completion_tokens_details: { reasoning_tokens: 7 },
    };
    await using server = await one({ content: "hi", usage });
    expect(await openChatModel(endpointOf(server)).call(chat, signal)).toEqual({
      text: "hi",
      toolCalls: [],
      finishReason: "stop",
      usage: { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, reasoningTokens: 7, totalTokens: 120 },
      logprobs: [],
      responseId: "chatcmpl-1",
      responseModel: "served-model",
    });
  });

  it("keeps its usage and cost when it does not fit the schema", async () => {
    await using server = await FaultServer.start([{ content: '{"total":"three"}' }, { content: "no json at all" }]);
    while (server.requests.length < 2) {
      const run = await runtimeWith([endpointOf(server)]).start(totalGraph(), {});
      await expect(run.result).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
      expect(run.ledger()).toMatchObject({
        attempts: 1,
        inputTokens: 10,
        outputTokens: 5,
        costUsd: 15e-6,
        complete: true,
      });
    }
    expect(server.requests).toHaveLength(2);
  });

  it("is never complete when it was cut at the output limit", async () => {
    await using server = await one({ content: '{"total":3}', finishReason: "length" });
    const run = await runtimeWith([endpointOf(server)]).start(totalGraph(), {});
    await expect(run.result).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("length") as string,
    });
    expect(run.ledger()).toMatchObject({ inputTokens: 10, outputTokens: 5 });
  });

  it.each<[string, ServerReply["usage"]]>([
    ["is missing", null],
    ["has texts for numbers", { prompt_tokens: "10", completion_tokens: "5" }],
    ["is negative", { prompt_tokens: -10, completion_tokens: 5 }],
  ])("is charged at its bound when its usage %s", async (_what, usage) => {
    await using server = await one({ content: '{"total":3}', usage: usage ?? null });
    const { ledger, output } = await runtimeWith([endpointOf(server)]).run(
      totalGraph(),
      {},
      { budget: { costUsd: 1 } },
    );
    expect(output).toEqual({ total: 3 });
    expect(ledger).toMatchObject({ outputTokens: 1_024, complete: false });
    expect(Number.isFinite(ledger.costUsd)).toBe(true);
  });

  it("may be nothing at all: a refusal without content is a weak answer", async () => {
    await using server = await one({ content: null });
    expect(await openChatModel(endpointOf(server)).call(chat, signal)).toMatchObject({ text: "", toolCalls: [] });
  });
});

describe("the client of an endpoint", () => {
  const needs: ModelNeeds[] = [];
  const factory =
    (server: FaultServer, more: Fields = {}) =>
    (given: ModelNeeds) => {
      needs.push(given);
      const { maxOutputTokens: maxTokens, logprobs } = given;
      return clientOf(server, { maxTokens, ...(logprobs && { logprobs, topLogprobs: 3 }), ...more });
    };

  it("may come from a factory, which is told the needs and still held to one request", async () => {
    await using server = await FaultServer.start([{ status: 500, raw: "{}" }, { content: "bug" }]);
    const port = openChatModel(endpointOf(server, { model: factory(server, { maxRetries: 6 }) }));
    await expect(port.call(chat, signal)).rejects.toMatchObject({ status: 500 });
    expect(needs).toContainEqual({ maxOutputTokens: 33, logprobs: false });
    await port.call(classify, signal);
    expect(needs).toContainEqual({ maxOutputTokens: 8, logprobs: true });
    expect(server.requests[1]?.body).toMatchObject({ logprobs: true, top_logprobs: 3 });
    expect(server.requests).toHaveLength(2);
    expect(port.capabilities).toMatchObject({ outputLimit: true, logprobs: true });
  });

  it("is built once for equal needs, not per call", async () => {
    await using server = await FaultServer.start([{}, {}, {}]);
    const build = vi.fn(factory(server));
    const port = openChatModel(endpointOf(server, { model: build }));
    const before = build.mock.calls.length;
    for (let index = 0; index < 3; index += 1) await port.call(chat, signal);
    expect(build.mock.calls.length).toBe(before + 1);
  });

  it("names itself, its model and its server for spans", async () => {
    await using server = await FaultServer.start([]);
    expect(openChatModel(endpointOf(server))).toMatchObject({
      provider: "openai",
      model: "tiny",
      server: { address: "127.0.0.1", port: server.port },
    });
    expect(openChatModel(endpointOf(server, { provider: "vllm" })).provider).toBe("vllm");
    const hosted = new ChatOpenAI({ model: "gpt", apiKey: "none" });
    expect(openChatModel(endpointOf(server, { model: hosted })).server).toEqual({
      address: "api.openai.com",
      port: 443,
    });
  });

  it("is not eligible under a money budget when its output limit cannot be set", async () => {
    await using server = await FaultServer.start([{ content: '{"total":3}' }, { content: '{"total":3}' }]);
    const inner = clientOf(server, { maxRetries: 0 });
    const fixed = {
      invoke: (messages: unknown, options: unknown) => inner.invoke(messages as never, options as never),
    };
    const runtime = runtimeWith([endpointOf(server, { model: fixed })]);
    await expect(runtime.run(totalGraph(), {}, { budget: { costUsd: 1 } })).rejects.toMatchObject({
      code: "NO_ELIGIBLE_ENDPOINT",
      message: expect.stringContaining("its output limit cannot be set") as string,
    });
    expect(server.requests).toHaveLength(0);
    await expect(runtime.run(totalGraph(), {})).resolves.toMatchObject({ output: { total: 3 } });
  });

  it("keeps the options that withConfig bound to it", async () => {
    await using server = await one({ content: "hi" });
    const model = clientOf(server, { maxRetries: 6 }).withConfig({ stop: ["END"] }) as EndpointSpec["model"];
    await openChatModel(endpointOf(server, { model })).call(chat, signal);
    expect(server.requests[0]?.body).toMatchObject({ stop: ["END"], max_tokens: 33 });
  });

  it("is refused when it retries by itself and cannot be rebuilt", async () => {
    await using server = await FaultServer.start([]);
    const stubborn = { invoke: () => Promise.resolve({}), caller: { maxRetries: 6 } };
    expect(() => runtimeWith([endpointOf(server, { model: stubborn })])).toThrow(
      expect.objectContaining({ code: "CATALOG_INVALID", message: expect.stringContaining("maxRetries: 0") as string }),
    );
  });

  it.each<[string, (client: ChatOpenAI) => unknown]>([
    ["withRetry", (client) => client.withRetry({ stopAfterAttempt: 3 })],
    ["withFallbacks", (client) => client.withFallbacks([client])],
    ["withStructuredOutput", (client) => client.withStructuredOutput(z.object({ total: z.number() }))],
    ["pipe", (client) => client.pipe((message: unknown) => message)],
    ["initChatModel", () => initChatModel("gpt", { modelProvider: "openai", apiKey: "none" })],
  ])(
    "is refused when it is a chat model wrapped by %s, which could send more than one request",
    async (_what, wrap) => {
      await using server = await FaultServer.start([]);
      const model = (await wrap(clientOf(server))) as EndpointSpec["model"];
      const refusal = expect.objectContaining({
        code: "CATALOG_INVALID",
        message: expect.stringContaining("the chat model itself") as string,
      }) as Error;
      expect(() => openChatModel(endpointOf(server, { model }))).toThrow(refusal);
      expect(() => openChatModel(endpointOf(server, { model: (() => model) as EndpointSpec["model"] }))).toThrow(
        refusal,
      );
    },
  );
});

describe("what an endpoint can do", () => {
  const draft = { draftModel: "tiny-draft", speedup: 2 };
  const certain = { content: [{ token: "bug", logprob: 0, top_logprobs: [{ token: "bug", logprob: 0 }] }] };

  it("is what its author declared, and unknown where nobody did", async () => {
    await using server = await FaultServer.start([]);
    const declared = { toolsWithLogprobs: true, languages: ["de", "en-GB"], contextTokens: 8_192 };
    expect(openChatModel(endpointOf(server, { capabilities: declared })).capabilities).toMatchObject(declared);
    expect(openChatModel(endpointOf(server)).capabilities).toMatchObject({
      logprobs: true,
      toolsWithLogprobs: undefined,
      languages: undefined,
    });
  });

  it.each([{ tools: false }, { logprobs: false }])("is no tools with log-probabilities under %o", async (narrow) => {
    await using server = await FaultServer.start([]);
    const target = endpointOf(server, { capabilities: { toolsWithLogprobs: true, ...narrow } });
    expect(openChatModel(target).capabilities.toolsWithLogprobs).toBe(false);
  });

  it("is no log-probabilities while a draft model may invent them, whatever is declared", async () => {
    await using server = await FaultServer.start([]);
    const declared = { logprobs: true, toolsWithLogprobs: true };
    const unsure = { ...draft, exactLogprobs: false };
    for (const speculativeDecoding of [draft, unsure])
      expect(
        openChatModel(endpointOf(server, { speculativeDecoding, capabilities: declared })).capabilities,
      ).toMatchObject({
        logprobs: false,
        toolsWithLogprobs: false,
      });
    const speculativeDecoding = { ...draft, exactLogprobs: true };
    const exact = openChatModel(endpointOf(server, { speculativeDecoding, capabilities: declared }));
    expect(exact.capabilities).toMatchObject(declared);
  });

  it.each<[string, Partial<EndpointSpec>]>([
    ["a draft model", { speculativeDecoding: draft }],
    ["the author", { capabilities: { logprobs: false } }],
  ])(
    "keeps log-probabilities from every gate that %s rules out, even where the host's client asks for them",
    async (_who, spec) => {
      await using server = await one({ content: "bug", logprobs: certain });
      const reply = await openChatModel(endpointOf(server, { fields: { logprobs: true }, ...spec })).call(
        classify,
        signal,
      );
      expect(server.requests[0]?.body).toMatchObject({ logprobs: true });
      expect(reply).toMatchObject({ text: "bug", logprobs: [] });
    },
  );
});
