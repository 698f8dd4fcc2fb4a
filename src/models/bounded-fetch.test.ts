import { gzipSync } from "node:zlib";
import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import { graph } from "../graph/graph.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { FaultServer } from "../testing/fault-server.ts";
import * as faults from "../testing/faults.ts";
import type { ServerReply } from "../testing/server-reply.ts";
import { boundedFetch, type Fetch } from "./bounded-fetch.ts";
import { openChatModel } from "./langchain.ts";
import type { ChatRequest } from "./port.ts";

const signal = new AbortController().signal;
const chat: ChatRequest = {
  ...{ kind: "chat", messages: [{ role: "user", content: "hello" }], tools: [], schema: undefined },
  maxOutputTokens: 64,
};
const streaming = { onText: () => undefined, idleTimeoutMs: 2_000 };
/** What no request of 64 tokens may take. */
const tooMuch = "CANARY ".repeat(150_000);

function clientOf(server: FaultServer, fields: ConstructorParameters<typeof ChatOpenAI>[0] & object = {}): ChatOpenAI {
  return new ChatOpenAI({ model: "tiny", apiKey: "none", configuration: { baseURL: server.baseURL }, ...fields });
}

function endpointOf(server: FaultServer, spec: Partial<EndpointSpec> = {}) {
  return endpoint("tiny", { class: "slm", location: "on-prem", model: clientOf(server), ...spec });
}

/** What one call through the real client comes to. */
async function outcome(reply: ServerReply, way: "whole" | "streamed" = "whole"): Promise<unknown> {
  await using server = await FaultServer.start([reply]);
  const port = openChatModel(endpointOf(server));
  return await port.call(chat, signal, way === "streamed" ? streaming : undefined).catch((error: unknown) => error);
}

describe("a response that is larger than its output limit allows", () => {
  const large: [string, ServerReply][] = [
    ["text", { content: tooMuch }],
    ["arguments of a tool", faults.hugeArguments("look", { bytes: 1_000_000 })],
    ["a body without a length", { content: tooMuch, delivery: { pieceBytes: 50_000 } }],
    ["an answer that is small until it is unpacked", faults.gzipBomb({ unpackedBytes: 5_000_000 })],
    ["a page that is no answer", { raw: tooMuch, headers: { "content-type": "text/html" } }],
  ];

  it.each(large)("fails typed, is not asked for again and quotes nothing: %s", async (_what, reply) => {
    const error = await outcome(reply);
    expect(error).toMatchObject({ name: "ProviderError", errorType: "response_too_large", retryable: false });
    expect((error as Error).message).toMatch(/^endpoint "tiny": the response is larger than \d+ bytes/);
    expect((error as Error).message).not.toContain("CANARY");
  });

  it("fails while it streams, whatever it is that streams", async () => {
    const comments = ": keep-alive\n\n".repeat(80_000);
    const reply: ServerReply = { raw: comments, headers: { "content-type": "text/event-stream" } };
    expect(await outcome(reply, "streamed")).toMatchObject({ errorType: "response_too_large", retryable: false });
  });

  it.each(["whole", "streamed"] as const)("is not read on, and its connection is closed: %s", async (way) => {
    const reply = { ...faults.neverEnds(), raw: tooMuch };
    await using server = await FaultServer.start([reply]);
    const port = openChatModel(endpointOf(server));
    const call = port.call(chat, signal, way === "streamed" ? streaming : undefined);
    await expect(call).rejects.toMatchObject({ errorType: "response_too_large" });
    await expect.poll(() => server.requests[0]?.closedByClient).toBe(true);
  });

  it("is read no further than it has to be", async () => {
    const { send, read, cancelled } = endlessly(65_536);
    const bounded = boundedFetch(send, { name: "tiny", maxOutputTokens: 64 });
    const response = await bounded("http://x");
    await expect(response.text()).rejects.toMatchObject({ errorType: "response_too_large" });
    expect(read()).toBeLessThan(262_144 + 64 * 1_024 + 3 * 65_536);
    expect(cancelled()).toBe(true);
  });

  it("keeps the status of an error, whose page is cut off as well", async () => {
    expect(await outcome({ status: 503, raw: tooMuch })).toMatchObject({ errorType: "503", retryable: true });
  });

  it("is charged what was set aside for it", async () => {
    await using server = await FaultServer.start([{ content: tooMuch }]);
    const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1_000 };
    const catalog = createCatalog([endpointOf(server, { price })]);
    const g = graph("one", { input: z.object({}) });
    const said = g.model("said", {
      ...{ needs: {}, complexity: "generation", output: z.string(), maxOutputTokens: 64 },
      prompt: () => "hello",
    });
    const run = await createRuntime({ catalog, policy: defaultPolicy() }).start(g.output(said), {});
    await expect(run.result).rejects.toMatchObject({ errorType: "response_too_large" });
    expect(server.requests).toHaveLength(1);
    expect(run.ledger()).toMatchObject({ attempts: 1, outputTokens: 64, reservedUsd: 0, complete: false });
    expect(run.ledger().costUsd).toBeGreaterThanOrEqual(0.064);
  });
});

