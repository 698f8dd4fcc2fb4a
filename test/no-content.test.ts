import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../src/index.ts";
import { ScriptedModel } from "../src/testing/index.ts";
import { MetricRecorder } from "./support/metric-recorder.ts";

/** One for every way in which content could get out. */
const canaries = {
  input: "CANARY-INPUT",
  system: "CANARY-SYSTEM",
  prompt: "CANARY-PROMPT",
  draft: "CANARY-DRAFT",
  answer: "CANARY-ANSWER",
  shown: "CANARY-SHOWN",
  provider: "CANARY-PROVIDER",
  arguments: "CANARY-ARGUMENTS",
  result: "CANARY-RESULT",
  toolError: "CANARY-TOOL-ERROR",
  codeError: "CANARY-CODE-ERROR",
  description: "CANARY-DESCRIPTION",
  question: "CANARY-QUESTION",
  person: "CANARY-PERSON",
  tag: "CANARY-TAG",
  memo: "CANARY-MEMO",
  item: "CANARY-ITEM",
  macKey: "CANARY-MAC-KEY-that-is-thirty-two-bytes-long",
} as const;

const text = z.object({ text: z.string() });

function deskGraph() {
  const g = graph("desk", { input: text });
  const needs = { input: g.input };
  const answer = g.model("answer", {
    ...{ needs, complexity: "generation", output: text, stream: true, system: canaries.system },
    prompt: ({ input }) => `${canaries.prompt} ${input.text}`,
    validate: ({ text: said }) => !said.includes(canaries.draft),
  });
  const kept = g.code("kept", { needs, memo: true, run: () => ({ text: canaries.memo }) });
  const failing = g.code("failing", {
    ...{ needs, onError: "skip" as const },
    run: (): string => {
      throw Object.assign(new Error(canaries.codeError), { name: canaries.codeError, code: canaries.codeError });
    },
  });
  const items = g.code("items", { needs: { answer }, run: () => [{ text: canaries.item }, { text: canaries.item }] });
  const inner = graph("inner", { input: text });
  const echo = inner.code("echo", { needs: { input: inner.input }, run: ({ input }) => input });
  const each = g.map("each", { over: items, each: inner.output(echo) });
  const schema = z.object({ q: z.string() });
  const look = { name: "look", description: canaries.description, schema, invoke: () => canaries.result };
  const broken = {
    ...{ name: "broken", description: canaries.description, schema },
    invoke: () => Promise.reject(Object.assign(new Error(canaries.toolError), { name: canaries.toolError })),
  };
  const work = g.agent("work", {
    ...{ needs: { each }, output: z.string(), prompt: () => canaries.prompt },
    tools: [
      { tool: look, effect: "read" },
      { tool: broken, effect: "read" },
    ],
  });
  const approve = g.approve("approve", { needs: { work }, question: () => canaries.question });
  return g.output({ answer, kept, failing, work, approve });
}

function endpoints() {
  const refusal = Object.assign(new Error(canaries.provider), { status: 503, code: canaries.provider });
  let asked = 0;
  const small = new ScriptedModel(({ tools }) => {
    asked += 1;
    if (tools.length > 0) return { text: canaries.answer };
    return asked === 1 ? { error: refusal } : { text: JSON.stringify({ text: canaries.draft }) };
  });
  let turns = 0;
  const large = new ScriptedModel(({ tools }) => {
    if (tools.length === 0) return { text: JSON.stringify({ text: canaries.shown }) };
    turns += 1;
    const called = ["look", "broken", canaries.arguments][turns - 1];
    return called === undefined
      ? { text: canaries.answer }
      : { toolCalls: [{ name: called, args: { q: canaries.arguments } }] };
  });
  return [
    endpoint("small", { class: "slm", location: "on-prem", model: small.factory }),
    endpoint("large", { class: "llm", location: "cloud", model: large.factory }),
  ];
}

/** Everything that two runs export, the second of them from what the first one kept. */
async function exported(shape: "runs" | "fails"): Promise<ReadonlyMap<string, Buffer>> {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const recorder = new MetricRecorder();
  const ask = ({ kind }: { kind: string }) =>
    shape === "fails"
      ? Promise.reject(new Error(canaries.person))
      : Promise.resolve(kind === "approval" ? { approved: true, note: canaries.person } : canaries.person);
  const runtime = createRuntime({
    catalog: createCatalog(endpoints()),
    policy: defaultPolicy(),
    random: () => 0,
    macKey: canaries.macKey,
    onHuman: { ask },
    telemetry: { tracerProvider, meterProvider: recorder.provider },
  });
  const built = deskGraph();
  for (let run = 0; run < 2; run += 1) {
    const handle = await runtime.start(built, { text: canaries.input }, { tags: { tenant: canaries.tag } });
    for await (const { type } of handle) expect(type).toBeDefined();
    const end = handle.result.then(
      () => "runs",
      () => "fails",
    );
    expect(await end).toBe(shape);
  }
  await tracerProvider.forceFlush();
  const spans = exporter.getFinishedSpans();
  const metrics = await recorder.collected();
  const bytes = {
    "spans as protobuf": ProtobufTraceSerializer.serializeRequest(spans),
    "spans as JSON": JsonTraceSerializer.serializeRequest(spans),
    "metrics as protobuf": ProtobufMetricsSerializer.serializeRequest(metrics),
    "metrics as JSON": JsonMetricsSerializer.serializeRequest(metrics),
  };
  return new Map(Object.entries(bytes).map(([name, found]) => [name, Buffer.from(found ?? [])]));
}

describe("with the defaults, what leaves through an exporter", () => {
  it.each(["runs", "fails"] as const)("holds no content of a graph that %s", async (shape) => {
    for (const [what, bytes] of await exported(shape)) {
      expect(bytes.length, what).toBeGreaterThan(500);
      // The tap sees what is there: names that are declared.
      expect(bytes.includes("tierwise.step.name"), what).toBe(true);
      expect(bytes.includes("execute_tool"), what).toBe(true);
      for (const canary of ["CANARY", ...Object.values(canaries)])
        expect(bytes.includes(canary), `${canary} in ${what}`).toBe(false);
    }
  });
});

describe("variables that copy prompts past every clearance", () => {
  it.each([
    ["LANGSMITH_TRACING", "true"],
    ["LANGSMITH_TRACING_V2", "true"],
    ["LANGCHAIN_TRACING", "true"],
    ["LANGCHAIN_TRACING_V2", "TRUE"],
    ["LANGCHAIN_VERBOSE", "true"],
    ["LANGSMITH_OTEL_ENABLED", "true"],
    ["LANGCHAIN_OTEL_ENABLED", "true"],
    ["OPENAI_LOG", "debug"],
    ["OPENAI_LOG", "info"],
  ])("%s=%s is refused", (name, value) => {
    vi.stubEnv(name, value);
    try {
      const make = () => createRuntime({ catalog: createCatalog(endpoints()), policy: defaultPolicy() });
      expect(make).toThrow(`environment.${name}: is on`);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
