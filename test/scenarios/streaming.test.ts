/** What a run's caller sees of answers while they are written, and what nobody ever sees. */
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  auditEntry,
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type EndpointSpec,
  type Graph,
  type LabelSpec,
  type Privacy,
  type RunEvent,
  type RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 };
const everything = { level: "classified", compartments: ["pii"] } as const;
const personal = { level: "customer", compartments: ["pii"] } as const;
const canary = "CANARY-4711";
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Options of the step, over its own, and the label of the graph's input. */
type Change = Readonly<Record<string, unknown>> & { readonly label?: Privacy | LabelSpec };

/** One step that answers in text, and shows it. */
function shown({ label = "public", ...change }: Change = {}): Graph<string, unknown> {
  const g = graph("desk", { input: z.string(), label });
  const spec = { needs: { question: g.input }, complexity: "generation" as const, output: z.string() };
  return g.output(g.model("reply", { ...spec, prompt: ({ question }) => question, stream: true, ...change }));
}

const total = z.object({ total: z.number(), note: z.string() });

interface SetUp extends Partial<RuntimeOptions> {
  readonly small?: readonly ScriptedReply[];
  readonly large?: readonly ScriptedReply[];
  readonly spec?: Partial<EndpointSpec>;
}

function setUp({ small = [], large = [], spec, ...options }: SetUp) {
  const clock = new SimulatedClock();
  const models = { small: new ScriptedModel(small, { clock }), large: new ScriptedModel(large, { clock }) };
  const catalog = createCatalog([
    ...(small.length === 0 ? [] : [endpoint("small", placed("slm", models.small))]),
    ...(large.length === 0 ? [] : [endpoint("large", placed("llm", models.large))]),
  ]);
  function placed(size: "slm" | "llm", model: ScriptedModel): EndpointSpec {
    return { class: size, location: "on-prem", clearance: everything, model: model.factory, price, ...spec };
  }
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), clock, random: () => 0, ...options });
  return { runtime, clock, ...models };
}

/** Runs to the end, time included. */
async function watch<I>({ runtime, clock }: ReturnType<typeof setUp>, built: Graph<I, unknown>, input: NoInfer<I>) {
  const run = await runtime.start(built, input, { budget: { costUsd: 1 } });
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  const state = { isOver: false };
  const result = run.result
    .then(
      ({ output }) => ({ output, error: undefined }),
      (error: unknown) => ({ output: undefined, error: error as Error & { code: string } }),
    )
    .finally(() => (state.isOver = true));
  await turn();
  while (!state.isOver) await clock.advance(10);
  return { run, events, shows: events.flatMap(showOf), ...(await result) };
}

function showOf(event: RunEvent): [step: string, attempt: number, shown: unknown][] {
  if (event.type === "token") return [[event.step, event.attempt, event.text]];
  return event.type === "partial" ? [[event.step, event.attempt, event.value]] : [];
}

function positions(events: readonly RunEvent[], ...types: RunEvent["type"][]): string[] {
  return events.filter(({ type }) => types.includes(type)).map(({ type }) => type);
}

