/** One retry authority: how often a server is really asked, and when. Real clients, real sockets, simulated time. */
import { ChatOpenAI } from "@langchain/openai";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { endpoint, graph, ProviderError } from "../../src/index.ts";
import { faults, FaultServer, type ServerReply } from "../../src/testing/index.ts";
import { attempts, downServer, Lab, oneStep, received, served } from "../support/retry-lab.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const ok: ServerReply = { content: "ok" };
const always = (reply: ServerReply) => (): ServerReply => reply;

describe("how often a server is asked", () => {
  const passing: [string, ServerReply, object][] = [
    ...[408, 409, 500, 502, 503, 504, 529].map((status): [string, ServerReply, object] => [
      `HTTP ${status}`,
      faults.status(status),
      { status },
    ]),
    ["HTTP 429 without a time", faults.rateLimited(), { status: 429, errorType: "rate_limited" }],
    ["HTTP 429 with a time", faults.rateLimited({ retryAfter: 1 }), { status: 429, retryAfterMs: 1_000 }],
    ["a connection reset before the head", faults.resetBeforeHeaders(), { status: undefined }],
    ["a connection reset in the body", faults.resetMidBody(), { status: undefined }],
    ["a connection closed before the head", faults.closeBeforeHeaders(), { status: undefined }],
    ["a connection closed in the body", faults.closeMidBody(), { status: undefined }],
  ];

  it.each(passing)("is three times in all for %s, once an attempt", async (_what, reply, expected) => {
    await using server = await FaultServer.start(always(reply));
    const lab = new Lab([served("tiny", server)]);
    const { error, events, run } = await lab.finish();
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", retryable: true, ...expected });
    expect(server.requests).toHaveLength(3);
    expect(attempts(events).map(({ number, kind }) => [number, kind])).toEqual([
      [1, "initial"],
      [2, "retry"],
      [3, "retry"],
    ]);
    expect(run.ledger()).toMatchObject({ attempts: 3, endpoints: ["tiny", "tiny", "tiny"], reservedUsd: 0 });
  });

  it.each<[string, ServerReply, object]>([
    ...[400, 401, 403, 404, 413, 422].map((status): [string, ServerReply, object] => [
      `HTTP ${status}`,
      faults.status(status),
      { status },
    ]),
    ["a context that is too long", faults.contextTooLong(), { errorType: "context_length" }],
    ["a content filter", faults.contentFiltered(), { status: 400 }],
    ["a spent quota", faults.quotaExceeded(), { status: 429, errorType: "quota_exhausted" }],
  ])("is once for %s", async (_what, reply, expected) => {
    await using server = await FaultServer.start(always(reply));
    const { error, run } = await new Lab([served("tiny", server)]).finish();
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", retryable: false, ...expected });
    expect(server.requests).toHaveLength(1);
    expect(run.ledger().attempts).toBe(1);
  });

  it.each<[string, ServerReply]>([
    ["HTML with status 200", faults.html()],
    ["JSON that stops in the middle", faults.truncatedJson()],
    ["nothing with status 200", faults.emptyBody()],
    ["an error with status 200", faults.errorWithStatus200()],
    ["no choices", { choices: 0 }],
  ])("is twice for %s: each of them may be billed", async (_what, reply) => {
    await using server = await FaultServer.start(always(reply));
    const { error, run } = await new Lab([served("tiny", server)], { retry: { maxAttempts: 10 } }).finish();
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", errorType: "malformed_reply" });
    expect(server.requests).toHaveLength(2);
    expect(run.ledger()).toMatchObject({ attempts: 2, complete: false });
  });

  it("is never when nobody listens, and each try is an attempt that costs nothing", async () => {
    const lab = new Lab([served("tiny", await downServer(), { price })]);
    const { error, run } = await lab.finish();
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", errorType: "ECONNREFUSED" });
    expect(run.ledger()).toMatchObject({ attempts: 3, costUsd: 0, complete: true });
  });

  it("is never when there is no secure connection", async () => {
    await using server = await FaultServer.start([]);
    const secure = { baseURL: server.baseURL.replace("http:", "https:") };
    const { error, run } = await new Lab([served("tiny", secure, { price })]).finish();
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", errorType: "tls" });
    expect(server.requests).toHaveLength(0);
    expect(run.ledger()).toMatchObject({ attempts: 3, costUsd: 0 });
  });

  it("is three times when it does not answer in time, each with the whole timeout", async () => {
    await using server = await FaultServer.start(always(faults.hang()));
    const lab = new Lab([served("tiny", server)]);
    const { run, events, outcome } = await lab.start(oneStep({ timeoutMs: 2_000 }));
    for (const request of [1, 2, 3]) {
      await received(server, request);
      await lab.clock.advance(2_000);
    }
    expect(await outcome).toMatchObject({ error: { code: "ATTEMPT_TIMEOUT" } });
    await Promise.all(server.requests.map(({ closed }) => closed));
    expect(attempts(events).map(({ atMs }) => Math.round(atMs / 2_000))).toEqual([0, 1, 2]);
    expect([server.requests.length, run.ledger().attempts, lab.clock.pending]).toEqual([3, 3, 0]);
  });

  it.each([1, 2, 5])("is what maxAttempts says: %d", async (maxAttempts) => {
    await using server = await FaultServer.start(always(faults.status(503)));
    await new Lab([served("tiny", server)], { retry: { maxAttempts } }).finish();
    expect(server.requests).toHaveLength(maxAttempts);
  });

  it("is not multiplied by what the client was built with", async () => {
    await using server = await FaultServer.start(always(faults.status(503)));
    const configuration = { baseURL: server.baseURL };
    const model = new ChatOpenAI({ model: "tiny", apiKey: "none", configuration, maxRetries: 6 });
    await new Lab([endpoint("tiny", { class: "slm", location: "on-prem", model })]).finish();
    expect(server.requests).toHaveLength(3);
  });

  it("ends with the first answer", async () => {
    await using server = await FaultServer.start([faults.status(503), faults.closeBeforeHeaders(), ok]);
    const { output, run } = await new Lab([served("tiny", server)]).finish();
    expect(output).toBe("ok");
    expect(run.ledger()).toMatchObject({ attempts: 3, escalations: 0 });
    server.assertDone();
  });
});

