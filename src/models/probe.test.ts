import { inspect } from "node:util";
import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, it } from "vitest";
import { endpoint, type Endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import type { LabelModel } from "../catalog/model-like.ts";
import { DefinitionError, ProviderError } from "../errors.ts";
import { FaultServer, type ServerRequest } from "../testing/fault-server.ts";
import * as faults from "../testing/faults.ts";
import type { ServerReply } from "../testing/server-reply.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { probe } from "./probe.ts";

const canary = "CANARY-4711";

type Fields = ConstructorParameters<typeof ChatOpenAI>[0] & object;

function endpointOf(server: FaultServer, { fields = {}, ...spec }: Partial<EndpointSpec> & { fields?: Fields } = {}) {
  const model = new ChatOpenAI({
    model: "tiny",
    apiKey: "none",
    configuration: { baseURL: server.baseURL },
    ...fields,
  });
  return endpoint("tiny", { class: "slm", location: "on-prem", model, ...spec });
}

interface Asked {
  readonly logprobs: boolean;
  readonly tools: boolean;
  readonly schema: boolean;
  /** The question whose grammar excludes the natural answer. */
  readonly forced: boolean;
}

function asked({ body }: ServerRequest): Asked {
  const schema = body["response_format"] !== undefined;
  const forced = JSON.stringify(body["response_format"] ?? "").includes("enum");
  return { logprobs: body["logprobs"] === true, tools: body["tools"] !== undefined, schema, forced };
}

function token(text: string, probability: number, more: object[] = []) {
  const own = { token: text, logprob: Math.log(probability) };
  return { ...own, top_logprobs: [own, ...more] };
}

/** The forced label in two tokens, of which the first has the given probability. */
function forcedTokens(probability: number) {
  return [token('{"answer":"', 0.9), token("wal", probability, [{ token: "8", logprob: -0.01 }]), token('rus"}', 0.99)];
}

/** A server that does everything; a forced label shows what the model itself thought of it. */
function able(received: ServerRequest): ServerReply {
  const { logprobs, tools, schema, forced } = asked(received);
  const content = forced ? '{"answer":"walrus"}' : schema ? '{"city":"Paris"}' : "Blue";
  const tokens = forced ? forcedTokens(1e-6) : [token(canary, 0.8, [{ token: "b", logprob: -3 }])];
  return {
    content: tools ? null : content,
    ...(tools && { toolCalls: [{ id: "call_1", name: "add", args: '{"a":2,"b":3}' }] }),
    ...(logprobs && { logprobs: { content: tokens } }),
  };
}

const refused: ServerReply = { status: 400, raw: JSON.stringify({ error: { message: canary } }) };

/** Answers like `able`, but for what `change` replaces. */
async function serve(
  change: (asked: Asked) => Partial<ServerReply> | undefined = () => undefined,
): Promise<FaultServer> {
  return FaultServer.start((received) => {
    const other = change(asked(received));
    return other?.status === undefined ? { ...able(received), ...other } : other;
  });
}

const all = { tools: true, jsonSchema: true, logprobs: true, toolsWithLogprobs: true, logprobsBeforeGrammar: true };

describe("probe", () => {
  it("finds out in five requests what a server can do that does everything", async () => {
    await using server = await serve();
    const clock = new SimulatedClock(1_700_000_000_000);
    const report = await probe(endpointOf(server), { clock });
    expect(clock.pending).toBe(0);
    expect(report).toEqual({
      format: "tierwise-probe",
      version: 1,
      endpoint: "tiny",
      model: "tiny",
      server: { address: "127.0.0.1", port: server.port },
      probedAtMs: 1_700_000_000_000,
      capabilities: all,
      findings: {
        logprobs: { supported: true, evidence: "logprobs returned" },
        tools: { supported: true, evidence: "tool call returned" },
        jsonSchema: { supported: true, evidence: "answer fits the schema" },
        toolsWithLogprobs: { supported: true, evidence: "tool call and logprobs returned" },
        logprobsBeforeGrammar: { supported: true, evidence: "forced label looks unlikely" },
      },
      requests: 5,
      usage: { inputTokens: 50, outputTokens: 25, complete: true },
    });
    expect(server.requests).toHaveLength(5);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(Object.isFrozen(report.findings.tools)).toBe(true);
  });

  it("sends fixed, small requests as a run would: the schema as plain response_format, limits of the output", async () => {
    await using server = await serve();
    await probe(endpointOf(server, { fields: { maxRetries: 6, streaming: true, maxTokens: 9_999 } }));
    const bodies = server.requests.map(({ body }) => body);
    expect(bodies.map((body) => body["max_tokens"])).toEqual([16, 256, 256, 256, 256]);
    expect(bodies.map((body) => body["logprobs"] === true)).toEqual([true, false, false, true, true]);
    expect(bodies.map((body) => body["tools"] !== undefined)).toEqual([false, true, false, true, false]);
    expect(bodies.every((body) => body["stream"] !== true)).toBe(true);
    expect(bodies[2]?.["response_format"]).toMatchObject({ type: "json_schema", json_schema: { name: "answer" } });
    expect(JSON.stringify(bodies[2]?.["messages"])).not.toMatch(/json/i);
    expect(JSON.stringify(bodies[4]?.["messages"])).not.toContain("walrus");
    expect(Math.max(...bodies.map((body) => JSON.stringify(body).length))).toBeLessThan(700);
  });

  it("does not ask for what needs logprobs where a server ignores them", async () => {
    await using server = await serve(() => ({ logprobs: undefined }));
    const { capabilities, findings, requests } = await probe(endpointOf(server));
    expect(capabilities).toEqual({ tools: true, jsonSchema: true, logprobs: false, toolsWithLogprobs: false });
    expect(findings).toMatchObject({
      logprobs: { supported: false, evidence: "no logprobs in the reply" },
      toolsWithLogprobs: { supported: false, evidence: "not asked without logprobs" },
      logprobsBeforeGrammar: { supported: false, evidence: "not asked without logprobs" },
    });
    expect([requests, server.requests.length]).toEqual([3, 3]);
  });

  it("takes HTTP 400 to tools as no tools, and asks the rest", async () => {
    await using server = await serve(({ tools }) => (tools ? refused : undefined));
    const report = await probe(endpointOf(server));
    expect(report.capabilities).toEqual({ ...all, tools: false, toolsWithLogprobs: false });
    expect(report.findings.tools).toEqual({ supported: false, evidence: "HTTP 400" });
    expect(report.findings.toolsWithLogprobs.evidence).toBe("not asked without tools");
    expect([report.requests, server.requests.length]).toEqual([4, 4]);
    // A refused request is not billed.
    expect(report.usage).toEqual({ inputTokens: 30, outputTokens: 15, complete: true });
  });

  it("takes HTTP 400 to tools with logprobs as just that", async () => {
    await using server = await serve(({ tools, logprobs }) => (tools && logprobs ? refused : undefined));
    const { capabilities, findings, requests } = await probe(endpointOf(server));
    expect(capabilities).toEqual({ ...all, toolsWithLogprobs: false });
    expect(findings.toolsWithLogprobs).toEqual({ supported: false, evidence: "HTTP 400" });
    expect([requests, server.requests.length]).toEqual([5, 5]);
  });

  it("tells refused logprobs from a server that refuses everything by one plain request more", async () => {
    await using server = await serve(({ logprobs }) => (logprobs ? refused : undefined));
    const { capabilities, findings, requests } = await probe(endpointOf(server));
    expect(capabilities).toEqual({ tools: true, jsonSchema: true, logprobs: false, toolsWithLogprobs: false });
    expect(findings.logprobs).toEqual({ supported: false, evidence: "HTTP 400" });
    expect([requests, server.requests.length]).toEqual([4, 4]);
  });

  it.each([404, 422, 501])("takes HTTP %d to a schema as no schema", async (status) => {
    await using server = await serve(({ schema }) => (schema ? { ...refused, status } : undefined));
    const { capabilities, findings } = await probe(endpointOf(server));
    expect(capabilities).toEqual({ tools: true, jsonSchema: false, logprobs: true, toolsWithLogprobs: true });
    expect(findings.jsonSchema.evidence).toBe(`HTTP ${status}`);
    expect(server.requests).toHaveLength(4);
  });
});

describe("a reply that lacks what was asked for", () => {
  const call = (name: string, args: string): Partial<ServerReply> => ({ toolCalls: [{ id: "c", name, args }] });
  const replies: [keyof typeof all, string, string, (asked: Asked) => Partial<ServerReply> | undefined][] = [
    [
      "logprobs",
      "null logprobs",
      "logprobs that are no probabilities",
      (q) => (q.logprobs && !q.tools && !q.schema ? { logprobs: { content: [{ token: "a", logprob: null }] } } : {}),
    ],
    [
      "logprobs",
      "logprobs above 0",
      "logprobs that are no probabilities",
      (q) => (q.logprobs && !q.schema ? { logprobs: { content: [token("a", 2)] } } : {}),
    ],
    ["tools", "plain text", "no tool call in the reply", (q) => (q.tools ? { toolCalls: [], content: canary } : {})],
    ["tools", "broken arguments", "tool call that does not fit its tool", (q) => (q.tools ? call("add", '{"a":') : {})],
    [
      "tools",
      "arguments of the wrong type",
      "tool call that does not fit its tool",
      (q) => (q.tools ? call("add", `{"a":"${canary}","b":3}`) : {}),
    ],
    [
      "tools",
      "another name",
      "tool call that does not fit its tool",
      (q) => (q.tools ? call(canary, '{"a":2,"b":3}') : {}),
    ],
    [
      "tools",
      "an end at the output limit",
      "cut at the output limit",
      (q) => (q.tools ? { toolCalls: [], content: "Well", finishReason: "length" } : {}),
    ],
    ["jsonSchema", "prose", "answer that is no JSON object", (q) => (q.schema ? { content: canary } : {})],
    [
      "jsonSchema",
      "JSON of its own liking",
      "answer that does not fit the schema",
      (q) => (q.schema ? { content: `{"capital":"${canary}"}` } : {}),
    ],
    ["jsonSchema", "nothing", "answer that is no JSON object", (q) => (q.schema ? { content: null } : {})],
    [
      "jsonSchema",
      "half of it",
      "cut at the output limit",
      (q) => (q.schema ? { content: '{"city":', finishReason: "length" } : {}),
    ],
    [
      "toolsWithLogprobs",
      "the call alone",
      "no logprobs in the reply",
      (q) => (q.tools ? { logprobs: undefined } : {}),
    ],
    [
      "toolsWithLogprobs",
      "the logprobs alone",
      "no tool call in the reply",
      (q) => (q.tools && q.logprobs ? { toolCalls: [], content: "5" } : {}),
    ],
  ];

  it.each(replies)("is no %s: %s", async (...[name, , evidence, change]) => {
    await using server = await serve(change);
    const report = await probe(endpointOf(server));
    expect(report.capabilities[name]).toBe(false);
    expect(report.findings[name]).toEqual({ supported: false, evidence });
    expect(JSON.stringify(report)).not.toContain(canary);
  });

  it("is charged at its bound when it counts no tokens", async () => {
    await using server = await serve(() => ({ usage: null }));
    const { usage } = await probe(endpointOf(server));
    expect(usage).toMatchObject({ outputTokens: 16 + 4 * 256, complete: false });
  });
});

describe("a label that only a grammar brought about", () => {
  const forced = (reply: Partial<ServerReply>) => serve((q) => (q.forced ? reply : undefined));
  const before: [string, boolean | undefined, string, Partial<ServerReply>][] = [
    ["looks certain", false, "forced label looks certain", { logprobs: { content: forcedTokens(0.9999) } }],
    [
      "looks certain over its spellings together",
      false,
      "forced label looks certain",
      {
        logprobs: {
          content: [token('{"answer":"', 0.9), token("wal", 0.4, [{ token: "w", logprob: Math.log(0.59) }])].concat(
            token('rus"}', 1),
          ),
        },
      },
    ],
    ["looks unlikely", true, "forced label looks unlikely", { logprobs: { content: forcedTokens(0.01) } }],
    [
      "looks neither",
      undefined,
      "cannot be told: forced label looks neither likely nor unlikely",
      { logprobs: { content: forcedTokens(0.7) } },
    ],
    [
      "was not brought about",
      undefined,
      "cannot be told: the answer is not the forced label",
      { content: `{"answer":"${canary}"}` },
    ],
    [
      "has no token of its own",
      undefined,
      "cannot be told: the logprobs do not spell the answer",
      { logprobs: { content: [token(canary, 0.5)] } },
    ],
    ["has no logprobs", undefined, "cannot be told: the logprobs do not spell the answer", { logprobs: undefined }],
    ["is refused", undefined, "cannot be told: HTTP 400", refused],
  ];

  it.each(before)("%s", async (...[, expected, evidence, reply]) => {
    await using server = await forced(reply);
    const report = await probe(endpointOf(server));
    expect(report.capabilities.logprobsBeforeGrammar).toBe(expected);
    expect("logprobsBeforeGrammar" in report.capabilities).toBe(expected !== undefined);
    expect(report.findings.logprobsBeforeGrammar).toEqual({ supported: expected === true, evidence });
    expect(report.capabilities).toMatchObject({ logprobs: true, jsonSchema: true });
    expect(JSON.stringify(report)).not.toContain(canary);
  });
});

describe("an endpoint of which nothing can be learnt", () => {
  async function failure(target: Endpoint): Promise<unknown> {
    const thrown: unknown = await probe(target).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ProviderError);
    expect(inspect(thrown, { depth: 10, showHidden: true })).not.toContain(canary);
    return thrown;
  }

  it("is one that is down", async () => {
    const server = await FaultServer.start([]);
    const gone = endpointOf(server);
    await server[Symbol.asyncDispose]();
    expect(await failure(gone)).toMatchObject({
      errorType: "ECONNREFUSED",
      retryable: true,
      message: expect.stringMatching(/"tiny": no connection .* "logprobs".*probe again/) as string,
    });
  });

  it.each([500, 503, 401, 403, 429, 408])("is one that answers HTTP %d, after one request", async (status) => {
    await using server = await serve(() => ({ ...refused, status }));
    expect(await failure(endpointOf(server))).toMatchObject({ status });
    expect(server.requests).toHaveLength(1);
  });

  it("is one that fails half-way", async () => {
    await using server = await serve(({ schema }) => (schema ? { ...refused, status: 500 } : undefined));
    const thrown = await failure(endpointOf(server));
    expect(thrown).toMatchObject({ status: 500, message: expect.stringContaining('"jsonSchema"') as string });
    expect(server.requests).toHaveLength(3);
  });

  it.each([404, 400])(
    "is one that refuses even a plain request with HTTP %d, such as for a wrong model",
    async (status) => {
      await using server = await serve(() => ({ ...refused, status }));
      expect(await failure(endpointOf(server))).toMatchObject({ status, retryable: false });
      expect(server.requests).toHaveLength(2);
    },
  );

  it("is one that is no OpenAI-compatible server", async () => {
    await using server = await FaultServer.start([{ raw: `<html>${canary}</html>` }]);
    await failure(endpointOf(server));
    expect(server.requests).toHaveLength(1);
  });

  it("is one that does not answer in time, and its socket is closed", async () => {
    await using server = await FaultServer.start([faults.hang()]);
    const clock = new SimulatedClock();
    const rejected = expect(probe(endpointOf(server), { clock })).rejects.toMatchObject({
      name: "ProviderError",
      code: "ATTEMPT_TIMEOUT",
      message: expect.stringContaining("30000 ms (timeoutMs)") as string,
    });
    await server.arrival();
    await clock.advance(30_000);
    await rejected;
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("is one that was given up: the probe ends with the signal's reason", async () => {
    await using server = await FaultServer.start([faults.hang()]);
    const controller = new AbortController();
    const reason = new Error("enough");
    const rejected = expect(probe(endpointOf(server), { signal: controller.signal })).rejects.toBe(reason);
    await server.arrival();
    controller.abort(reason);
    await rejected;
    await expect(probe(endpointOf(server), { signal: controller.signal })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});

describe("what cannot be probed", () => {
  it("is a classifier", async () => {
    const model: LabelModel = { kind: "classifier", name: "c", version: "1", labels: ["a"], classify: () => never() };
    const target = endpoint("triage", { class: "slm", location: "in-process", model });
    await expect(probe(target)).rejects.toThrow(DefinitionError);
    await expect(probe(target)).rejects.toThrow(/"triage".*\n.*expected a chat model to probe, found a classifier/);
  });

  it("is a client that retries by itself, or options that are wrong; nothing is sent", async () => {
    await using server = await serve();
    const stubborn = { invoke: () => Promise.resolve({}), caller: { maxRetries: 6 } };
    await expect(probe(endpointOf(server, { model: stubborn }))).rejects.toThrow(/maxRetries: 0/);
    const wrong = { timeoutMs: 0, retries: 3 } as object;
    await expect(probe(endpointOf(server), wrong)).rejects.toThrow(/2 problems/);
    expect(server.requests).toHaveLength(0);
  });
});

function never(): never {
  throw new Error("not called");
}