describe("tokens", () => {
  it("come as the model writes them, between the start and the end of their attempt", async () => {
    const { events, output } = await watch(setUp({ small: [{ chunks: ["Good", " day"] }] }), shown(), "hello");
    expect(output).toBe("Good day");
    expect(events.flatMap(showOf)).toEqual([
      ["reply", 1, "Good"],
      ["reply", 1, " day"],
    ]);
    expect(positions(events, "attempt-start", "token", "attempt-end", "step-end")).toEqual([
      "attempt-start",
      "token",
      "token",
      "attempt-end",
      "step-end",
    ]);
    expect(events.filter(({ type }) => type === "token").every((event) => Object.isFrozen(event))).toBe(true);
  });

  it("come only from steps that declare it", async () => {
    const lab = setUp({ small: [{ chunks: ["Good", " day"] }] });
    const { shows } = await watch(lab, shown({ stream: undefined }), "hello");
    expect(shows).toEqual([]);
    expect(lab.small.calls.map(({ streamed }) => streamed)).toEqual([false]);
  });

  it("carry the path of their step, in every graph inside the run", async () => {
    const g = graph("list", { input: z.array(z.string()) });
    const built = g.output(g.map("items", { over: g.input, each: shown(), concurrency: 1 }));
    const { shows } = await watch(setUp({ small: [{ chunks: ["a", "b"] }, { text: "c" }] }), built, ["x", "y"]);
    expect(shows).toEqual([
      ["items[0]/reply", 1, "a"],
      ["items[0]/reply", 1, "b"],
      ["items[1]/reply", 1, "c"],
    ]);
  });

  it("of a weak draft that was shown early are void by the end of its attempt, and the next starts anew", async () => {
    const validate = (answer: string): boolean => answer !== "no idea";
    const lab = setUp({ small: [{ chunks: ["no", " idea"] }], large: [{ chunks: ["forty", "-two"] }] });
    const { events, shows, output } = await watch(lab, shown({ validate }), "hello");
    expect(output).toBe("forty-two");
    expect(shows).toEqual([
      ["reply", 1, "no"],
      ["reply", 1, " idea"],
      ["reply", 2, "forty"],
      ["reply", 2, "-two"],
    ]);
    const ends = events.flatMap((event) => (event.type === "attempt-end" ? [[event.attempt, event.outcome]] : []));
    expect(ends).toEqual([
      [1, "rejected"],
      [2, "accepted"],
    ]);
  });

  it("are one piece where the client cannot stream", async () => {
    const model = {
      invoke: () => Promise.resolve({ content: "all at once", response_metadata: { finish_reason: "stop" } }),
    };
    const lab = setUp({ small: [{ text: "unused" }], spec: { model: () => model } });
    expect((await watch(lab, shown(), "hello")).shows).toEqual([["reply", 1, "all at once"]]);
  });

  it("do not come from an answer that was kept", async () => {
    const lab = setUp({ small: [{ chunks: ["Good", " day"] }] });
    const kept = shown({ memo: true });
    await watch(lab, kept, "hello");
    const { shows, output, events } = await watch(lab, kept, "hello");
    expect([shows, output]).toEqual([[], "Good day"]);
    expect(positions(events, "step-cached")).toHaveLength(1);
  });
});

describe("partial answers", () => {
  const chunks = ['{"total": 4', '2, "note": "half', " of it", " and the", " rest of", ' it"}'];

  it("grow, and the last of an accepted attempt is the value", async () => {
    const { shows, output } = await watch(setUp({ small: [{ chunks }] }), shown({ output: total }), "hello");
    expect(output).toEqual({ total: 42, note: "half of it and the rest of it" });
    expect(shows).toEqual([
      ["reply", 1, { total: 4 }],
      ["reply", 1, { total: 42, note: "half" }],
      ["reply", 1, { total: 42, note: "half of it and the" }],
      ["reply", 1, { total: 42, note: "half of it and the rest of" }],
      ["reply", 1, { total: 42, note: "half of it and the rest of it" }],
    ]);
  });

  it("come out of the wrapping that other values than objects travel in, and out of a fence", async () => {
    const pieces = ["```json\n", '{"value": ["one",', ' "two"]', "}\n", "```"];
    const list = shown({ output: z.array(z.string()) });
    const { shows, output } = await watch(setUp({ small: [{ chunks: pieces }] }), list, "hello");
    expect(output).toEqual(["one", "two"]);
    expect(shows.map(([, , value]) => value)).toEqual([["one"], ["one", "two"]]);
  });

  it("are frozen, and have no prototype that the model wrote", async () => {
    const evil = ['{"total": 1, "__proto__": {"admin": true}, "note": "', "abcdefghij", 'klmnopqrstuvwxyz"}'];
    const { shows } = await watch(setUp({ small: [{ chunks: evil }] }), shown({ output: total }), "hello");
    expect(shows.length).toBeGreaterThan(1);
    for (const [, , value] of shows) {
      expect(Object.isFrozen(value)).toBe(true);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.keys(value ?? {})).not.toContain("__proto__");
      expect((value as { admin?: boolean }).admin).toBeUndefined();
    }
  });

  it("leave the step's own value as it is", async () => {
    const { output } = await watch(setUp({ small: [{ chunks }] }), shown({ output: total }), "hello");
    expect(Object.isFrozen(output)).toBe(false);
  });

  it("are read a number of times that grows with the logarithm of the answer", async () => {
    const letters = Array.from({ length: 20_000 }, () => "x");
    const lab = setUp({ small: [{ chunks: ['{"total": 1, "note": "', ...letters, '"}'] }] });
    const wide = shown({ output: total, maxOutputTokens: 30_000 });
    const { shows } = await watch(lab, wide, "hello");
    expect(shows.length).toBeGreaterThan(20);
    expect(shows.length).toBeLessThan(100);
  });
});