describe("the next endpoint", () => {
  it("is asked when an endpoint has failed as often as it may, as a fallback with the next number", async () => {
    await using small = await FaultServer.start(always(faults.status(503)));
    await using large = await FaultServer.start([ok]);
    const { error, events } = await new Lab([
      served("small", small),
      served("large", large, { class: "llm" }),
    ]).finish();
    expect(error).toBeUndefined();
    expect(attempts(events).map(({ number, kind, endpoint: name }) => `${number} ${kind} ${name}`)).toEqual([
      "1 initial small",
      "2 retry small",
      "3 retry small",
      "4 fallback large",
    ]);
    expect([small.requests.length, large.requests.length]).toEqual([3, 1]);
  });

  it("is asked at once after a failure that does not pass", async () => {
    await using small = await FaultServer.start([faults.status(404)]);
    await using large = await FaultServer.start([ok]);
    const { events } = await new Lab([served("small", small), served("large", large, { class: "llm" })]).finish();
    expect(attempts(events).map(({ number, kind }) => `${number} ${kind}`)).toEqual(["1 initial", "2 fallback"]);
  });
});

describe("what a retry is on the record", () => {
  it("is an attempt of its own: number, span, events and entry", async () => {
    await using server = await FaultServer.start([faults.status(503), ok]);
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const lab = new Lab([served("tiny", server, { price })], { telemetry: { tracerProvider } });
    const { events, run } = await lab.finish(oneStep(), { budget: { costUsd: 1 } });
    await tracerProvider.forceFlush();
    const spans = exporter.getFinishedSpans().filter(({ name }) => name.startsWith("chat"));
    expect(
      spans.map(({ attributes }) => [attributes["tierwise.attempt.number"], attributes["tierwise.attempt.kind"]]),
    ).toEqual([
      [1, "initial"],
      [2, "retry"],
    ]);
    expect(spans.map(({ attributes }) => attributes["error.type"])).toEqual(["503", undefined]);
    const ends = events.filter((event) => event.type === "attempt-end" || event.type === "attempt-error");
    expect(ends.map(({ type, attempt, kind }) => [type, attempt, kind])).toEqual([
      ["attempt-error", 1, "initial"],
      ["attempt-end", 2, "retry"],
    ]);
    expect(run.ledger().costUsd).toBeCloseTo(15e-6, 12);
  });

  it("has a number that no other request of the step has, over all turns of a tool loop", async () => {
    const down = faults.status(503);
    const call = { toolCalls: [{ id: "c", name: "look", args: "{}" }] };
    const again = { toolCalls: [{ id: "d", name: "look", args: '{"page":2}' }] };
    await using server = await FaultServer.start([down, call, again, down, down, ok]);
    const look = { name: "look", schema: z.object({ page: z.number().optional() }), invoke: (args: unknown) => args };
    const g = graph("desk", { input: z.object({ text: z.string().optional() }) });
    const tools = [{ tool: look, effect: "read" as const }];
    const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "go", tools });
    const { error, events } = await new Lab([served("tiny", server)]).finish(g.output(work));
    expect(error).toBeUndefined();
    expect(attempts(events).map(({ number, kind }) => `${number} ${kind}`)).toEqual([
      ...["1 initial", "2 retry", "3 turn", "4 turn", "5 retry", "6 retry"],
    ]);
  });
});

