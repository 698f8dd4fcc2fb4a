import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChatOpenAI } from "@langchain/openai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import type { EndpointModel, ModelNeeds } from "../catalog/model-like.ts";
import { graph } from "../graph/graph.ts";
import { openChatModel } from "../models/langchain.ts";
import type { ChatRequest, ClassifyRequest } from "../models/port.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { FaultServer } from "./fault-server.ts";
import * as faults from "./faults.ts";
import { recordModel } from "./record-model.ts";
import { replayModel } from "./replay-model.ts";
import { ScriptedModel } from "./scripted-model.ts";

const canary = "CANARY-4711";
const apiKey = "sk-secret-of-the-client";
const signal = new AbortController().signal;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tierwise-"));
  file = join(folder, "deep", "er", "model.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

function clientOf(server: FaultServer): ChatOpenAI {
  return new ChatOpenAI({ model: "tiny", apiKey, configuration: { baseURL: server.baseURL } });
}

function portOf(model: EndpointModel, spec: Partial<EndpointSpec> = {}) {
  return openChatModel(endpoint("tiny", { class: "slm", location: "on-prem", model, ...spec }));
}

const chat: ChatRequest = {
  kind: "chat",
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: "hello" },
  ],
  tools: [{ name: "look", description: "Looks it up.", parameters: { type: "object", properties: {} } }],
  schema: undefined,
  maxOutputTokens: 33,
};
const say = (content: string): ChatRequest => ({ ...chat, messages: [{ role: "user", content }] });
const classify: ClassifyRequest = {
  kind: "classify",
  text: "money back",
  labels: ["refund", "bug"],
  system: undefined,
  maxOutputTokens: 8,
};
const schema = { type: "object", properties: { total: { type: "number" } } };

const token = (text: string, logprob: number | null) => ({ token: text, logprob });
const logprobs = { content: [{ ...token("refund", -0.1), top_logprobs: [token("refund", -0.1), token("bug", null)] }] };
const usage = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 60 },
  completion_tokens_details: { reasoning_tokens: 7 },
};

const recorded = (): string => readFileSync(file, "utf8");

