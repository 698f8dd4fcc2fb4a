/** What the host decides about spans: content under a clearance, who writes model spans, names of costs, its own ids. */
import { AlwaysOffSampler, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type EndpointSpec,
  type LabelSpec,
  type TelemetryOptions,
} from "../src/index.ts";
import { OpenSpan } from "../src/telemetry/open-span.ts";
import { cutMark, recordContent } from "../src/telemetry/record-content.ts";
import { ScriptedModel, type Script, type ScriptedReply } from "../src/testing/index.ts";
import { makeLabel } from "../src/tiers/label.ts";
import { makeClearance } from "../src/tiers/clearance.ts";
import { Recorder } from "./support/span-recorder.ts";

const usage = { inputTokens: 100, outputTokens: 10 };
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1, version: "test" };
const clearance = { level: "regulated", compartments: ["pii", "phi"] } as const;
const say = (text: string): ScriptedReply => ({ text, usage });
const suppressed = "tierwise.content.suppressed";

function runtimeWith(
  recorder: Recorder,
  script: Script,
  options: { telemetry?: object; spec?: Partial<EndpointSpec> },
) {
  const model = new ScriptedModel(script, { model: "small-model" });
  const spec = { class: "slm", location: "on-prem", clearance, price, model: model.factory, ...options.spec } as const;
  const telemetry: TelemetryOptions = { tracerProvider: recorder.provider, ...options.telemetry };
  const catalog = createCatalog([endpoint("small", spec)]);
  return createRuntime({ catalog, policy: defaultPolicy(), retry: { maxAttempts: 1 }, telemetry });
}

function replyGraph(label: LabelSpec = { level: "public" }) {
  const g = graph("reply", { input: z.object({ text: z.string() }), label });
  const spec = { complexity: "generation", output: z.string(), system: "be brief" } as const;
  return g.output(
    g.model("answer", { needs: { input: g.input }, ...spec, prompt: ({ input: { text } }) => `reply to ${text}` }),
    { clearance },
  );
}

/** A loop whose tool reads what is more confidential than the question. */
function deskGraph() {
  const g = graph("desk", { input: z.object({ text: z.string() }), label: "internal", privacy: "customer" });
  const look = { name: "look", schema: z.object({ q: z.string() }), invoke: () => "SECRET-1" };
  const returns = { level: "customer", compartments: ["pii"] } as const;
  const tools = [{ tool: look, effect: "read", accepts: returns, returns }] as const;
  return g.output(
    g.agent("work", { needs: { input: g.input }, output: z.string(), prompt: ({ input: { text } }) => text, tools }),
    { clearance },
  );
}

const deskScript: Script = [{ toolCalls: [{ name: "look", args: { q: "x" } }], usage }, say("it says SECRET-1")];
const asText = (spans: readonly ReadableSpan[]): string =>
  JSON.stringify(spans.map(({ name, attributes, events }) => [name, attributes, events]));
const read = (span: ReadableSpan, name: string): unknown => JSON.parse(String(span.attributes[name]));