describe("an answer that is checked and delicate", () => {
  const checked = { output: total, label: personal };
  const good = '{"total": 42, "note": "fine"}';

  it("is shown when it was accepted, and not before", async () => {
    const small = [{ chunks: ['{"total": 42, ', '"note": "fine"', "}"], everyMs: 1_000 }];
    const lab = setUp({ small });
    const run = await lab.runtime.start(shown(checked), "hello");
    const shows: unknown[] = [];
    run.on("partial", ({ value }) => void shows.push(value));
    await lab.clock.advance(1_999);
    expect(shows).toEqual([]);
    await lab.clock.advance(1);
    expect(shows).toEqual([{ total: 42, note: "fine" }]);
    await run.result;
  });

  it("is shown without what its schema does not declare", async () => {
    const lab = setUp({ small: [{ text: `{"total": 42, "note": "fine", "extra": "${canary}"}` }] });
    expect((await watch(lab, shown(checked), "hello")).shows).toEqual([["reply", 1, { total: 42, note: "fine" }]]);
  });

  it.each<[string, ScriptedReply]>([
    ["does not fit its schema", { chunks: ['{"total": 1, "note"', `: ["${canary}"]}`] }],
    ["is cut at its limit", { chunks: ['{"total": 1, ', `"note": "${canary}`], finishReason: "length" }],
    ["breaks off", { chunks: ['{"total": 1, ', `"note": "${canary}`], error: new TypeError("terminated") }],
    ["falls silent", { chunks: ['{"total": 1, ', `"note": "${canary}`], hangs: true }],
  ])("is never shown when it %s", async (_what, draft) => {
    const lab = setUp({ small: [draft], large: [{ text: good }], retry: { maxAttempts: 1 } });
    const { events, shows, output } = await watch(lab, shown(checked), "hello");
    expect(output).toEqual({ total: 42, note: "fine" });
    expect(shows).toEqual([["reply", 2, { total: 42, note: "fine" }]]);
    expect(JSON.stringify(events)).not.toContain(canary);
  });

  it.each<[string, Change, Privacy | LabelSpec]>([
    ["validate, on customer data", { validate: () => false }, "customer"],
    ["validate, on data with a compartment", { validate: () => false }, { level: "public", compartments: ["pii"] }],
    ["holdUntilChecked, on public data", { validate: () => false, stream: { holdUntilChecked: true } }, "public"],
  ])("is held for %s", async (_what, change, label) => {
    const lab = setUp({ small: [{ chunks: [canary, " and more"] }] });
    const { shows, error } = await watch(lab, shown({ ...change, label }), "hello");
    expect([shows, error?.code]).toEqual([[], "OUTPUT_INVALID"]);
  });

  it.each<[string, Change]>([
    ["a schema on internal data", { output: total, label: "internal" }],
    ["validate on public data", { output: total, validate: () => true }],
    ["text without a check", { label: personal }],
  ])("is not held for %s", async (_what, change) => {
    const lab = setUp({ small: [{ chunks: ['{"total": 42, ', '"note": "fine"}'] }] });
    expect((await watch(lab, shown(change), "hello")).shows.length).toBe(2);
  });

  it("is shown in one token where it is text", async () => {
    const lab = setUp({ small: [{ chunks: ["Good", " day"] }] });
    const held = shown({ stream: { holdUntilChecked: true } });
    expect((await watch(lab, held, "hello")).shows).toEqual([["reply", 1, "Good day"]]);
  });
});

