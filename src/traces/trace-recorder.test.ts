import { context, ROOT_CONTEXT, SpanStatusCode, trace, type Attributes } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type Sampler,
} from "@opentelemetry/sdk-trace";
import { afterEach, describe, expect, it } from "vitest";
import { canary, Lab, overList, replying } from "../../test/support/traced-runs.ts";
import { DefinitionError, InputError } from "../errors.ts";
import { ATTR_GEN_AI_OPERATION_NAME, ATTR_RUN_ID } from "../telemetry/semconv.ts";
import { traceRecorder, type TraceRecorder, type TraceRecorderOptions } from "./trace-recorder.ts";

const right = { text: `right ${canary}` };

function host(sampler?: Sampler) {
  const exporter = new InMemorySpanExporter();
  const processors = { spanProcessors: [new SimpleSpanProcessor({ exporter })] };
  return { provider: new TracerProvider({ ...processors, ...(sampler && { sampler }) }), exporter };
}

const runAttributes = (runId: string): Attributes => ({
  [ATTR_GEN_AI_OPERATION_NAME]: "invoke_workflow",
  [ATTR_RUN_ID]: runId,
});

/** A span that the recorder takes for a run. */
function startRun(recorder: TraceRecorder, runId: string, parent = ROOT_CONTEXT) {
  const tracer = recorder.getTracer("test", "1.2");
  const span = tracer.startSpan("run", { attributes: runAttributes(runId) }, parent);
  return { tracer, span, inside: trace.setSpan(parent, span) };
}

