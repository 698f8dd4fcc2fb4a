/** Streams as servers send them: real `ChatOpenAI`, real sockets, simulated time. */
import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, it } from "vitest";
import { endpoint, ProviderError, type ChatModelLike } from "../index.ts";
import { faults, FaultServer, SimulatedClock, type ServerReply } from "../testing/index.ts";
import { openChatModel } from "./langchain.ts";
import type { ChatRequest, ModelReply } from "./port.ts";

const request: ChatRequest = {
  kind: "chat",
  messages: [{ role: "user", content: "hello" }],
  tools: [],
  schema: undefined,
  maxOutputTokens: 64,
};
const look = { name: "look", description: "Looks it up.", parameters: { type: "object", properties: {} } };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Seen {
  readonly pieces: string[];
  reply?: ModelReply;
  error?: unknown;
}

interface Asking {
  readonly request?: Partial<ChatRequest>;
  readonly clock?: SimulatedClock;
  readonly signal?: AbortSignal;
  readonly onText?: (piece: string) => void | Promise<void>;
}

function portOf(model: ChatModelLike, clock = new SimulatedClock()) {
  return openChatModel(endpoint("tiny", { class: "slm", location: "on-prem", model }), clock);
}

function clientOf({ baseURL }: { readonly baseURL: string }): ChatOpenAI {
  return new ChatOpenAI({ model: "tiny", apiKey: "none", configuration: { baseURL } });
}

async function ask(model: ChatModelLike, { request: changes, clock, signal, onText }: Asking = {}): Promise<Seen> {
  const seen: Seen = { pieces: [] };
  const streaming = {
    idleTimeoutMs: 1_000,
    onText: (piece: string): void | Promise<void> => {
      seen.pieces.push(piece);
      return onText?.(piece);
    },
  };
  const { signal: never } = new AbortController();
  try {
    seen.reply = await portOf(model, clock).call({ ...request, ...changes }, signal ?? never, streaming);
  } catch (error) {
    seen.error = error;
  }
  return seen;
}

async function askServer(reply: ServerReply, asking: Asking = {}): Promise<Seen & { readonly requests: number }> {
  await using server = await FaultServer.start([reply]);
  const seen = await ask(clientOf(server), asking);
  return { ...seen, requests: server.requests.length };
}

describe("a streamed answer", () => {
  it("comes in pieces, with usage, model, id and reason", async () => {
    const { pieces, reply } = await askServer({ content: "one two three" });
    expect(pieces).toEqual(["one", " two", " three"]);
    expect(reply).toMatchObject({
      text: "one two three",
      toolCalls: [],
      finishReason: "stop",
      usage: { inputTokens: 10, outputTokens: 5 },
      responseId: "chatcmpl-1",
      responseModel: "served-model",
    });
  });

  it("is asked for once, as a stream with its usage", async () => {
    await using server = await FaultServer.start([{ content: "fine" }]);
    await ask(clientOf(server));
    expect(server.requests.map(({ body }) => [body["stream"], body["stream_options"]])).toEqual([
      [true, { include_usage: true }],
    ]);
  });

  it.each<[string, ServerReply, string]>([
    ["characters that are split", faults.splitCharacters(), "Grüße, 世界 👋"],
    ["lines that are split", { ...faults.splitLines(), content: "one two" }, "one two"],
    ["CR LF", { ...faults.crlf(), content: "one two" }, "one two"],
    ["comments", { ...faults.comments(), content: "one two" }, "one two"],
    ["[DONE] twice", { ...faults.twoDoneMarks(), content: "one two" }, "one two"],
    ["no [DONE]", { ...faults.noDoneMark(), content: "one two" }, "one two"],
  ])("is the same with %s", async (_what, served, text) => {
    const { reply, pieces } = await askServer(served);
    expect(reply).toMatchObject({ text, finishReason: "stop", usage: { inputTokens: 10, outputTokens: 5 } });
    expect(pieces.join("")).toBe(text);
  });

  it("keeps one finish reason and one usage of events that come twice; their text nobody can tell apart", async () => {
    const { reply } = await askServer(faults.duplicateEvents());
    expect(reply).toMatchObject({ finishReason: "stop", usage: { inputTokens: 10, outputTokens: 5 } });
    expect(reply?.text).toBe("oneone two two three three");
  });

  it.each(["growing", "falling"] as const)("counts the most of a usage that is %s", async (direction) => {
    const { reply } = await askServer(faults.usageInEveryEvent(direction));
    expect(reply?.usage).toMatchObject({ inputTokens: 10, outputTokens: 5 });
  });

  it.each<[string, ServerReply, unknown]>([
    ["absent", faults.usage("absent"), {}],
    ["negative", faults.usage("negative"), { inputTokens: -10, outputTokens: -5 }],
    ["a text", faults.usage("text"), { inputTokens: "12", outputTokens: "5" }],
    ["huge", faults.usage("huge"), { inputTokens: 1e18, outputTokens: 1e18 }],
  ])("hands on a usage that is %s as it is, for the books to judge", async (_what, served, usage) => {
    const { reply } = await askServer(served);
    const { inputTokens, outputTokens } = reply?.usage ?? {};
    expect({ inputTokens, outputTokens }).toEqual(usage);
  });

  it("puts the calls of tools together", async () => {
    const served = {
      content: null,
      toolCalls: [
        { id: "a", name: "look", args: '{"q":"first","n":1}' },
        { id: "b", name: "look", args: "" },
        { id: "c", name: "look", args: '{"q":"cut' },
      ],
    };
    const { reply, pieces } = await askServer(served, { request: { tools: [look] } });
    expect(pieces).toEqual([]);
    expect(reply?.finishReason).toBe("tool_calls");
    expect(reply?.toolCalls).toEqual([
      { id: "a", name: "look", args: { q: "first", n: 1 } },
      { id: "b", name: "look", args: {} },
      { id: "c", name: "look", args: undefined },
    ]);
  });

  it("reads the log-probabilities of all pieces", async () => {
    const token = { token: "ok", logprob: -0.1, top_logprobs: [] };
    await using server = await FaultServer.start([{ content: "ok", logprobs: { content: [token] } }]);
    const model = new ChatOpenAI({
      model: "tiny",
      apiKey: "none",
      logprobs: true,
      configuration: { baseURL: server.baseURL },
    });
    const { reply } = await ask(model);
    expect(reply?.logprobs).toEqual([{ token: "ok", logprob: -0.1, alternatives: [] }]);
  });
});