describe("an honest answer", () => {
  const limit = 4_096;
  const newlines = "\n".repeat(128);
  const alternative = { token: newlines, logprob: -12.345_678_901_234, bytes: Array.from({ length: 128 }, () => 10) };
  const logprob = { ...alternative, top_logprobs: Array.from({ length: 5 }, () => alternative) };
  const event = (delta: object, more: object = {}): string => {
    const choice = { index: 0, delta, logprobs: null, finish_reason: null, ...more };
    const head = { id: `chatcmpl-${"x".repeat(40)}`, object: "chat.completion.chunk", created: 1_795_000_000 };
    const tail = { service_tier: "default", system_fingerprint: "fp_0123456789", usage: null };
    return `data: ${JSON.stringify({ ...head, model: "m".repeat(64), ...tail, choices: [choice], obfuscation: "x".repeat(32) })}\n\n`;
  };
  const tools = JSON.stringify("t".repeat(400_000));

  it.each<[string, readonly [body: string, limit: number], object]>([
    ["the longest tokens there are", [JSON.stringify({ content: newlines.repeat(limit) }), limit], {}],
    ["an event for each of them", [event({ content: newlines }).repeat(limit), limit], { stream: true }],
    [
      "with five alternatives to each",
      [event({ content: newlines }, { logprobs: { content: [logprob], refusal: null } }).repeat(1_024), 1_024],
      { stream: true, logprobs: true, top_logprobs: 5 },
    ],
    ["three at once", [event({ content: newlines }).repeat(3 * limit), limit], { n: 3 }],
    [
      "a limit that the host set itself",
      [event({ content: newlines }).repeat(limit), 1],
      { max_completion_tokens: limit },
    ],
    ["what was asked, repeated", [tools.repeat(3), 64], { tools: JSON.parse(tools) as string }],
    ["keep-alive comments for half an hour", [": PROCESSING\n\n".repeat(18_000), 64], { stream: true }],
  ])("is never refused: %s", async (_what, [body, maxOutputTokens], asked) => {
    const bounded = boundedFetch(() => Promise.resolve(new Response(body)), { name: "tiny", maxOutputTokens });
    const init = { method: "POST", body: JSON.stringify(asked) };
    expect(await (await bounded("http://x", init)).text()).toBe(body);
    expect(await streamed(await bounded("http://x", init))).toBe(body);
  });

  it("may be packed", async () => {
    const raw = gzipSync(JSON.stringify({ choices: [{ message: { content: "x".repeat(40_000) } }] }));
    expect(await outcome({ raw, headers: { "content-encoding": "gzip" } })).toMatchObject({ text: "x".repeat(40_000) });
  });

  it("has the room that the endpoint's thinking takes", async () => {
    await using server = await FaultServer.start([{ content: "x".repeat(1_000_000) }]);
    const port = openChatModel(endpointOf(server, { reasoningTokens: 2_000 }));
    expect((await port.call(chat, signal)).text).toHaveLength(1_000_000);
  });
});