describe("a recorded model", () => {
  it("is replayed as it answered: text, tool calls, usage, finish reason, log-probabilities, ids", async () => {
    await using server = await FaultServer.start([
      { content: "Grüße 👋", usage, finishReason: "length" },
      { content: "refund", logprobs },
      { ...faults.duplicateCallIds("look"), usage: null },
      faults.truncatedArguments("look"),
      { content: '{"total":3}' },
      faults.prototypeKeys("look"),
    ]);
    const requests = [chat, classify, say("twice"), say("cut"), { ...chat, tools: [], schema }, say("keys")];
    const live = portOf(recordModel(clientOf(server), { file }));
    const asked = [];
    for (const request of requests) asked.push(await live.call(request, signal));
    expect(asked[0]).toMatchObject({ finishReason: "length", usage: { inputTokens: 100, cacheReadTokens: 60 } });
    expect(asked[1]?.logprobs[0]?.alternatives).toHaveLength(2);
    expect(asked[2]?.toolCalls).toHaveLength(2);
    expect(asked[3]?.toolCalls).toMatchObject([{ args: undefined }]);

    const model = replayModel({ file });
    const replayed = portOf(model);
    const answers = [];
    for (const request of requests.toReversed()) answers.unshift(await replayed.call(request, signal));
    expect(answers).toEqual(asked);
    expect(Object.keys(answers[5]!.toolCalls[0]!.args!)).toEqual(["__proto__", "constructor", "q"]);
    expect(server.requests).toHaveLength(6);
    model.assertDone();
  });

  it("that was streamed is replayed in one piece, streamed or not, and the recorder hands on every piece", async () => {
    await using server = await FaultServer.start([
      { content: "one two three", usage },
      { ...faults.duplicateCallIds("look"), usage: null },
      faults.errorEvent(),
    ]);
    const streamed = async (port: ReturnType<typeof portOf>, request: ChatRequest) => {
      const pieces: string[] = [];
      const onText = (piece: string): void => void pieces.push(piece);
      const outcome = await port
        .call(request, signal, { idleTimeoutMs: 1_000, onText })
        .catch((error: unknown) => error);
      return { pieces, outcome };
    };
    const live = portOf(recordModel(clientOf(server), { file }));
    expect(live.streams).toBe(true);
    const [text, calls, failure] = [
      await streamed(live, chat),
      await streamed(live, say("calls")),
      await streamed(live, say("fail")),
    ];
    expect(text.pieces).toEqual(["one", " two", " three"]);
    expect(text.outcome).toMatchObject({ text: "one two three", usage: { inputTokens: 100, cacheReadTokens: 60 } });
    expect(failure.outcome).toMatchObject({ errorType: "malformed_reply" });
    expect(server.requests.map(({ body }) => body["stream"])).toEqual([true, true, true]);

    const replayed = portOf(replayModel({ file }));
    expect(await streamed(replayed, chat)).toEqual({ pieces: ["one two three"], outcome: text.outcome });
    expect(await replayed.call(say("calls"), signal)).toEqual(calls.outcome);
    expect((await streamed(replayed, say("fail"))).outcome).toMatchObject({ code: "PROVIDER_ERROR" });
  });

  it("that was given up in the middle of a stream is not recorded", async () => {
    await using server = await FaultServer.start([{ content: "one two three four", ...faults.hangMidBody() }, {}]);
    const live = portOf(recordModel(clientOf(server), { file }));
    const controller = new AbortController();
    const onText = (): void => void setImmediate(() => controller.abort(new Error("enough")));
    const call = live.call(chat, controller.signal, { idleTimeoutMs: 60_000, onText });
    await expect(call).rejects.toThrow("enough");
    await live.call(say("other"), signal);
    expect(JSON.parse(recorded())).toMatchObject({ exchanges: [{ request: { messages: [{ content: "other" }] } }] });
  });

  it("looks to a policy as it did, and names no server in spans", async () => {
    await using server = await FaultServer.start([{}]);
    const plain = portOf(clientOf(server));
    const live = portOf(recordModel(clientOf(server), { file }));
    await live.call(chat, signal);
    const replayed = portOf(replayModel({ file }));
    for (const { capabilities, model, provider } of [live, replayed])
      expect({ capabilities, model, provider }).toEqual({
        capabilities: plain.capabilities,
        model: "tiny",
        provider: "openai",
      });
    expect(live.server).toEqual({ address: "127.0.0.1", port: server.port });
    expect(replayed.server).toBeUndefined();
  });

  it("is sent exactly what it would be sent without the recorder, in one request", async () => {
    await using server = await FaultServer.start([{}, {}, faults.status(503), {}]);
    await portOf(clientOf(server)).call({ ...chat, schema }, signal);
    const live = portOf(recordModel(clientOf(server), { file }));
    await live.call({ ...chat, schema }, signal);
    expect(server.requests[1]?.body).toEqual(server.requests[0]?.body);
    await expect(live.call(chat, signal)).rejects.toMatchObject({ status: 503 });
    expect(server.requests).toHaveLength(3);
  });

  it("may be made by a factory", async () => {
    await using server = await FaultServer.start([{}]);
    const factory = ({ maxOutputTokens }: ModelNeeds) =>
      new ChatOpenAI({
        model: "tiny",
        apiKey,
        maxTokens: maxOutputTokens,
        maxRetries: 0,
        configuration: { baseURL: server.baseURL },
      });
    const reply = await portOf(recordModel(factory, { file })).call(chat, signal);
    expect(server.requests[0]?.body).toMatchObject({ max_tokens: 33 });
    expect(await portOf(replayModel({ file })).call(chat, signal)).toEqual(reply);
  });

  it("is refused when its output limit cannot be set, or when it wraps a model", async () => {
    const fixed = { invoke: () => Promise.resolve({ content: "ok" }) };
    expect(() => recordModel(fixed, { file })).toThrow(/cannot set the model's output limit; give a factory/);
    expect(() => recordModel(() => fixed, { file })).not.toThrow();
    await using server = await FaultServer.start([]);
    const wrapped = clientOf(server).withRetry({ stopAfterAttempt: 3 });
    expect(() => recordModel(wrapped, { file })).toThrow(/hand in the chat model itself/);
  });
});

describe("a recorded failure", () => {
  it.each<[string, Parameters<typeof FaultServer.start>[0], object]>([
    ["a status", [faults.status(503)], { status: 503, retryable: true }],
    ["a rate limit", [faults.rateLimited({ retryAfter: 7 })], { status: 429, errorType: "rate_limited" }],
    ["a context that is too long", [faults.contextTooLong()], { errorType: "context_length", retryable: false }],
    ["a lost connection", [faults.resetBeforeHeaders()], { errorType: "ECONNRESET", retryable: true }],
    ["a page", [faults.html()], { retryable: true }],
  ])("is replayed as one: %s", async (_what, script, expected) => {
    await using server = await FaultServer.start(script);
    const failed: unknown = await portOf(recordModel(clientOf(server), { file }))
      .call(chat, signal)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: "ProviderError", ...expected });
    const replayed: unknown = await portOf(replayModel({ file }))
      .call(chat, signal)
      .catch((error: unknown) => error);
    expect({ ...(replayed as object) }).toEqual({ ...(failed as object) });
    expect((replayed as Error).message).toBe((failed as Error).message);
  });

  it("comes before the success that followed it, for the same request", async () => {
    await using server = await FaultServer.start([faults.status(503), { content: "at last" }]);
    const live = portOf(recordModel(clientOf(server), { file }));
    await live.call(chat, signal).catch(() => undefined);
    await live.call(chat, signal);
    const replayed = portOf(replayModel({ file }));
    await expect(replayed.call(chat, signal)).rejects.toMatchObject({ status: 503 });
    expect(await replayed.call(chat, signal)).toMatchObject({ text: "at last" });
  });

  it("is none when the caller gave up, and when a scripted model was asked too much", async () => {
    await using server = await FaultServer.start([{ content: "first" }, faults.hang()]);
    const live = portOf(recordModel(clientOf(server), { file }));
    await live.call(chat, signal);
    const controller = new AbortController();
    const given = expect(live.call(say("more"), controller.signal)).rejects.toThrow("enough");
    await server.arrival();
    controller.abort(new Error("enough"));
    await given;
    const scripted = new ScriptedModel([]);
    await expect(portOf(recordModel(scripted.factory, { file })).call(chat, signal)).rejects.toMatchObject({
      code: "UNEXPECTED_CALL",
    });
    expect((JSON.parse(recorded()) as { exchanges: unknown[] }).exchanges).toHaveLength(1);
    const replayed = portOf(replayModel({ file }));
    await expect(replayed.call(chat, AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
    expect(await replayed.call(chat, signal)).toMatchObject({ text: "first" });
  });
});

describe("the file", () => {
  it("holds prompts and outputs, and nothing that the client was built with", async () => {
    await using server = await FaultServer.start([
      { content: `seen ${canary}` },
      faults.status(401, { message: `Incorrect API key provided: ${apiKey}` }),
    ]);
    const live = portOf(recordModel(clientOf(server), { file }));
    await live.call(say(`I am ${canary}`), signal);
    await live.call(chat, signal).catch(() => undefined);
    expect(server.requests[0]?.headers.authorization).toContain(apiKey);
    expect(recorded()).toContain(`I am ${canary}`);
    expect(recorded()).toContain(`seen ${canary}`);
    expect(recorded()).not.toContain(apiKey);
    expect(recorded()).not.toContain("127.0.0.1");
    expect(recorded()).not.toContain("Incorrect");
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(readdirSync(join(file, ".."))).toEqual(["model.json"]);
  });

  it("is the same for the same calls, whoever answers first", async () => {
    const slow = { delivery: { pieceBytes: 40, everyMs: 5 } };
    const record = async (slowOne: string): Promise<string> => {
      await using server = await FaultServer.start(({ body }) => {
        const text = JSON.stringify(body["messages"]);
        return { content: `to ${text}`, ...(text.includes(slowOne) && slow) };
      });
      const live = portOf(recordModel(clientOf(server), { file }));
      await Promise.all(["one", "two", "three"].map((text) => live.call(say(text), signal)));
      return recorded();
    };
    const [first, second] = [await record("one"), await record("three")];
    expect(second).toBe(first);
    const { exchanges, format, version } = JSON.parse(first) as { exchanges: { request: ChatRequest }[] } & object &
      Record<"format" | "version", unknown>;
    expect([format, version]).toEqual(["tierwise-recording", 1]);
    expect(exchanges.map(({ request }) => request.messages[0]?.content)).toEqual(["one", "two", "three"]);
    const sorted = (value: unknown): unknown =>
      typeof value !== "object" || value === null || Array.isArray(value)
        ? value
        : Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const again = JSON.stringify(
      JSON.parse(first, (_key, value: unknown) => sorted(value)),
      undefined,
      2,
    );
    expect(`${again}\n`).toBe(first);
  });

  it("holds nothing that the redact hook replaced: prompts, answers, arguments, tokens, invented names", async () => {
    const redact = (text: string): string => text.replaceAll(/CANARY-\d+/g, "<secret>");
    const spelled = { content: ["CANARY", "-47", "11"].map((text) => ({ ...token(text, -1), top_logprobs: [] })) };
    await using server = await FaultServer.start([
      { content: `seen ${canary}`, toolCalls: [{ id: "1", name: "look", args: `{"${canary}":["${canary}"]}` }] },
      { content: "", toolCalls: [{ id: "1", name: canary, args: `{"q":${canary}` }] },
      { content: canary, logprobs: spelled },
      { content: "refund", logprobs },
    ]);
    const live = portOf(recordModel(clientOf(server), { file, redact }));
    const round: ChatRequest = {
      ...chat,
      messages: [
        { role: "user", content: canary },
        { role: "assistant", content: canary, toolCalls: [{ id: "1", name: "look", args: { q: canary } }] },
        { role: "tool", content: canary, toolCallId: "1" },
      ],
    };
    const first = await live.call(round, signal);
    expect(first.text).toContain(canary);
    await live.call(say("names"), signal);
    await live.call({ ...classify, text: canary }, signal);
    await live.call(classify, signal);
    expect(JSON.stringify(server.requests[0]?.body)).toContain(canary);
    expect(recorded()).not.toMatch(/4711|CANARY|"-47"/);
    expect(recorded()).toContain("<secret>");

    const replayed = portOf(replayModel({ file, redact }));
    expect(await replayed.call(round, signal)).toMatchObject({
      text: "seen <secret>",
      toolCalls: [{ name: "look", args: { "<secret>": ["<secret>"] } }],
      usage: first.usage,
    });
    expect(await replayed.call({ ...classify, text: canary }, signal)).toMatchObject({ logprobs: [] });
    expect((await replayed.call(classify, signal)).logprobs).toHaveLength(1);
  });

  it("matches requests that differ only in what the hook replaces", async () => {
    const redact = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\d/g, "<date>");
    await using server = await FaultServer.start([{ content: "hi" }]);
    await portOf(recordModel(clientOf(server), { file, redact })).call(say("today is 2026-11-23"), signal);
    const replayed = portOf(replayModel({ file, redact }));
    expect(await replayed.call(say("today is 2031-01-01"), signal)).toMatchObject({ text: "hi" });
  });

  it.each<[string, (text: string) => string]>([
    [
      "throws",
      () => {
        throw new Error(canary);
      },
    ],
    ["returns no text", () => undefined as unknown as string],
  ])("is not written when the hook %s, and nothing is sent", async (_what, redact) => {
    await using server = await FaultServer.start([{}]);
    const error: unknown = await portOf(recordModel(clientOf(server), { file, redact }))
      .call(chat, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "RECORDING_INVALID" });
    expect((error as Error).message).not.toContain(canary);
    expect(server.requests).toHaveLength(0);
    expect(() => recorded()).toThrow();
  });

  it("fails the call when it cannot be written", async () => {
    writeFileSync(join(folder, "deep"), "a file where a folder is due");
    await using server = await FaultServer.start([{}]);
    await expect(portOf(recordModel(clientOf(server), { file })).call(chat, signal)).rejects.toMatchObject({
      code: "RECORDING_INVALID",
      message: `recording "${file}" cannot be written (ENOTDIR)`,
    });
  });
});

