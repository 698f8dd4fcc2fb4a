import { context as contextApi, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { AlwaysOffSampler, SimpleSpanProcessor, TracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, ProviderError } from "../src/index.ts";
import type { Endpoint, EndpointSpec, Graph, RunOptions, RuntimeOptions } from "../src/index.ts";
import { costBucket } from "../src/telemetry/cost-bucket.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../src/testing/index.ts";
import { Recorder } from "./support/span-recorder.ts";

const canary = "CANARY-4711";
const usage = { inputTokens: 100, outputTokens: 10 };
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1, version: "page 2026-11-01" };
const callUsd = 110e-6;

function place(name: string, script: ConstructorParameters<typeof ScriptedModel>[0], spec: Partial<EndpointSpec> = {}) {
  const model = new ScriptedModel(script, { model: `${name}-model` });
  return endpoint(name, { class: "slm", location: "on-prem", price, model: model.factory, ...spec });
}

function runtimeWith(recorder: Recorder, endpoints: readonly Endpoint[], options: Partial<RuntimeOptions> = {}) {
  const telemetry = { tracerProvider: recorder.provider };
  return createRuntime({
    catalog: createCatalog(endpoints),
    policy: defaultPolicy(),
    retry: { maxAttempts: 1 },
    telemetry,
    ...options,
  });
}

const say = (text: string, more: ScriptedReply = {}): ScriptedReply => ({ text, usage, ...more });
const input = { text: canary };

/** Code, a cascade, a skipped branch and a tool loop. */
function deskGraph() {
  const g = graph("desk", { input: z.object({ text: z.string() }), version: "7" });
  const prepared = g.code("prepare", { needs: { input: g.input }, run: ({ input: { text } }) => text });
  const answer = g.model("answer", {
    needs: { prepared },
    complexity: "generation",
    output: z.object({ total: z.number() }),
    system: `system ${canary}`,
    prompt: ({ prepared: text }) => `prompt ${text}`,
  });
  const never = g.model("never", {
    needs: { prepared },
    complexity: "generation",
    output: z.string(),
    prompt: () => "p",
    when: () => false,
  });
  const tool = {
    name: "look",
    description: canary,
    schema: z.object({ q: z.string() }),
    invoke: () => `result ${canary}`,
  };
  const work = g.agent("work", {
    needs: { answer },
    output: z.string(),
    prompt: () => `prompt ${canary}`,
    tools: [{ tool, effect: "read" }],
  });
  return g.output({ work, never });
}

/** The small model drafts badly, the large one answers; then the loop plans large and acts small. */
function deskEndpoints(): Endpoint[] {
  return [
    place("small", [say(`{"total":"${canary}"}`), say(`done ${canary}`)], { reasoningTokens: 5 }),
    place("large", [say('{"total":3}'), { toolCalls: [{ name: "look", args: { q: canary } }], usage }], {
      class: "llm",
      location: "cloud",
    }),
  ];
}