describe("a stream that goes wrong", () => {
  it.each<[string, ServerReply, string]>([
    ["is cut off by a reset", { content: "one two three", ...faults.resetMidBody() }, "ECONNRESET|UND_ERR_SOCKET"],
    ["is cut off by a close", { content: "one two three", ...faults.closeMidBody() }, "ECONNRESET|UND_ERR_SOCKET"],
    ["is reset after the last token", faults.resetBeforeDone(), "ECONNRESET|UND_ERR_SOCKET"],
    ["ends without a finish reason", faults.noFinishReason(), "malformed_reply"],
    ["tells of an error", faults.errorEvent(), "malformed_reply"],
    ["has no choices", { choices: 0 }, "malformed_reply"],
    ["is no stream", { ...faults.html(), headers: { "content-type": "text/html" } }, "malformed_reply"],
  ])("is a failure that may pass, when it %s", async (_what, served, errorType) => {
    const { error, requests } = await askServer(served);
    expect(error).toBeInstanceOf(ProviderError);
    expect((error as ProviderError).retryable).toBe(true);
    expect((error as ProviderError).errorType).toMatch(new RegExp(`^(${errorType})$`));
    expect(requests).toBe(1);
  });

  it("says nothing of the prompt or the answer", async () => {
    const { error } = await askServer(faults.errorEvent());
    expect((error as Error).message).not.toMatch(/hello|one|server had an error/);
  });

  it("keeps the status of a refusal", async () => {
    const { error } = await askServer(faults.rateLimited({ retryAfter: 3 }));
    expect(error).toMatchObject({ status: 429, errorType: "rate_limited", retryAfterMs: 3_000 });
  });

  it("is given up after the idle time, and its connection closed", async () => {
    await using server = await FaultServer.start([{ content: "one two three four", ...faults.hangMidBody() }]);
    const clock = new SimulatedClock();
    const first = Promise.withResolvers<undefined>();
    const asking = ask(clientOf(server), { clock, onText: () => first.resolve(undefined) });
    await first.promise;
    while (clock.pending === 0) await turn();
    await clock.advance(999);
    expect(server.requests[0]?.closedByClient).toBe(false);
    await clock.advance(1);
    const { error } = await asking;
    expect(error).toMatchObject({ code: "ATTEMPT_TIMEOUT", errorType: "timeout", retryable: true });
    expect((error as Error).message).toBe('endpoint "tiny": nothing more came for 1000 ms (stream.idleTimeoutMs)');
    await server.requests[0]!.closed;
    expect(clock.pending).toBe(0);
  });

  it("does not call a slow reader idle", async () => {
    const clock = new SimulatedClock();
    const read = Promise.withResolvers<undefined>();
    await using server = await FaultServer.start([{ content: "one two" }]);
    let reached = false;
    const asking = ask(clientOf(server), {
      clock,
      onText: () => {
        reached = true;
        return read.promise;
      },
    });
    while (!reached) await turn();
    await clock.advance(60_000);
    expect(clock.pending).toBe(0);
    read.resolve(undefined);
    expect((await asking).reply?.text).toBe("one two");
  });

  it("is cut off when it grows far beyond its limit, and its connection closed", async () => {
    const content = "x".repeat(500).concat(" ").repeat(400);
    await using server = await FaultServer.start([
      { content, delivery: { pieceBytes: 4_096, everyMs: 1, then: "silence" } },
    ]);
    const { error, pieces } = await ask(clientOf(server));
    expect(error).toMatchObject({ retryable: false, errorType: "response_too_large" });
    expect(pieces.join("").length).toBeLessThan(128 * 64 + 65_536 + 1);
    await server.requests[0]!.closed;
  });

  it("counts arguments and empty chunks, too", async () => {
    const huge = await askServer({
      content: null,
      toolCalls: [{ id: "a", name: "look", args: `{"q":"${"x".repeat(80_000)}"}` }],
    });
    expect(huge.error).toMatchObject({ errorType: "response_too_large" });
    let sent = 0;
    async function* empty() {
      for (;;) {
        sent += 1;
        yield { content: "" };
        await Promise.resolve();
      }
    }
    const { error } = await ask({ invoke: () => Promise.reject(new Error()), stream: () => empty() });
    expect(error).toMatchObject({ errorType: "response_too_large" });
    expect(sent).toBe(128 * 64 + 65_536 + 1);
  });

  it("ends with the caller's reason when it is aborted, and its connection is closed", async () => {
    await using server = await FaultServer.start([{ content: "one two three four", ...faults.hangMidBody() }]);
    const controller = new AbortController();
    const reason = new Error("enough");
    const { error } = await ask(clientOf(server), {
      signal: controller.signal,
      onText: () => void setImmediate(() => controller.abort(reason)),
    });
    expect(error).toBe(reason);
    await server.requests[0]!.closed;
  });

  it("passes on what its reader throws, and closes the connection", async () => {
    await using server = await FaultServer.start([{ content: "one two three four", ...faults.hangMidBody() }]);
    const reason = new TypeError("the reader broke");
    const { error } = await ask(clientOf(server), { onText: () => Promise.reject(reason) });
    expect(error).toBe(reason);
    await server.requests[0]!.closed;
  });
});