describe("a response that is not UTF-8", () => {
  it.each(["whole", "streamed"] as const)("is no answer: %s", async (way) => {
    const { raw } = faults.invalidUtf8();
    const event = Buffer.concat([Buffer.from("data: "), raw as Buffer, Buffer.from("\n\ndata: [DONE]\n\n")]);
    const streamed = { raw: event, headers: { "content-type": "text/event-stream" } };
    const error = await outcome(way === "whole" ? { raw: raw! } : streamed, way);
    expect(error).toMatchObject({ errorType: "malformed_reply", retryable: true });
    expect((error as Error).message).toBe('endpoint "tiny": the response is not UTF-8');
  });

  it("is told from one whose characters are split over pieces", async () => {
    const { content } = faults.splitCharacters();
    for (const way of ["whole", "streamed"] as const)
      expect(await outcome(faults.splitCharacters(), way)).toMatchObject({ text: content });
  });

  it("may end in the middle of a character", async () => {
    const bounded = boundedFetch(() => Promise.resolve(new Response(Buffer.from([0x61, 0xe4, 0xb8]))), {
      name: "tiny",
      maxOutputTokens: 1,
    });
    await expect((await bounded("http://x")).text()).rejects.toMatchObject({ errorType: "malformed_reply" });
    await expect(streamed(await bounded("http://x"))).rejects.toMatchObject({ errorType: "malformed_reply" });
  });

  it("still says what it is when it is an error", async () => {
    const raw = Buffer.from('{"error":{"message":"caf\xe9","code":"insufficient_quota"}}', "latin1");
    expect(await outcome({ status: 429, raw })).toMatchObject({ errorType: "quota_exhausted", retryable: false });
  });
});

describe("a fetch of the host's own", () => {
  const own = (seen: unknown[]): Fetch => {
    return (url, init) => {
      seen.push(url);
      return fetch(url, init);
    };
  };

  it.each(["instance", "factory"] as const)("is sent through, and bounded: %s", async (kind) => {
    await using server = await FaultServer.start([{ content: "fine" }, { content: tooMuch }]);
    const seen: unknown[] = [];
    const client = clientOf(server, { configuration: { baseURL: server.baseURL, fetch: own(seen) } });
    const port = openChatModel(endpointOf(server, { model: kind === "factory" ? () => client : client }));
    expect((await port.call(chat, signal)).text).toBe("fine");
    await expect(port.call(chat, signal)).rejects.toMatchObject({ errorType: "response_too_large" });
    expect(seen).toEqual(Array.from({ length: 2 }, () => `${server.baseURL}/chat/completions`));
  });

  it("may answer with nothing, or with a body of another kind", async () => {
    const answers = [new Response(null, { status: 204 }), { ok: true, body: { pipe: true } } as unknown as Response];
    for (const answer of answers) {
      const bounded = boundedFetch(() => Promise.resolve(answer), { name: "tiny", maxOutputTokens: 1 });
      expect(await bounded("http://x")).toBe(answer);
      expect(Object.keys(answer)).not.toContain("text");
    }
  });
});

async function streamed({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body as ReadableStream<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** A body without end, and how much of it was taken. */
function endlessly(chunkBytes: number) {
  let bytes = 0;
  let isCancelled = false;
  const body = new ReadableStream({
    pull: (controller) => {
      bytes += chunkBytes;
      controller.enqueue(new Uint8Array(chunkBytes).fill(0x20));
    },
    cancel: () => void (isCancelled = true),
  });
  return { send: () => Promise.resolve(new Response(body)), read: () => bytes, cancelled: () => isCancelled };
}