describe("the trace of a run", () => {
  async function desk() {
    const recorder = new Recorder();
    const result = await runtimeWith(recorder, deskEndpoints()).run(deskGraph(), input);
    return { recorder, result };
  }

  it("is a tree: the run, its steps, and below them every attempt and tool call", async () => {
    const { recorder, result } = await desk();
    expect(await recorder.tree()).toEqual([
      "invoke_workflow desk",
      "  step prepare",
      "  step answer",
      "    chat small-model",
      "    chat large-model",
      "  step work",
      "    chat large-model",
      "    execute_tool look",
      "    chat small-model",
    ]);
    await recorder.expectWellFormed();
    const root = await recorder.named("invoke_workflow desk");
    expect(result.traceId).toBe(root.spanContext().traceId);
    expect(root.kind).toBe(SpanKind.INTERNAL);
    const spans = await recorder.spans();
    expect(spans.filter(({ name }) => name.startsWith("chat")).every(({ kind }) => kind === SpanKind.CLIENT)).toBe(
      true,
    );
    expect(
      spans.filter(({ name }) => /^(step|execute_tool)/.test(name)).every(({ kind }) => kind === SpanKind.INTERNAL),
    ).toBe(true);
  });

  it("gives samplers the identity of every span when it is created", async () => {
    const { recorder, result } = await desk();
    const own = { "tierwise.run.id": result.runId };
    expect(recorder.created.get("invoke_workflow desk")).toMatchObject({
      ...own,
      "gen_ai.operation.name": "invoke_workflow",
      "gen_ai.agent.name": "desk",
      "tierwise.graph.version": expect.stringMatching(/^7\+[0-9a-f]{8}$/) as string,
      "tierwise.run.segment": 1,
    });
    expect(recorder.created.get("step answer")).toMatchObject({
      ...own,
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "answer",
      "tierwise.step.name": "answer",
      "tierwise.step.kind": "model",
      "tierwise.step.index": 1,
      "tierwise.complexity.tier": "generation",
      "tierwise.privacy.tier": "public",
      "tierwise.privacy.label": "public{} untrusted",
    });
    expect(recorder.created.get("chat small-model")).toMatchObject({
      ...own,
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "scripted",
      "gen_ai.request.model": "small-model",
      "tierwise.step.name": "work",
      "tierwise.model.endpoint": "small",
      "tierwise.model.class": "slm",
      "tierwise.model.location": "on-prem",
      "tierwise.attempt.number": 2,
      "tierwise.attempt.kind": "turn",
    });
    expect(recorder.created.get("execute_tool look")).toMatchObject({
      ...own,
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "look",
      "tierwise.step.name": "work",
      "tierwise.tool.effect": "read",
    });
    expect(Object.keys(recorder.created.get("step prepare") ?? {}).filter((key) => key.startsWith("gen_ai"))).toEqual(
      [],
    );
  });

  it("has usage and the requested model on chat spans only, and there on every one", async () => {
    const { recorder } = await desk();
    for (const { name, attributes } of await recorder.spans()) {
      const counted = Object.keys(attributes).filter((key) => /^gen_ai\.(usage\.|request\.)/.test(key));
      if (!name.startsWith("chat")) expect(counted, name).toEqual([]);
      else
        expect(attributes).toMatchObject({
          "gen_ai.usage.input_tokens": 100,
          "gen_ai.usage.output_tokens": 10,
          "gen_ai.request.max_tokens": expect.any(Number) as number,
          "tierwise.usage.source": "provider",
          "tierwise.cost.source": "price",
          "tierwise.cost.price_version": "page 2026-11-01",
        });
    }
  });

  it("adds up: chats, steps, run and ledger agree on money and tokens", async () => {
    const { recorder, result } = await desk();
    const spans = await recorder.spans();
    const sum = (prefix: string, key: string): number =>
      spans
        .filter(({ name }) => name.startsWith(prefix))
        .reduce((total, { attributes }) => total + Number(attributes[key] ?? 0), 0);
    const root = (await recorder.named("invoke_workflow desk")).attributes;
    expect(sum("chat", "tierwise.cost.usd")).toBeCloseTo(4 * callUsd, 12);
    expect(sum("step", "tierwise.step.cost_usd")).toBeCloseTo(4 * callUsd, 12);
    expect(root["tierwise.cost.usd"]).toBe(result.ledger.costUsd);
    expect(result.ledger.costUsd).toBeCloseTo(4 * callUsd, 12);
    expect(sum("chat", "gen_ai.usage.input_tokens")).toBe(root["tierwise.tokens.input"]);
    expect(sum("chat", "gen_ai.usage.output_tokens")).toBe(root["tierwise.tokens.output"]);
    expect(sum("step", "tierwise.step.tokens.input")).toBe(root["tierwise.tokens.input"]);
  });

  it("tells the whole run on its root, and each step's path on the step", async () => {
    const { recorder, result } = await desk();
    expect((await recorder.named("invoke_workflow desk")).attributes).toMatchObject({
      "tierwise.run.outcome": "completed",
      "tierwise.run.escalated": true,
      "tierwise.escalations": 1,
      "tierwise.llm.calls": 4,
      "tierwise.tool.calls": 1,
      "tierwise.steps.executed": 3,
      "tierwise.steps.skipped": 1,
      "tierwise.steps.failed": 0,
      "tierwise.cost.currency": "USD",
      "tierwise.cost.complete": true,
      "tierwise.cost.bucket": "lt_0.001",
      "tierwise.cost.baseline_usd": result.ledger.baselineUsd,
      "tierwise.cost.saved_usd": -callUsd,
      "tierwise.steps.cached": 0,
      "tierwise.retries": 0,
    });
    const report: unknown = JSON.parse(
      String((await recorder.named("invoke_workflow desk")).attributes["tierwise.report"]),
    );
    expect(report).toMatchObject({ answer: { tier: "generation", model: "small, large", attempts: 2 } });
    expect(result.ledger.savedUsd).toBe(-callUsd);
    expect((await recorder.named("step answer")).attributes).toMatchObject({
      "tierwise.step.outcome": "completed",
      "tierwise.step.attempts": 2,
      "tierwise.step.escalated": true,
      "tierwise.step.escalation_path": ["small", "large"],
      "tierwise.policy.class": "hybrid",
      "tierwise.policy.model": "small",
    });
  });

  it("explains each decision as an event of the step, and a skipped step as one of the run", async () => {
    const { recorder } = await desk();
    const decided = (await recorder.named("step answer")).events;
    expect(decided.map(({ name }) => name)).toEqual(["tierwise.policy.decision"]);
    expect(decided[0]?.attributes).toMatchObject({
      "tierwise.policy.rule": "tier-ladder",
      "tierwise.policy.version": `default@${defaultPolicy().version}`,
      "tierwise.policy.reason": "generation on public{}: small (slm, on-prem), then large (llm, cloud)",
    });
    const skipped = (await recorder.named("invoke_workflow desk")).events;
    expect(skipped.map(({ name, attributes }) => [name, attributes])).toEqual([
      ["tierwise.step.skipped", { "tierwise.step.name": "never" }],
    ]);
  });

  it("leaves a rejected draft's status unset, with its reason, and counts its cost", async () => {
    const { recorder } = await desk();
    const spans = await recorder.spans();
    const draft = spans.find(({ attributes }) => attributes["tierwise.attempt.outcome"] === "rejected")!;
    expect(draft.status.code).toBe(SpanStatusCode.UNSET);
    expect(draft.attributes).toMatchObject({
      "tierwise.attempt.reject_reason": "schema_invalid",
      "tierwise.confidence.kind": "validator",
      "tierwise.confidence.raw": 0,
      "tierwise.confidence.threshold": 0.85,
    });
    expect(draft.attributes["tierwise.cost.usd"]).toBeCloseTo(callUsd, 12);
    expect(draft.attributes).not.toHaveProperty("error.type");
    expect(spans.every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
  });

  it("holds no prompt, input, output, argument or result", async () => {
    const { recorder } = await desk();
    const text = JSON.stringify(
      (await recorder.spans()).map(({ name, attributes, events, status, links }) => ({
        name,
        attributes,
        events,
        status,
        links,
      })),
    );
    expect(text).toContain("schema_invalid");
    expect(text).not.toContain(canary);
  });

  it("shows an in-process classifier as internal work with a probability, at no cost", async () => {
    const recorder = new Recorder();
    const answer = { label: "a", rawProbability: 0.9, probability: 0.95 };
    const model = {
      kind: "classifier" as const,
      name: "intents",
      version: "3",
      labels: ["a", "b"],
      classify: () => answer,
    };
    const g = graph("triage", { input: z.object({ text: z.string() }) });
    const triage = g.classify("triage", { needs: { input: g.input }, labels: ["a", "b"], text: () => canary });
    const endpoints = [endpoint("intents", { class: "slm", location: "in-process", model })];
    await runtimeWith(recorder, endpoints).run(g.output(triage), input);
    const chat = await recorder.named("chat intents@3");
    expect(chat.kind).toBe(SpanKind.INTERNAL);
    expect(chat.attributes).toMatchObject({
      "tierwise.confidence.kind": "probability",
      "tierwise.confidence.raw": 0.9,
      "tierwise.confidence.calibrated": 0.95,
      "tierwise.cost.usd": 0,
      "tierwise.usage.source": "estimated",
    });
  });

  it("says unpriced, not 0, for an endpoint without a price", async () => {
    const recorder = new Recorder();
    const model = new ScriptedModel([say("hi")], { model: "free-model" });
    const free = endpoint("free", { class: "slm", location: "edge", model: model.factory });
    await runtimeWith(recorder, [free]).run(textGraph(), input);
    const chat = (await recorder.named("chat free-model")).attributes;
    expect(chat["tierwise.cost.source"]).toBe("unpriced");
    expect(chat).not.toHaveProperty("tierwise.cost.usd");
    expect((await recorder.named("invoke_workflow text")).attributes["tierwise.cost.complete"]).toBe(false);
  });

  it("holds a report that is JSON of at most 8 KiB however many steps there are", async () => {
    const recorder = new Recorder();
    const g = graph("wide", { input: z.object({ text: z.string() }) });
    const steps = Array.from({ length: 200 }, (_item, index) =>
      g.model(`step-with-a-rather-long-name-${index}`, {
        needs: {},
        complexity: "generation",
        output: z.string(),
        prompt: () => "p",
      }),
    );
    const outputs = Object.fromEntries(steps.map((step) => [step.id, step]));
    await runtimeWith(recorder, [place("small", () => say("hi"))]).run(g.output(outputs), input);
    const report = String((await recorder.named("invoke_workflow wide")).attributes["tierwise.report"]);
    expect(Buffer.byteLength(report)).toBeLessThanOrEqual(8 * 1024);
    expect(Object.keys(JSON.parse(report) as object).length).toBeGreaterThan(50);
  });
});

function textGraph(validate?: () => boolean) {
  const g = graph("text", { input: z.object({ text: z.string() }) });
  return g.output(
    g.model("answer", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ input: { text } }) => text,
      timeoutMs: 500,
      ...(validate && { validate }),
    }),
  );
}