describe("traceRecorder", () => {
  afterEach(() => trace.disable());

  it("keeps a tree without an SDK: one trace, each span below its parent, in the order of their starts", async () => {
    const lab = new Lab();
    await lab.run(overList(), "r1", { small: lab.slow(right, right) });
    const { spans, traceId, droppedSpans } = lab.recorder.trace("r1");
    const nameOf = (id: string | undefined) => spans.find(({ spanId }) => spanId === id)?.name;
    expect(spans.map(({ name, parentSpanId }) => [name, nameOf(parentSpanId)])).toEqual([
      ["invoke_workflow drafts", undefined],
      ["step words", "invoke_workflow drafts"],
      ["fanout draft", "invoke_workflow drafts"],
      ["step draft/write", "fanout draft"],
      ["chat small-model", "step draft/write"],
      ["step draft/write", "fanout draft"],
      ["chat small-model", "step draft/write"],
    ]);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    expect(droppedSpans).toBe(0);
    expect(JSON.stringify(spans)).not.toContain(canary);
  });

  it("takes a run by its handle, its result and its id, and knows no other", async () => {
    const lab = new Lab();
    const run = await lab.start(replying(), "r1", { small: lab.slow(right) });
    const result = await run.result;
    const byId = lab.recorder.trace("r1");
    expect(lab.recorder.trace(run)).toEqual(byId);
    expect(lab.recorder.trace(result)).toEqual(byId);
    expect(byId.traceId).toBe(result.traceId);
    expect(() => lab.recorder.trace("r2")).toThrow(InputError);
    expect(() => lab.recorder.trace("r2")).toThrow(/run "r2" is not among the last 20/);
  });

  it("gives a copy that no longer changes", async () => {
    const lab = new Lab();
    const run = await lab.start(replying(), "r1", { small: lab.slow(right) });
    const before = lab.recorder.trace(run);
    const written = JSON.stringify(before);
    await run.result;
    expect(JSON.stringify(before)).toBe(written);
    expect(before.spans[0]!.endMs).toBeUndefined();
    expect(lab.recorder.trace(run).spans[0]!.endMs).toBe(1_800_000_000_010);
  });

  it("forgets the oldest run, and the last spans of a large one", () => {
    const recorder = traceRecorder({ maxRuns: 2, maxSpans: 3 });
    for (const runId of ["a", "b", "c"]) startRun(recorder, runId);
    expect(recorder.runIds()).toEqual(["b", "c"]);
    const { tracer, inside } = startRun(recorder, "d");
    const steps = Array.from({ length: 5 }, (_, index) => tracer.startSpan(`step ${index}`, {}, inside));
    // Below what is not kept: it must not pass for a run of its own.
    tracer.startSpan("chat", {}, trace.setSpan(inside, steps[4]!));
    const { spans, droppedSpans } = recorder.trace("d");
    expect(spans.map(({ name }) => name)).toEqual(["run", "step 0", "step 1"]);
    expect(droppedSpans).toBe(4);
    expect(recorder.runIds()).toEqual(["c", "d"]);
  });

  it("bounds what one span holds, and says what is missing", () => {
    const recorder = traceRecorder({ maxTextLength: 16 });
    const { span } = startRun(recorder, "r1");
    for (let index = 0; index < 200; index += 1) {
      span.setAttribute(`a${index}`, "x".repeat(100));
      span.addEvent("e", { text: "y".repeat(100) });
      span.addLink({ context: span.spanContext() });
    }
    span.setAttribute(
      "a0",
      Array.from({ length: 1_000 }, () => "z".repeat(100)),
    );
    const [kept] = recorder.trace("r1").spans;
    expect(kept!.dropped).toEqual({ attributes: 74, events: 72, links: 72 });
    expect(kept!.attributes["a1"]).toBe(`${"x".repeat(15)}…`);
    expect(kept!.attributes["a0"]).toEqual(Array.from({ length: 128 }, () => `${"z".repeat(15)}…`));
    expect(kept!.events[0]!.attributes["text"]).toBe(`${"y".repeat(15)}…`);
  });

  it("keeps a nested value as JSON, and survives one that has none", () => {
    const recorder = traceRecorder();
    const { span } = startRun(recorder, "r1");
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const attributes = { nested: { a: [1] }, empty: null, circle, fn: () => 1, absent: undefined };
    span.setAttributes(attributes);
    expect(recorder.trace("r1").spans[0]!.attributes).toEqual({
      ...runAttributes("r1"),
      ...{ nested: '{"a":[1]}', empty: "null", circle: "(object)", fn: "null" },
    });
  });

  it("gives spans that end once, and take nothing afterwards", () => {
    const recorder = traceRecorder();
    const { span } = startRun(recorder, "r1");
    expect(span.isRecording()).toBe(true);
    span
      .setStatus({ code: SpanStatusCode.ERROR, message: "m" })
      .updateName("renamed")
      .recordException(new TypeError("no"));
    span.addEvent("at", new Date(5)).addEvent("then", { a: 1 }, [7, 500_000_000]);
    span.end(4e12);
    span.end(5e12);
    expect(span.isRecording()).toBe(false);
    span.setAttribute("late", 1).addEvent("late").setStatus({ code: SpanStatusCode.OK }).updateName("late");
    const [kept] = recorder.trace("r1").spans;
    expect(kept).toMatchObject({ name: "renamed", endMs: 4e12, status: { code: SpanStatusCode.ERROR, message: "m" } });
    expect(kept!.scope).toEqual({ name: "test", version: "1.2" });
    expect(kept!.events.map(({ name }) => name)).toEqual(["exception", "at", "then"]);
    expect(kept!.events[0]!.attributes).toMatchObject({ "exception.type": "TypeError", "exception.message": "no" });
    expect(kept!.events.slice(1).map(({ atMs }) => atMs)).toEqual([5, 7_500]);
    expect(kept!.attributes).not.toHaveProperty("late");
  });

  it("does not let a status that is OK be taken back", () => {
    const recorder = traceRecorder();
    const { span } = startRun(recorder, "r1");
    span.setStatus({ code: SpanStatusCode.OK }).setStatus({ code: SpanStatusCode.ERROR });
    expect(recorder.trace("r1").spans[0]!.status).toEqual({ code: SpanStatusCode.OK });
  });

  it("starts active spans in each of three ways", () => {
    const recorder = traceRecorder();
    const { tracer, inside } = startRun(recorder, "r1");
    expect(tracer.startActiveSpan("one", () => 1)).toBe(1);
    expect(tracer.startActiveSpan("two", { root: true }, () => 2)).toBe(2);
    expect(tracer.startActiveSpan("three", {}, inside, (span) => span.isRecording())).toBe(true);
    expect(recorder.trace("r1").spans.map(({ name }) => name)).toEqual(["run", "three"]);
  });

  it("tells two runs below one span apart", () => {
    const recorder = traceRecorder();
    const outer = startRun(recorder, "outer");
    const inner = startRun(recorder, "inner", outer.inside);
    inner.tracer.startSpan("step", {}, inner.inside);
    outer.tracer.startSpan("other", {}, outer.inside);
    expect(recorder.trace("outer").spans.map(({ name }) => name)).toEqual(["run", "run", "step", "other"]);
    expect(recorder.trace("inner").spans.map(({ name }) => name)).toEqual(["run", "step"]);
  });

  it.each<[string, TraceRecorderOptions]>([
    ["an unknown option", { maxRun: 3 } as TraceRecorderOptions],
    ["no runs", { maxRuns: 0 }],
    ["half a span", { maxSpans: 0.5 }],
  ])("refuses %s", (_, options) => {
    expect(() => traceRecorder(options)).toThrow(DefinitionError);
  });
});