describe("a replay", () => {
  async function record(...texts: readonly string[]): Promise<void> {
    await using server = await FaultServer.start(() => ({ content: canary }));
    const live = portOf(recordModel(clientOf(server), { file }));
    for (const text of texts)
      await live.call({ ...chat, messages: [...chat.messages, { role: "user", content: text }] }, signal);
  }

  it.each<[string, ChatRequest, string]>([
    [
      "another last message",
      { ...chat, messages: [...chat.messages, { role: "user", content: `${canary} b` }] },
      "the nearest of 2 exchanges is number 1, which differs in message 3 (user)",
    ],
    ["a message less", chat, "number 1, which differs in message 3 (user, missing)"],
    [
      "a message more, and another limit",
      {
        ...chat,
        messages: [...chat.messages, { role: "user", content: "two" }, { role: "user", content: canary }],
        maxOutputTokens: 34,
      },
      "number 2, which differs in message 4 (user, not recorded), maxOutputTokens",
    ],
    [
      "other tools and a schema",
      { ...chat, messages: [...chat.messages, { role: "user", content: "two" }], tools: [], schema },
      "number 2, which differs in tools, options",
    ],
  ])("fails at a request with %s by the nearest exchange, and no content", async (_what, request, nearest) => {
    await record("one", "two");
    const error: unknown = await portOf(replayModel({ file }))
      .call(request, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "UNEXPECTED_CALL" });
    expect((error as Error).message).toContain(`replay of "${file}": request 1 is not recorded; `);
    expect((error as Error).message).toContain(`${nearest}; if the graph has changed, record it again`);
    expect((error as Error).message).not.toMatch(/CANARY|hello|brief/);
  });

  it("uses each exchange once, and can be asked for what is left", async () => {
    await record("one", "two", "one");
    const model = replayModel({ file });
    const replayed = portOf(model);
    const one = { ...chat, messages: [...chat.messages, { role: "user" as const, content: "one" }] };
    await replayed.call(one, signal);
    expect(() => model.assertDone()).toThrow("of 3 exchanges these were not asked for: 2, 3");
    await replayed.call(one, signal);
    await expect(replayed.call(one, signal)).rejects.toThrow(
      "request 3 is that of exchange 1, 3, which was replayed before: it was recorded 2 times",
    );
    expect(() => model.assertDone()).toThrow("not asked for: 2");
  });

  it.each<[string, string | undefined, RegExp]>([
    ["is missing", undefined, /cannot be read \(ENOENT\); make it with recordModel/],
    ["is no JSON", "{", /is no JSON/],
    ["is something else", '{"log":{}}', /its "format" is not "tierwise-recording"/],
    ["is null", "null", /its "format" is not/],
    ["is of another version", '{"format":"tierwise-recording","version":2}', /of version 2, expected 1/],
    ["lacks a part", '{"format":"tierwise-recording","version":1,"exchanges":[{}],"client":{}}', /is damaged/],
  ])("is refused when the file %s", (_what, text, expected) => {
    const path = join(folder, "x.json");
    if (text !== undefined) writeFileSync(path, text);
    expect(() => replayModel({ file: path })).toThrow(expected);
  });

  it("needs the redact hook that it was recorded with, and only then", async () => {
    const redact = (text: string): string => text;
    await record("one");
    expect(() => replayModel({ file, redact })).toThrow(/without a redact hook and is replayed with one/);
    await using server = await FaultServer.start([{}]);
    await portOf(recordModel(clientOf(server), { file, redact })).call(chat, signal);
    expect(() => replayModel({ file })).toThrow(/with a redact hook and is replayed without one/);
  });

  it("runs a whole graph again with the same output, cost and decisions, without a server", async () => {
    const g = graph("desk", { input: z.object({ q: z.string() }) });
    const look = { name: "look", schema: z.object({ q: z.string() }), invoke: () => "found" };
    const topic = g.classify("topic", {
      needs: { in: g.input },
      labels: ["refund", "bug"],
      text: ({ in: { q } }) => q,
    });
    const work = g.agent("work", {
      needs: { in: g.input },
      output: z.string(),
      prompt: ({ in: { q } }) => q,
      tools: [{ tool: look, effect: "read" }],
    });
    const desk = g.output({ topic, work });
    const run = (model: EndpointModel) => {
      const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 };
      const tiny = endpoint("tiny", { class: "slm", location: "on-prem", model, price });
      const runtime = createRuntime({ catalog: createCatalog([tiny]), policy: defaultPolicy() });
      return runtime.run(desk, { q: "money back" }, { budget: { costUsd: 1 } });
    };
    const server = await FaultServer.start(({ body }) => {
      if (body["logprobs"] === true) return { content: "refund", logprobs, usage };
      const answered = JSON.stringify(body["messages"]).includes("found");
      return answered
        ? { content: "done" }
        : { content: null, toolCalls: [{ id: "a", name: "look", args: '{"q":"x"}' }] };
    });
    const live = await run(recordModel(clientOf(server), { file }));
    await server[Symbol.asyncDispose]();
    const model = replayModel({ file });
    const replayed = await run(model);
    expect(replayed.output).toEqual(live.output);
    expect(replayed.ledger).toEqual(live.ledger);
    expect(Object.keys(replayed.decisions).sort()).toEqual(["topic", "work"]);
    model.assertDone();
    const other = run(replayModel({ file }));
    await other;
    const changed = graph("desk", { input: z.object({}) });
    const step = changed.model("m", { needs: {}, complexity: "generation", output: z.string(), prompt: () => canary });
    const tiny = endpoint("tiny", { class: "slm", location: "on-prem", model: replayModel({ file }) });
    const runtime = createRuntime({ catalog: createCatalog([tiny]), policy: defaultPolicy() });
    await expect(runtime.run(changed.output(step), {})).rejects.toMatchObject({ code: "UNEXPECTED_CALL" });
  });
});