function codeGraph(run: () => unknown) {
  const g = graph("code", { input: z.object({ text: z.string() }) });
  return g.output(g.code("answer", { needs: {}, run, timeoutMs: 500 }));
}

function agentGraph(invoke: () => unknown, more: { pin?: () => unknown; schema?: unknown; maxTurns?: number } = {}) {
  const g = graph("agent", { input: z.object({ text: z.string() }) });
  const tool = { name: "look", schema: more.schema ?? z.object({ q: z.string().optional() }), invoke };
  const pin = more.pin === undefined ? {} : { pin: { q: more.pin } };
  const tools = [{ tool, effect: "read" as const, ...pin }];
  return g.output(
    g.agent("answer", {
      needs: {},
      output: z.string(),
      prompt: () => "p",
      tools,
      timeoutMs: 500,
      maxTurns: more.maxTurns ?? 8,
    }),
  );
}

const looks: ScriptedReply = { toolCalls: [{ name: "look", args: {} }], usage };
const never = (): Promise<never> => new Promise(() => undefined);
const boom = (): never => {
  throw new Error(`boom ${canary}`);
};

interface Way {
  readonly started: Graph<{ text: string }, unknown>;
  readonly script?: ConstructorParameters<typeof ScriptedModel>[0];
  readonly options?: RunOptions;
  /** Milliseconds after which the run is cancelled. */
  readonly cancelAtMs?: number;
  readonly outcome: string;
  /** `error.type` of the run, the step and its last child; `undefined` where the status must be unset. */
  readonly errors: readonly [run: string | undefined, step: string | undefined, child?: string];
}