describe("when it is asked again", () => {
  /** The clock moves 10 ms at a time, so a request may begin up to that much later than it has to, and never earlier. */
  function expectWaits(events: Parameters<typeof attempts>[0], waitsMs: readonly number[]): void {
    const at = attempts(events).map(({ atMs }) => atMs);
    expect(at).toHaveLength(waitsMs.length + 1);
    for (const [index, waitMs] of waitsMs.entries()) {
      const lateMs = at[index + 1]! - at[index]! - waitMs;
      expect(lateMs, `wait ${index + 1}`).toBeGreaterThanOrEqual(0);
      expect(lateMs, `wait ${index + 1}`).toBeLessThanOrEqual(10);
    }
  }

  it.each([
    ["nothing", 0, [0, 0]],
    ["half of them", 0.5, [250, 500]],
    ["all of them", 1, [500, 1_000]],
  ])("after 500, then 1,000 milliseconds, of which chance takes %s", async (_what, chance, expected) => {
    await using server = await FaultServer.start(always(faults.status(503)));
    const { events } = await new Lab([served("tiny", server)], { random: () => chance }).finish();
    expectWaits(events, expected);
  });

  const later = new Date(Date.UTC(2026, 10, 23, 0, 0, 3));
  it.each<[string, ServerReply, number]>([
    ["seconds", faults.rateLimited({ retryAfter: 2 }), 2_000],
    ["milliseconds", faults.rateLimited({ retryAfterMs: 700 }), 700],
    ["milliseconds before seconds", faults.rateLimited({ retryAfter: 9, retryAfterMs: 700 }), 700],
    ["nothing to wait for", faults.rateLimited({ retryAfter: 0 }), 0],
    ["503 with seconds", faults.status(503, { headers: { "retry-after": "4" } }), 4_000],
    ["no time at all", faults.rateLimited(), 1_000],
    ["less than nothing", faults.rateLimited({ retryAfter: -5 }), 1_000],
    ["words", faults.rateLimited({ retryAfter: "soon" }), 1_000],
    ["a date that has passed", faults.rateLimited({ retryAfter: new Date(0) }), 0],
  ])("not before a Retry-After is over: %s", async (_what, reply, waitMs) => {
    await using server = await FaultServer.start([reply, ok]);
    const { error, events } = await new Lab([served("tiny", server)]).finish();
    expect(error).toBeUndefined();
    expectWaits(events, [waitMs]);
    server.assertDone();
  });

  it("not before the date that a Retry-After names, on the runtime's clock", async () => {
    await using server = await FaultServer.start([faults.rateLimited({ retryAfter: later }), ok]);
    const { events } = await new Lab([served("tiny", server)]).finish();
    const [, second] = events.filter(({ type }) => type === "attempt-start");
    expect(second?.atMs).toBe(later.getTime());
  });

  it.each([
    ["a day", { retryAfter: 86_400 }, {}],
    ["longer than 30 seconds", { retryAfter: 31 }, {}],
    ["longer than the run has left", { retryAfter: 10 }, { budget: { durationMs: 9_000 } }],
  ])("not at all where the wait is %s: the error says how long", async (_what, after, options) => {
    await using server = await FaultServer.start([faults.rateLimited(after)]);
    const lab = new Lab([served("tiny", server)], { random: () => 1 });
    const { error, events } = await lab.finish(oneStep(), options);
    expect(error).toMatchObject({ status: 429, retryAfterMs: after.retryAfter * 1_000 });
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "failed" });
    expect(events.at(-1)!.atMs - events[0]!.atMs).toBeLessThan(100);
    server.assertDone();
  });

  it("not at all where the wait is longer than the step has left: the next endpoint is asked at once", async () => {
    await using small = await FaultServer.start([faults.rateLimited({ retryAfter: 3 })]);
    await using large = await FaultServer.start([ok]);
    const lab = new Lab([
      served("small", small, { latency: { p95Ms: 100 } }),
      served("large", large, { class: "llm", latency: { p95Ms: 200 } }),
    ]);
    const { error, events } = await lab.finish(oneStep({ maxLatencyMs: 2_500 }));
    expect(error).toBeUndefined();
    expect(attempts(events).map(({ kind, endpoint: name }) => `${kind} ${name}`)).toEqual([
      "initial small",
      "fallback large",
    ]);
    expect(attempts(events)[1]!.atMs).toBeLessThan(100);
  });

  it("not when the backoff would last longer than the run: it ends with the failure, not with the deadline", async () => {
    await using server = await FaultServer.start([faults.status(503)]);
    const retry = { initialDelayMs: 5_000 };
    const lab = new Lab([served("tiny", server)], { retry, random: () => 0.999 });
    const { error, events } = await lab.finish(oneStep(), { budget: { durationMs: 4_000 } });
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", status: 503 });
    expect(events.at(-1)!.atMs - events[0]!.atMs).toBeLessThan(100);
    server.assertDone();
  });
});