describe("a tool loop", () => {
  const look = {
    name: "look",
    description: "Looks it up.",
    schema: z.object({ q: z.string() }),
    invoke: () => "found",
  };
  const call = { name: "look", args: { q: "x" } };

  function loop(change: object, label: Privacy | LabelSpec = "public"): Graph<string, unknown> {
    const g = graph("desk", { input: z.string(), label });
    const tools = [{ tool: look, effect: "read" as const, accepts: everything, returns: label }];
    const spec = {
      needs: { question: g.input },
      output: z.string(),
      prompt: () => "look",
      tools,
      stream: true as const,
    };
    return g.output(g.agent("work", { ...spec, ...change }));
  }
  const turns: ScriptedReply[] = [{ chunks: ["Let me", " see."], toolCalls: [call] }, { chunks: ["It is", " found."] }];

  it("shows what the model says in each turn", async () => {
    const { shows, events } = await watch(setUp({ large: turns }), loop({}), "hello");
    expect(shows).toEqual([
      ["work", 1, "Let me"],
      ["work", 1, " see."],
      ["work", 2, "It is"],
      ["work", 2, " found."],
    ]);
    expect(positions(events, "token", "tool-start", "tool-end")).toEqual([
      ...["token", "token"],
      ...["tool-start", "tool-end"],
      ...["token", "token"],
    ]);
  });

  it("that is held shows its answer alone", async () => {
    const { shows } = await watch(setUp({ large: turns }), loop({ stream: { holdUntilChecked: true } }), "hello");
    expect(shows).toEqual([["work", 2, "It is found."]]);
  });

  it("with a schema shows its answer, and no prose", async () => {
    const large = [
      { chunks: ["true", " to my", " word"], toolCalls: [call] },
      { chunks: ['{"total": 42, ', '"note": "fine"}'] },
    ];
    const { shows } = await watch(setUp({ large }), loop({ output: total }), "hello");
    expect(shows).toEqual([
      ["work", 2, { total: 42 }],
      ["work", 2, { total: 42, note: "fine" }],
    ]);
  });
});

describe("a reader that lags behind", () => {
  const pieces = 5_000;

  /** A model that counts how many of its pieces were taken. */
  function counting() {
    const taken = { count: 0 };
    async function* stream() {
      for (; taken.count < pieces; taken.count += 1) {
        yield { content: "x" };
        await Promise.resolve();
      }
      yield { content: "", response_metadata: { finish_reason: "stop" } };
    }
    const model = { invoke: () => Promise.reject(new Error("not streamed")), stream };
    return { taken, lab: setUp({ small: [{ text: "unused" }], spec: { model: () => model } }) };
  }
  const long = { maxOutputTokens: 8_192, timeoutMs: 1_000 };

  it("holds the server up, not this process's memory", async () => {
    const { taken, lab } = counting();
    const run = await lab.runtime.start(shown(long), "hello");
    const events = run[Symbol.asyncIterator]();
    for (let count = 0; count < 1_000; count += 1) await turn();
    expect(taken.count).toBeGreaterThan(100);
    expect(taken.count).toBeLessThan(300);
    const early = taken.count;
    for (let count = 0; count < 50; count += 1) await events.next();
    for (let count = 0; count < 1_000; count += 1) await turn();
    expect(taken.count - early).toBeGreaterThan(40);
    expect(taken.count - early).toBeLessThan(60);
    await events.return?.();
    expect((await run.result).output).toHaveLength(pieces);
  });

  it("makes neither the request late nor its endpoint slow", async () => {
    const { taken, lab } = counting();
    const run = await lab.runtime.start(shown(long), "hello");
    const events = run[Symbol.asyncIterator]();
    for (let count = 0; count < 1_000; count += 1) await turn();
    await lab.clock.advance(120_000);
    expect(taken.count).toBeLessThan(300);
    const seen: RunEvent[] = [];
    for (let next = await events.next(); next.done !== true; next = await events.next()) seen.push(next.value);
    expect((await run.result).ledger).toMatchObject({ attempts: 1 });
    expect(seen.filter(({ type }) => type === "token")).toHaveLength(pieces);
    expect(lab.runtime.endpoints()[0]).toMatchObject({ measured: { p95Ms: 0 } });
    expect(lab.clock.pending).toBe(0);
  });

  it("does not keep a run alive that is cancelled", async () => {
    const { taken, lab } = counting();
    const run = await lab.runtime.start(shown(long), "hello");
    const events = run[Symbol.asyncIterator]();
    const ended = run.result.catch((error: unknown) => (error as { code: string }).code);
    for (let count = 0; count < 1_000; count += 1) await turn();
    run.cancel();
    expect(await ended).toBe("RUN_CANCELLED");
    expect(taken.count).toBeLessThan(300);
    await events.return?.();
  });

  it("is not waited for past the deadline of the run", async () => {
    const { lab } = counting();
    const run = await lab.runtime.start(shown(long), "hello", { budget: { durationMs: 5_000 } });
    const events = run[Symbol.asyncIterator]();
    const ended = run.result.catch((error: unknown) => (error as { code: string }).code);
    for (let count = 0; count < 1_000; count += 1) await turn();
    await lab.clock.advance(5_000);
    expect(await ended).toBe("DEADLINE_EXCEEDED");
    expect(lab.clock.pending).toBe(0);
    await events.return?.();
  });

  it("holds up several streams at once, and lets all of them go", async () => {
    const chunks = Array.from({ length: 400 }, () => "x");
    const g = graph("list", { input: z.array(z.string()) });
    const built = g.output(g.map("items", { over: g.input, each: shown(), concurrency: 4 }));
    const lab = setUp({ small: Array.from({ length: 4 }, () => ({ chunks })) });
    const run = await lab.runtime.start(built, ["a", "b", "c", "d"]);
    let tokens = 0;
    for await (const event of run) if (event.type === "token") tokens += 1;
    expect(tokens).toBe(1_600);
    expect((await run.result).output).toHaveLength(4);
  });
});