describe("content", () => {
  const on = { content: "on", clearance: "internal" };

  it("is recorded as the conventions write messages, where its label is within the clearance", async () => {
    const recorder = new Recorder();
    await runtimeWith(recorder, [say("done")], { telemetry: on }).run(replyGraph(), { text: "a ticket" });
    const chat = await recorder.named("chat small-model");
    expect(read(chat, "gen_ai.input.messages")).toEqual([
      { role: "system", parts: [{ type: "text", content: "be brief" }] },
      { role: "user", parts: [{ type: "text", content: "reply to a ticket" }] },
    ]);
    expect(read(chat, "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "done" }], finish_reason: "stop" },
    ]);
    expect(chat.attributes).not.toHaveProperty(suppressed);
    const others = (await recorder.spans()).filter(({ name }) => name !== chat.name);
    expect(asText(others)).not.toContain("a ticket");
  });

  it("is not recorded above the clearance, and the span says that it was kept back", async () => {
    for (const label of [{ level: "customer" }, { level: "internal", compartments: ["pii"] }] as const) {
      const recorder = new Recorder();
      await runtimeWith(recorder, [say("CANARY")], { telemetry: on }).run(replyGraph(label), { text: "CANARY" });
      expect((await recorder.named("chat small-model")).attributes).toHaveProperty(suppressed, true);
      expect(asText(await recorder.spans())).not.toContain("CANARY");
      expect(asText(await recorder.spans())).not.toMatch(/gen_ai\.(input|output)\.messages/);
    }
  });

  it("follows the label of each turn: what a tool returned is kept back, also in the turns after it", async () => {
    const recorder = new Recorder();
    await runtimeWith(recorder, deskScript, { telemetry: on }).run(deskGraph(), { text: "ask" });
    const [first, second] = (await recorder.spans()).filter(({ name }) => name.startsWith("chat"));
    expect(read(first!, "gen_ai.output.messages")).toMatchObject([
      { parts: [{ type: "tool_call", name: "look", arguments: { q: "x" } }] },
    ]);
    const tool = await recorder.named("execute_tool look");
    expect(read(tool, "gen_ai.tool.call.arguments")).toEqual({ q: "x" });
    expect(tool.attributes).not.toHaveProperty("gen_ai.tool.call.result");
    expect([first!, tool, second!].map(({ attributes }) => attributes[suppressed])).toEqual([undefined, true, true]);
    expect(asText(await recorder.spans())).not.toContain("SECRET-1");
  });

  it("of a tool is its result as the model reads it, where the clearance covers that", async () => {
    const recorder = new Recorder();
    const telemetry = { content: "on", clearance };
    await runtimeWith(recorder, deskScript, { telemetry }).run(deskGraph(), { text: "ask" });
    expect((await recorder.named("execute_tool look")).attributes["gen_ai.tool.call.result"]).toBe("SECRET-1");
    const second = (await recorder.spans()).filter(({ name }) => name.startsWith("chat"))[1]!;
    expect(read(second, "gen_ai.input.messages")).toMatchObject([
      { role: "system" },
      { role: "user" },
      { role: "assistant", parts: [{ type: "tool_call" }] },
      { role: "tool", parts: [{ type: "tool_call_response", response: "SECRET-1" }] },
    ]);
  });

  it("behind an anonymiser is what was sent; where that failed nothing was sent, and nothing is recorded", async () => {
    const anonymiser = { name: "hide", redact: (text: string) => text.replaceAll("CANARY", "[name]") };
    const recorder = new Recorder();
    const telemetry = { content: "on", clearance };
    await runtimeWith(recorder, [say("hi")], { telemetry, spec: { anonymiser } }).run(replyGraph(), { text: "CANARY" });
    expect(asText(await recorder.spans())).toContain("reply to [name]");
    expect(asText(await recorder.spans())).not.toContain("CANARY");
    const failing = new Recorder();
    const broken = { name: "broken", redact: () => 1 as unknown as string };
    const runtime = runtimeWith(failing, [], { telemetry, spec: { anonymiser: broken } });
    await expect(runtime.run(replyGraph(), { text: "CANARY" })).rejects.toThrow("nothing was sent");
    expect(asText(await failing.spans())).not.toContain("CANARY");
  });

  it("is cut at 64 KiB of UTF-8, with a mark, and what just fits is not", async () => {
    const recorder = new Recorder();
    const telemetry = { content: "on", clearance };
    await runtimeWith(recorder, [say("ok")], { telemetry }).run(replyGraph(), { text: "🙂".repeat(40_000) });
    const text = String((await recorder.named("chat small-model")).attributes["gen_ai.input.messages"]);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024);
    expect(Buffer.byteLength(text)).toBeGreaterThan(64 * 1024 - 16);
    expect(text.endsWith(cutMark)).toBe(true);
    expect(text.isWellFormed()).toBe(true);
    const span = new OpenSpan(
      recorder.provider.getTracer("t"),
      () => ({ name: "fits", kind: SpanKind.INTERNAL, attributes: {} }),
      ROOT_CONTEXT,
    );
    const fits = "a".repeat(64 * 1024);
    recordContent(span, makeClearance("public"), { attribute: "x", label: makeLabel("public"), text: () => fits });
    span.end();
    expect((await recorder.named("fits")).attributes["x"]).toBe(fits);
  });

  it("is not even made where nobody records, where it is off, and above the clearance", () => {
    const unseen = new TracerProvider({ sampler: new AlwaysOffSampler() }).getTracer("t");
    const seen = new Recorder().provider.getTracer("t");
    const start = () => ({ name: "s", kind: SpanKind.INTERNAL, attributes: {} });
    const text = () => expect.fail("the text was made");
    const content = { attribute: "x", text };
    recordContent(new OpenSpan(unseen, start, ROOT_CONTEXT), makeClearance("classified"), {
      ...content,
      label: makeLabel("public"),
    });
    recordContent(new OpenSpan(trace.getTracer("none"), start, ROOT_CONTEXT), makeClearance("public"), {
      ...content,
      label: makeLabel("public"),
    });
    recordContent(new OpenSpan(seen, start, ROOT_CONTEXT), undefined, { ...content, label: makeLabel("public") });
    recordContent(new OpenSpan(seen, start, ROOT_CONTEXT), makeClearance("public"), {
      ...content,
      label: makeLabel("internal"),
    });
  });
});