describe("money under retries", () => {
  // A reply that is cut in its body may have been billed: it is charged its worst case.
  const billed = faults.closeMidBody();

  it("is the sum of all attempts", async () => {
    await using server = await FaultServer.start([billed, billed, ok]);
    const lab = new Lab([served("tiny", server, { price })]);
    const { error, events, run } = await lab.finish(oneStep({ maxOutputTokens: 50 }), { budget: { costUsd: 0.01 } });
    expect(error).toBeUndefined();
    const ledger = run.ledger();
    const costs = events.flatMap((event) => ("costUsd" in event && "attempt" in event ? [event.costUsd ?? 0] : []));
    expect(costs).toHaveLength(3);
    expect(costs.reduce((sum, cost) => sum + cost, 0)).toBeCloseTo(ledger.costUsd, 12);
    expect(ledger).toMatchObject({ attempts: 3, reservedUsd: 0, overshootUsd: 0, complete: false });
    expect(costs[2]).toBeCloseTo(15e-6, 12);
    expect(costs[0]).toBeGreaterThan(50e-6);
  });

  it("is asked for before each of them: what does not fit is not sent, and the cap holds", async () => {
    await using server = await FaultServer.start(always(billed));
    const lab = new Lab([served("tiny", server, { price })]);
    const unbound = await lab.finish(oneStep({ maxOutputTokens: 50 }), { budget: { costUsd: 1 } });
    const oneUsd = unbound.run.ledger().costUsd / 3;
    // A runtime of its own: five failures in a row would open the circuit.
    const bound = new Lab([served("tiny", server, { price })]);
    const budget = { costUsd: 2.5 * oneUsd };
    const { error, run } = await bound.finish(oneStep({ maxOutputTokens: 50 }), { budget });
    expect(error).toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(server.requests).toHaveLength(3 + 2);
    expect(run.ledger().costUsd).toBeCloseTo(2 * oneUsd, 12);
    expect(run.ledger()).toMatchObject({ attempts: 2, overshootUsd: 0, reservedUsd: 0 });
  });

  it("that does not reach for another try is asked whether it reaches for another endpoint", async () => {
    await using small = await FaultServer.start(always(billed));
    await using large = await FaultServer.start([ok]);
    const cheap = { inputPerMillionTokensUsd: 0.01, outputPerMillionTokensUsd: 0.01 };
    const endpoints = [served("small", small, { price }), served("large", large, { class: "llm", price: cheap })];
    const lab = new Lab(endpoints, { retry: { maxAttempts: 10 } });
    const { error, events } = await lab.finish(oneStep({ maxOutputTokens: 50 }), { budget: { costUsd: 900e-6 } });
    expect(error).toBeUndefined();
    expect(attempts(events).at(-1)).toMatchObject({ kind: "fallback", endpoint: "large" });
    const numbers = attempts(events).map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_number, index) => index + 1));
  });
});

describe("options", () => {
  it.each<[string, object, string]>([
    ["no attempt", { maxAttempts: 0 }, "runtime.retry.maxAttempts: expected a whole number from 1 to 10, found 0"],
    ["a factor below 1", { backoffFactor: 0.5 }, "runtime.retry.backoffFactor: expected a number from 1 to 10"],
    ["a wait without end", { maxDelayMs: Infinity }, "runtime.retry.maxDelayMs"],
    ["a misspelt name", { attempts: 2 }, "runtime.retry.attempts: unknown option"],
  ])("are refused: %s", async (_what, retry, message) => {
    await using server = await FaultServer.start([]);
    expect(() => new Lab([served("tiny", server)], { retry })).toThrow(message);
  });

  it.each<[string, object, string]>([
    ["no request at once", { concurrency: 0 }, "endpoint.limits.concurrency: expected a whole number from 1 to 10000"],
    ["a queue below nothing", { queue: -1 }, "endpoint.limits.queue"],
    ["a misspelt name", { rate: 2 }, "endpoint.limits.rate: unknown option"],
  ])("of an endpoint are refused: %s", (_what, limits, message) => {
    expect(() => served("tiny", { baseURL: "http://127.0.0.1:1" }, { limits })).toThrow(message);
  });

  it("of chance are refused when they are no function", async () => {
    await using server = await FaultServer.start([]);
    expect(() => new Lab([served("tiny", server)], { random: 0.5 as never })).toThrow(
      "runtime.random: expected a function",
    );
  });
});