describe("a recorder before a host's provider", () => {
  afterEach(() => trace.disable());

  it.each(["given", "global"])("records and exports the same spans, with the ids of the host (%s)", async (way) => {
    const { provider, exporter } = host();
    if (way === "global") trace.setGlobalTracerProvider(provider);
    const lab = new Lab(way === "given" ? { tracerProvider: provider } : {});
    await lab.run(replying(), "r1", { small: lab.slow({ text: "wrong" }), large: lab.slow(right) });
    await provider.forceFlush();
    const exported = exporter.getFinishedSpans().map((span) => ({
      ...{ name: span.name, kind: span.kind, attributes: span.attributes, status: span.status },
      ...{ spanId: span.spanContext().spanId, traceId: span.spanContext().traceId },
      parentSpanId: span.parentSpanContext?.spanId,
      events: span.events.map(({ name }) => name),
    }));
    const recorded = lab.recorder.trace("r1").spans.map((span) => ({
      ...{ name: span.name, kind: span.kind, attributes: span.attributes, status: span.status },
      ...{ spanId: span.spanId, traceId: span.traceId, parentSpanId: span.parentSpanId },
      events: span.events.map(({ name }) => name),
    }));
    const byId = (a: { spanId: string }, b: { spanId: string }) => a.spanId.localeCompare(b.spanId);
    expect(recorded.toSorted(byId)).toEqual(exported.toSorted(byId));
    expect(recorded).toHaveLength(4);
  });

  it("records what the host's sampler drops", async () => {
    const { provider, exporter } = host(new AlwaysOffSampler());
    const lab = new Lab({ tracerProvider: provider });
    await lab.run(replying(), "r1", { small: lab.slow(right) });
    expect(exporter.getFinishedSpans()).toEqual([]);
    expect(lab.recorder.trace("r1").spans).toHaveLength(3);
  });

  it("stays below a parent of the host, whose trace it joins without an SDK too", () => {
    const recorder = traceRecorder();
    const parent = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 0 };
    const { span } = startRun(recorder, "r1", trace.setSpanContext(ROOT_CONTEXT, parent));
    expect(span.spanContext()).toMatchObject({ traceId: parent.traceId, traceFlags: 0 });
    expect(span.spanContext().spanId).not.toBe(parent.spanId);
    expect(recorder.trace("r1").spans[0]!.parentSpanId).toBe(parent.spanId);
  });

  it("records all the same when the host's provider throws", () => {
    const throwing = {
      getTracer: () => ({
        startSpan: () => {
          throw new Error("broken");
        },
        startActiveSpan: () => undefined as never,
      }),
    };
    const recorder = traceRecorder({ tracerProvider: throwing });
    startRun(recorder, "r1");
    expect(recorder.trace("r1").spans).toHaveLength(1);
  });

  it("may itself be the global provider, and stand behind another recorder", () => {
    const global = traceRecorder();
    trace.setGlobalTracerProvider(global);
    const near = traceRecorder();
    const { tracer, inside } = startRun(near, "r1");
    context.with(inside, () => tracer.startSpan("step", {}, inside).end());
    expect(near.trace("r1").spans.map(({ name }) => name)).toEqual(["run", "step"]);
    expect(global.trace("r1").spans.map(({ name }) => name)).toEqual(["run", "step"]);
    startRun(global, "r2");
    expect(global.trace("r2").spans).toHaveLength(1);
  });
});