const providerDown = new ProviderError("down", { retryable: true, errorType: "503", status: 503 });

describe("every span ends, with an error only where the operation failed", () => {
  const ways: [string, Way][] = [
    ["on return", { started: textGraph(), script: [say("hi")], outcome: "completed", errors: [undefined, undefined] }],
    [
      "when the provider fails",
      { started: textGraph(), script: [{ error: providerDown }], outcome: "failed", errors: ["503", "503", "503"] },
    ],
    [
      "when no answer is acceptable",
      {
        started: textGraph(() => false),
        script: [say("hi")],
        outcome: "failed",
        errors: ["schema_invalid", "schema_invalid"],
      },
    ],
    [
      "when the author's validate throws",
      {
        started: textGraph(boom),
        script: [say("hi")],
        outcome: "failed",
        errors: ["StepFailedError", "StepFailedError", "_OTHER"],
      },
    ],
    [
      "when an attempt times out",
      { started: textGraph(), script: [{ hangs: true }], outcome: "failed", errors: ["timeout", "timeout", "timeout"] },
    ],
    [
      "when the run is cancelled during a model call",
      {
        started: textGraph(),
        script: [{ hangs: true }],
        cancelAtMs: 100,
        outcome: "cancelled",
        errors: ["cancelled", undefined, "cancelled"],
      },
    ],
    [
      "when the deadline passes during a model call",
      {
        started: textGraph(),
        script: [{ hangs: true }],
        options: { budget: { durationMs: 100 } },
        outcome: "failed",
        errors: ["timeout", undefined, "cancelled"],
      },
    ],
    [
      "when the budget refuses the call",
      {
        started: textGraph(),
        script: [],
        options: { budget: { costUsd: 1e-6 } },
        outcome: "budget_exceeded",
        errors: ["budget_exceeded", "budget_exceeded"],
      },
    ],
    [
      "when code throws",
      { started: codeGraph(boom), outcome: "failed", errors: ["StepFailedError", "StepFailedError"] },
    ],
    [
      "when code takes too long",
      { started: codeGraph(never), outcome: "failed", errors: ["StepFailedError", "StepFailedError"] },
    ],
    [
      "when the run is cancelled during code",
      { started: codeGraph(never), cancelAtMs: 100, outcome: "cancelled", errors: ["cancelled", undefined] },
    ],
    [
      "when a tool throws and the model goes on",
      { started: agentGraph(boom), script: [looks, say("hi")], outcome: "completed", errors: [undefined, undefined] },
    ],
    [
      "when a tool hangs and the model goes on",
      { started: agentGraph(never), script: [looks, say("hi")], outcome: "completed", errors: [undefined, undefined] },
    ],
    [
      "when the run is cancelled during a tool",
      {
        started: agentGraph(never),
        script: [looks],
        cancelAtMs: 100,
        outcome: "cancelled",
        errors: ["cancelled", undefined, "cancelled"],
      },
    ],
    [
      "when a pin throws",
      {
        started: agentGraph(never, { pin: boom }),
        script: [looks],
        outcome: "failed",
        errors: ["StepFailedError", "StepFailedError"],
      },
    ],
    [
      "when arguments are no plain data",
      {
        started: agentGraph(() => "ok", {
          schema: z.object({
            q: z
              .string()
              .optional()
              .transform(() => 1n),
          }),
        }),
        script: [looks, say("hi")],
        outcome: "completed",
        errors: [undefined, undefined],
      },
    ],
    [
      "when a tool loop reaches its limit",
      {
        started: agentGraph(() => "ok", { maxTurns: 1 }),
        script: [looks],
        outcome: "failed",
        errors: ["StepFailedError", "StepFailedError"],
      },
    ],
  ];

  it.each(ways)("%s", async (_what, { started, script = [], options = {}, cancelAtMs, outcome, errors }) => {
    const recorder = new Recorder();
    const clock = new SimulatedClock();
    const run = await runtimeWith(recorder, [place("small", script)], { clock }).start(started, input, options);
    const ended = run.result.then(
      () => undefined,
      (error: unknown) => error,
    );
    await clock.advance(cancelAtMs ?? 1_000);
    if (cancelAtMs !== undefined) run.cancel(new Error(canary));
    await ended;
    await recorder.expectWellFormed();
    const root = await recorder.named(`invoke_workflow ${started.name}`);
    expect(root.attributes["tierwise.run.outcome"]).toBe(outcome);
    const step = await recorder.named("step answer");
    const children = (await recorder.spans()).filter(({ name }) => /^(chat|execute_tool)/.test(name));
    const found = [root, step, ...(errors.length === 3 ? children.slice(-1) : [])];
    expect(found.map(({ attributes }) => attributes["error.type"])).toEqual(errors);
    for (const { attributes, status, name } of await recorder.spans())
      expect(status.code, name).toBe(
        attributes["error.type"] === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR,
      );
    const text = JSON.stringify(
      (await recorder.spans()).map(({ attributes, events, status }) => [attributes, events, status]),
    );
    expect(text).not.toContain(canary);
    const chats = children.filter(({ name }) => name.startsWith("chat"));
    const costs = chats.reduce((sum, { attributes }) => sum + Number(attributes["tierwise.cost.usd"]), 0);
    expect(costs).toBeCloseTo(run.ledger().costUsd, 12);
    expect(root.attributes["tierwise.cost.usd"]).toBe(run.ledger().costUsd);
    expect(chats.every(({ attributes }) => "gen_ai.usage.input_tokens" in attributes)).toBe(true);
  });

  it("and a call that the budget refused has no chat span at all", async () => {
    const recorder = new Recorder();
    const runtime = runtimeWith(recorder, [place("small", [])]);
    await expect(runtime.run(textGraph(), input, { budget: { costUsd: 1e-6 } })).rejects.toThrow();
    expect(await recorder.tree()).toEqual(["invoke_workflow text", "  step answer"]);
    expect((await recorder.named("invoke_workflow text")).attributes).toMatchObject({
      "tierwise.budget.limit_usd": 1e-6,
      "tierwise.budget.spent_usd": 0,
    });
  });

  it("and a run that is denied says so", async () => {
    const recorder = new Recorder();
    const g = graph("denied", { input: z.object({ text: z.string() }) });
    const tool = { name: "pay", schema: z.object({ to: z.string() }), invoke: () => "paid" };
    const work = g.agent("answer", {
      needs: { input: g.input },
      output: z.string(),
      prompt: () => "p",
      tools: [{ tool, effect: "write", pin: { to: ({ input: { text } }: { input: { text: string } }) => text } }],
    });
    const script = [{ toolCalls: [{ name: "pay", args: {} }], usage }];
    await expect(runtimeWith(recorder, [place("small", script)]).run(g.output(work), input)).rejects.toThrow();
    await recorder.expectWellFormed();
    expect((await recorder.named("invoke_workflow denied")).attributes).toMatchObject({
      "tierwise.run.outcome": "denied",
      "error.type": "policy_denied",
    });
  });

  it("and a reader of the events who leaves does not keep them open", async () => {
    const recorder = new Recorder();
    const run = await runtimeWith(recorder, deskEndpoints()).start(deskGraph(), input);
    for await (const event of run) if (event.type === "attempt-start") break;
    await run.result;
    await recorder.expectWellFormed();
    expect(await recorder.spans()).toHaveLength(9);
  });
});