describe("spans of model calls", () => {
  it("leave gen_ai.* to the host's own instrumentation where it has one, and content with it", async () => {
    const recorder = new Recorder();
    const telemetry = { modelSpans: "provider", content: "on", clearance, costAliases: true };
    await runtimeWith(recorder, [say("CANARY")], { telemetry }).run(replyGraph(), { text: "t" });
    const attempt = await recorder.named("attempt small-model");
    expect(attempt.kind).toBe(SpanKind.INTERNAL);
    const names = Object.keys(attempt.attributes);
    expect(names.filter((name) => /^(gen_ai|server|operation|llm)\./.test(name))).toEqual([]);
    expect(attempt.attributes).toMatchObject({
      "tierwise.model.endpoint": "small",
      "tierwise.attempt.outcome": "accepted",
      "tierwise.cost.usd": 0.00011,
    });
    expect(asText(await recorder.spans())).not.toContain("CANARY");
  });

  it("carry their cost under the names of other back ends only where the host asks for them", async () => {
    const aliases = ["gen_ai.usage.cost.total", "operation.cost", "llm.cost.total"];
    for (const [costAliases, expected] of [
      [true, 0.00011],
      [false, undefined],
    ] as const) {
      const recorder = new Recorder();
      await runtimeWith(recorder, [say("hi")], { telemetry: { costAliases } }).run(replyGraph(), { text: "t" });
      const { attributes } = await recorder.named("chat small-model");
      expect(aliases.map((name) => attributes[name])).toEqual(aliases.map(() => expected));
    }
  });

  it("show the temperature that the client shows", async () => {
    const recorder = new Recorder();
    const model = () => ({
      model: "warm",
      temperature: 0.2,
      invoke: () => Promise.resolve({ content: "x" }),
    });
    await runtimeWith(recorder, [], { spec: { model } }).run(replyGraph(), { text: "t" });
    const [chat] = (await recorder.spans()).filter(({ name }) => name.startsWith("chat"));
    expect(chat!.attributes["gen_ai.request.temperature"]).toBe(0.2);
  });
});

describe("the ids of a run", () => {
  it("hold the host's conversation, on the run's span alone", async () => {
    const recorder = new Recorder();
    const options = { conversationId: "thread-42" };
    await runtimeWith(recorder, [say("hi")], {}).run(replyGraph(), { text: "t" }, options);
    const carriers = (await recorder.spans()).filter((span) => "gen_ai.conversation.id" in span.attributes);
    expect(carriers.map(({ name, attributes }) => [name, attributes["gen_ai.conversation.id"]])).toEqual([
      ["invoke_workflow reply", "thread-42"],
    ]);
    expect(recorder.created.get("invoke_workflow reply")).toMatchObject({ "gen_ai.conversation.id": "thread-42" });
  });

  it.each(["", "two words", "a".repeat(129), 7])("take no conversation called %j", async (conversationId) => {
    const options = { conversationId: conversationId as string };
    await expect(runtimeWith(new Recorder(), [], {}).run(replyGraph(), { text: "t" }, options)).rejects.toThrow(
      /run\.conversationId: expected 1 to 128 letters/,
    );
  });

  it("tell the trace of a run that fails", async () => {
    const recorder = new Recorder();
    const run = await runtimeWith(recorder, [{ error: new Error("down") }], {}).start(replyGraph(), { text: "t" });
    await expect(run.result).rejects.toThrow();
    expect(run.traceId).toBe((await recorder.named("invoke_workflow reply")).spanContext().traceId);
  });
});