describe("a stream that ends early", () => {
  function traced() {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const chats = () => exporter.getFinishedSpans().filter(({ name }) => name.startsWith("chat"));
    return { telemetry: { tracerProvider }, exporter, chats };
  }

  it("by a cancelled run ends its span, is charged its worst case, and shows nothing more", async () => {
    const { telemetry, chats } = traced();
    const lab = setUp({ small: [{ chunks: ["one", "two", "three"], everyMs: 1_000 }], telemetry });
    const run = await lab.runtime.start(shown(), "hello", { budget: { costUsd: 1 } });
    const events: RunEvent[] = [];
    run.on("*", (event) => void events.push(event));
    const ended = run.result.catch((error: unknown) => (error as { code: string }).code);
    await lab.clock.advance(1_500);
    run.cancel();
    expect(await ended).toBe("RUN_CANCELLED");
    await lab.clock.advance(10_000);
    expect(events.flatMap(showOf).map(([, , text]) => text)).toEqual(["one", "two"]);
    expect(events.at(-1)?.type).toBe("run-end");
    expect(chats().map(({ attributes }) => attributes["error.type"])).toEqual(["cancelled"]);
    const charged = events.find((event) => event.type === "attempt-error");
    expect(charged).toMatchObject({ errorType: "cancelled", usageSource: "estimated", outputTokens: 1_024 });
    expect(run.ledger()).toMatchObject({ reservedUsd: 0, attempts: 1, complete: false });
    expect(run.ledger().costUsd).toBeCloseTo(charged?.costUsd ?? 0, 12);
    expect(lab.clock.pending).toBe(0);
  });

  it("by a cancelled run shows nothing of an answer that comes all the same", async () => {
    const answer = Promise.withResolvers<unknown>();
    const lab = setUp({ small: [{ text: "unused" }], spec: { model: () => ({ invoke: () => answer.promise }) } });
    const run = await lab.runtime.start(shown(), "hello");
    const events: RunEvent[] = [];
    run.on("*", (event) => void events.push(event));
    const ended = run.result.catch((error: unknown) => (error as { code: string }).code);
    await lab.clock.advance(10);
    run.cancel();
    expect(await ended).toBe("RUN_CANCELLED");
    answer.resolve({ content: canary, response_metadata: { finish_reason: "stop" } });
    await lab.clock.advance(10);
    expect(events.at(-1)?.type).toBe("run-end");
    expect(JSON.stringify(events)).not.toContain(canary);
  });

  it("by its idle time is made again, under its own number", async () => {
    const small: ScriptedReply[] = [{ chunks: ["Go"], hangs: true }, { chunks: ["Good", " day"] }];
    const lab = setUp({ small, retry: { initialDelayMs: 1, maxDelayMs: 1 } });
    const { events, shows, output } = await watch(lab, shown({ stream: { idleTimeoutMs: 500 } }), "hello");
    expect(output).toBe("Good day");
    expect(shows).toEqual([
      ["reply", 1, "Go"],
      ["reply", 2, "Good"],
      ["reply", 2, " day"],
    ]);
    const failure = events.find((event) => event.type === "attempt-error");
    expect(failure).toMatchObject({ attempt: 1, errorType: "timeout", durationMs: 500, usageSource: "estimated" });
  });

  it("before its first piece is late by the step's own time, not by its idle time", async () => {
    const lab = setUp({ small: [{ hangs: true }], retry: { maxAttempts: 1 } });
    const late = shown({ timeoutMs: 4_000, stream: { idleTimeoutMs: 500 } });
    const { events, error } = await watch(lab, late, "hello");
    expect(error).toMatchObject({
      code: "ATTEMPT_TIMEOUT",
      message: expect.stringContaining("within 4000 ms") as string,
    });
    expect(events.find((event) => event.type === "attempt-error")).toMatchObject({ durationMs: 4_000 });
  });

  it("is bounded in all by the step's own time, however often a piece comes", async () => {
    const chunks = Array.from({ length: 100 }, () => "x");
    const lab = setUp({ small: [{ chunks, everyMs: 100 }], retry: { maxAttempts: 1 } });
    const { error } = await watch(lab, shown({ timeoutMs: 2_000 }), "hello");
    expect(error).toMatchObject({ code: "ATTEMPT_TIMEOUT" });
  });

  it("is on the books like any other: what was reported, or the worst case", async () => {
    const usage = { inputTokens: 10, outputTokens: 4 };
    const small: ScriptedReply[] = [
      { chunks: ["Go"], error: new TypeError("terminated") },
      { text: "Good day", usage },
    ];
    const { run, events } = await watch(setUp({ small }), shown(), "hello");
    const costs = events.flatMap((event) =>
      event.type === "attempt-end" || event.type === "attempt-error" ? [[event.usageSource, event.costUsd]] : [],
    );
    const worst = Number(costs[0]?.[1]);
    expect(costs).toEqual([
      ["estimated", worst],
      ["provider", (10 * 1 + 4 * 2) / 1e6],
    ]);
    expect(worst).toBeGreaterThan(1_024 * 2e-6);
    expect(run.ledger()).toMatchObject({ attempts: 2, reservedUsd: 0, complete: false });
    expect(run.ledger().costUsd).toBeCloseTo(worst + 18e-6, 12);
  });
});