describe("other clients", () => {
  const whole = {
    content: "all at once",
    tool_calls: [{ id: "a", name: "look", args: { q: "x" } }],
    usage_metadata: { input_tokens: 3, output_tokens: 4 },
    response_metadata: { finish_reason: "stop" },
  };
  const stream = (...chunks: readonly unknown[]): ChatModelLike => ({
    invoke: () => Promise.reject(new Error("not streamed")),
    stream: () => ReadableStream.from(chunks),
  });

  it("show all in one piece where they cannot stream", async () => {
    const { pieces, reply } = await ask({ invoke: () => Promise.resolve(whole) });
    expect(pieces).toEqual(["all at once"]);
    expect(reply).toMatchObject({ text: "all at once", toolCalls: [{ id: "a", args: { q: "x" } }] });
  });

  it("may answer a stream with one whole message", async () => {
    const { pieces, reply } = await ask(stream(whole));
    expect(pieces).toEqual(["all at once"]);
    expect(reply).toMatchObject({
      toolCalls: [{ id: "a", args: { q: "x" } }],
      usage: { inputTokens: 3, outputTokens: 4 },
    });
  });

  it.each([
    ["stop_reason", { additional_kwargs: { stop_reason: "end_turn" } }, "end_turn"],
    ["done_reason", { response_metadata: { done_reason: "stop" } }, "stop"],
    ["finishReason", { response_metadata: { finishReason: "STOP" } }, "STOP"],
    ["the status of the Responses API", { response_metadata: { status: "incomplete" } }, "length"],
  ])("say by %s why they end", async (_what, last, finishReason) => {
    const { reply } = await ask(stream({ content: [{ type: "text", text: "one" }] }, { content: "", ...last }));
    expect(reply).toMatchObject({ text: "one", finishReason });
  });

  it("may number every call 0, or none: the id tells them apart", async () => {
    const piece = (call: object) => ({ content: "", tool_call_chunks: [call] });
    const { reply } = await ask(
      stream(
        piece({ index: 0, id: "a", name: "look", args: '{"q":' }),
        piece({ index: 0, name: "look", args: "1}" }),
        piece({ index: 0, id: "b", name: "look", args: '{"q":2}' }),
        piece({ id: "c", name: "look", args: '{"q":' }),
        piece({ args: "3}" }),
        { content: "", response_metadata: { finish_reason: "tool_calls" } },
      ),
    );
    expect(reply?.toolCalls.map(({ id, name, args }) => [id, name, args])).toEqual([
      ["a", "look", { q: 1 }],
      ["b", "look", { q: 2 }],
      ["c", "look", { q: 3 }],
    ]);
  });
});