describe("the host's own telemetry", () => {
  const own = (recorder: Recorder, name: string) => {
    const span = recorder.provider.getTracer("host").startSpan(name, {}, contextApi.active());
    span.end();
    return name;
  };

  /** User code in every place that calls out: code, a model client, a tool, a person. */
  async function runWithOwnSpans(recorder: Recorder) {
    const g = graph("own", { input: z.object({ text: z.string() }) });
    const first = g.code("first", {
      needs: {},
      run: async () => {
        await Promise.resolve();
        return own(recorder, "own code");
      },
    });
    const tool = {
      name: "look",
      schema: z.object({}),
      invoke: async () => {
        await Promise.resolve();
        return own(recorder, "own tool");
      },
    };
    const work = g.agent("work", {
      needs: { first },
      output: z.string(),
      prompt: () => "p",
      tools: [{ tool, effect: "read" }],
    });
    const hard = g.model("hard", { needs: { work }, complexity: "planning", output: z.string(), prompt: () => "p" });
    const inner = new ScriptedModel([looks, say("hi")]);
    const client = (bound: typeof inner | ReturnType<typeof inner.bindTools>) => ({
      model: "tiny",
      bindTools: (tools: never) => client(inner.bindTools(tools)),
      invoke: async (messages: unknown, options: unknown): Promise<unknown> => {
        await Promise.resolve();
        own(recorder, "own model");
        return bound.invoke(messages, options);
      },
    });
    const small = endpoint("small", { class: "slm", location: "edge", price, model: () => client(inner) });
    const ask = async (): Promise<string> => {
      await Promise.resolve();
      return own(recorder, "own person");
    };
    await runtimeWith(recorder, [small], { onHuman: { ask } }).run(g.output(hard), input);
  }

  it("nests below our spans, and ours below the host's, where a context manager is installed", async () => {
    const recorder = new Recorder();
    contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    try {
      const host = recorder.provider.getTracer("host").startSpan("request");
      await contextApi.with(trace.setSpan(contextApi.active(), host), () => runWithOwnSpans(recorder));
      host.end();
      expect(await recorder.tree()).toEqual([
        "request",
        "  invoke_workflow own",
        "    step first",
        "      own code",
        "    step work",
        "      chat tiny",
        "        own model",
        "      execute_tool look",
        "        own tool",
        "      chat tiny",
        "        own model",
        "    step hard",
        "      own person",
      ]);
    } finally {
      contextApi.disable();
    }
  });

  it("leaves our tree right where none is installed", async () => {
    const recorder = new Recorder();
    await runWithOwnSpans(recorder);
    const tree = await recorder.tree();
    expect(tree.filter((line) => !line.trim().startsWith("own"))).toContain("    execute_tool look");
    expect(tree.filter((line) => line.startsWith("own "))).toEqual([
      "own code",
      "own model",
      "own tool",
      "own model",
      "own person",
    ]);
    expect(tree.slice(0, 7)).toEqual([
      "invoke_workflow own",
      "  step first",
      "  step work",
      "    chat tiny",
      "    execute_tool look",
      "    chat tiny",
      "  step hard",
    ]);
  });

  it("may be missing: without an SDK a run works, with an empty trace id", async () => {
    const runtime = createRuntime({ catalog: createCatalog(deskEndpoints()), policy: defaultPolicy() });
    const { output, traceId, ledger } = await runtime.run(deskGraph(), input);
    expect(output.work).toContain("done");
    expect(traceId).toBe("0".repeat(32));
    expect(ledger.attempts).toBe(4);
  });

  it("may drop every span: the ledger does not notice", async () => {
    const provider = new TracerProvider({ sampler: new AlwaysOffSampler() });
    const runtime = createRuntime({
      catalog: createCatalog(deskEndpoints()),
      policy: defaultPolicy(),
      telemetry: { tracerProvider: provider },
    });
    const { ledger, traceId } = await runtime.run(deskGraph(), input);
    expect(ledger).toMatchObject({ attempts: 4, complete: true });
    expect(ledger.costUsd).toBeCloseTo(4 * callUsd, 12);
    expect(traceId).not.toBe("0".repeat(32));
  });

  it.each<[string, (fail: () => never) => ConstructorParameters<typeof TracerProvider>[0]]>([
    ["a sampler", (fail) => ({ sampler: { shouldSample: fail, toString: () => "failing" } })],
    ["a processor at the start of a span", (fail) => ({ spanProcessors: [processor({ onStart: fail })] })],
    ["a processor at the end of a span", (fail) => ({ spanProcessors: [processor({ onEnd: fail })] })],
    [
      "an exporter",
      (fail) => ({
        spanProcessors: [new SimpleSpanProcessor({ exporter: { export: fail, shutdown: () => Promise.resolve() } })],
      }),
    ],
  ])("never breaks a run, not even %s that throws", async (_what, options) => {
    const fail = (): never => {
      throw new Error("telemetry");
    };
    const runtime = createRuntime({
      catalog: createCatalog(deskEndpoints()),
      policy: defaultPolicy(),
      telemetry: { tracerProvider: new TracerProvider(options(fail)) },
    });
    await expect(runtime.run(deskGraph(), input)).resolves.toMatchObject({ ledger: { attempts: 4, complete: true } });
  });

  function processor(member: Partial<SpanProcessor>): SpanProcessor {
    const nothing = () => Promise.resolve();
    return { onStart: () => undefined, onEnd: () => undefined, forceFlush: nothing, shutdown: nothing, ...member };
  }
});

describe("the bucket of a cost", () => {
  it.each([
    [0, "0"],
    [1e-12, "lt_0.001"],
    [0.000_999, "lt_0.001"],
    [0.001, "0.001-0.01"],
    [0.01, "0.01-0.1"],
    [0.1, "0.1-1"],
    [1, "1-10"],
    [9.99, "1-10"],
    [10, "ge_10"],
    [1e6, "ge_10"],
  ])("of %d dollars is %s", (costUsd, bucket) => {
    expect(costBucket(costUsd)).toBe(bucket);
  });
});