describe("what is kept of a run", () => {
  it("holds nothing that was shown: no audit entry, span, ledger or decision", async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const lab = setUp({ small: [{ chunks: [canary, canary] }], telemetry: { tracerProvider } });
    const { events, run } = await watch(lab, shown(), "hello");
    expect(JSON.stringify(events)).toContain(canary);
    const { ledger, decisions } = await run.result;
    const spans = exporter
      .getFinishedSpans()
      .map(({ name, attributes, events: own, status }) => ({ name, attributes, own, status }));
    expect(spans.length).toBeGreaterThan(2);
    expect(JSON.stringify([events.map(auditEntry), spans, ledger, decisions])).not.toContain(canary);
  });

  it("says of a streamed request that it was one, and when its first piece came", async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const telemetry = { tracerProvider };
    async function* stream() {
      await turn();
      await new Promise<void>((resolve) => lab.clock.setTimer(250, resolve));
      yield { content: "late", response_metadata: { finish_reason: "stop" } };
    }
    const model = { invoke: () => Promise.resolve({ content: "whole" }), stream };
    const lab = setUp({ small: [{ text: "unused" }], spec: { model: () => model }, telemetry });
    await watch(lab, shown(), "hello");
    await watch(lab, shown({ stream: undefined }), "hello");
    const chats = exporter.getFinishedSpans().filter(({ name }) => name.startsWith("chat"));
    const names = ["gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"];
    expect(chats.map(({ attributes }) => names.map((name) => attributes[name]))).toEqual([
      [true, 0.25],
      [false, undefined],
    ]);
  });
});

describe("a caller who is not cleared", () => {
  it("is shown nothing and nothing is asked, even when the graph's own check is got round", async () => {
    const built = shown({ label: personal });
    const forged = {
      ...built,
      definition: { ...built.definition, callerClearance: { level: "public", compartments: [] } as const },
    };
    const lab = setUp({ small: [{ chunks: [canary] }] });
    const { error, shows } = await watch(lab, forged, "hello");
    expect(error).toMatchObject({
      code: "PRIVACY_FLOW_DENIED",
      message: expect.stringContaining('step "reply" -> the run\'s caller (stream)') as string,
    });
    expect([shows, lab.small.calls]).toEqual([[], []]);
  });

  it("is that of the run, not that of the graph inside it", async () => {
    const inner = shown({ label: personal });
    const g = graph("outer", { input: z.string(), label: personal });
    const built = g.output(g.subgraph("inside", { graph: inner, input: g.input }));
    const forged = {
      ...built,
      definition: { ...built.definition, callerClearance: { level: "public", compartments: [] } as const },
    };
    const lab = setUp({ small: [{ chunks: [canary] }] });
    const { error, shows } = await watch(lab, forged, "hello");
    expect([error?.code, shows, lab.small.calls]).toEqual(["PRIVACY_FLOW_DENIED", [], []]);
  });
});
