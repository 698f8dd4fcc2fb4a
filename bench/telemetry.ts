/**
 * What a span of ours costs beside a bare one with as many attributes, and what a measurement of a metric does; telemetry
 * calls alone, without a runtime.
 */
import { ROOT_CONTEXT, SpanKind, trace, type Attributes, type Tracer } from "@opentelemetry/api";
import { AlwaysOffSampler, BatchSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { endpoint } from "../src/catalog/endpoint.ts";
import { RunTrace } from "../src/telemetry/run-trace.ts";
import { plainTrace } from "../src/telemetry/trace-settings.ts";
import { ScriptedModel } from "../src/testing/scripted-model.ts";
import { makeLabel } from "../src/tiers/label.ts";
import { inTurns } from "./measure.ts";
import { metricNames, metricSubjects } from "./telemetry/metric-cost.ts";

const wantedRatio = 1.3;
/** Of a measurement that nobody takes: a question and a return. */
const wantedOffUs = 0.1;
/** A run, its step, one attempt and one call of a tool. */
const spansOfRun = 4;

const target = endpoint("small", { class: "slm", location: "on-prem", model: new ScriptedModel([]).factory });
const label = makeLabel("public");
const server = { address: "127.0.0.1", port: 8080 };

function ours(tracer: Tracer): void {
  const facts = { runId: "run", graph: "desk", graphVersion: "1+12345678", labelled: false };
  const run = new RunTrace(tracer, { ...facts, conversationId: undefined, settings: plainTrace }, ROOT_CONTEXT);
  const step = run.step(() => ({
    ...{ name: "answer", staticName: "answer", item: undefined, size: undefined, kind: "model", index: 1, label },
    placed: { complexity: "generation", privacy: "public" },
  }));
  const attempt = step.attempt({
    ...{ endpoint: target, number: 1, kind: "initial", provider: "openai", model: "small-model", server },
    ...{ maxOutputTokens: 1_024, temperature: undefined, outputType: "text", stream: false },
  });
  attempt.end();
  step.tool({ name: "look", callId: "call-1", effect: "read" }).end();
  step.span.end();
  run.end(() => ({}), {});
}

/** The same tree as a host would write it by hand, attributes made anew for each span. */
function bare(tracer: Tracer, like: readonly ReadableSpan[]): void {
  const [root, step, attempt, tool] = like.map(({ name, kind, attributes }) => ({ name, kind, attributes }));
  const open = (span: typeof root, parent = ROOT_CONTEXT) => {
    const { name, kind, attributes } = span ?? { name: "", kind: SpanKind.INTERNAL, attributes: {} };
    const copied: Attributes = { ...attributes };
    const opened = tracer.startSpan(name, { kind, attributes: copied }, parent);
    return { opened, context: trace.setSpan(parent, opened) };
  };
  const outer = open(root);
  const inner = open(step, outer.context);
  open(attempt, inner.context).opened.end();
  open(tool, inner.context).opened.end();
  inner.opened.end();
  outer.opened.end();
}

/** Ours, as an SDK sees them, in the order of the tree: what the bare ones are made from. */
function example(): ReadableSpan[] {
  const seen: ReadableSpan[] = [];
  const nothing = () => Promise.resolve();
  const onStart = (span: ReadableSpan): void => void seen.push(span);
  const processor = { onStart, onEnd: () => undefined, forceFlush: nothing, shutdown: nothing };
  ours(new TracerProvider({ spanProcessors: [processor] }).getTracer("tierwise"));
  return seen;
}

function batching(): TracerProvider {
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: () => Promise.resolve(),
  };
  return new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
}

export async function run(): Promise<boolean> {
  const like = example();
  const off = trace.getTracer("tierwise");
  const out = new TracerProvider({ sampler: new AlwaysOffSampler() }).getTracer("tierwise");
  const batch = batching().getTracer("tierwise");
  const tracers = { "SDK off": off, "sampled out": out, "batch exporter": batch };
  const subjects = Object.entries(tracers).flatMap(([name, tracer]) => [
    { name: `${name}: ours`, calls: 2_000, per: spansOfRun, call: () => ours(tracer) },
    { name: `${name}: bare`, calls: 2_000, per: spansOfRun, call: () => bare(tracer, like) },
  ]);
  const figures = await inTurns([...subjects, ...metricSubjects()], { blocks: 31 });
  const offUs = figures[metricNames.off]!;
  const bars = [
    ...Object.keys(tracers).map((name) =>
      beside(name, { own: figures[`${name}: ours`]!, plain: figures[`${name}: bare`]!, unit: "span" }),
    ),
    beside("metrics on", { own: figures[metricNames.on]!, plain: figures[metricNames.bare]!, unit: "measurement" }),
    {
      ...{ bar: "metrics off", wanted: `<= ${wantedOffUs} us`, measured: `${offUs.toFixed(3)} us a measurement` },
      met: offUs <= wantedOffUs,
    },
  ];
  console.table(bars.map(({ met, ...bar }) => ({ ...bar, met: met ? "yes" : "no" })));
  return !process.argv.includes("--strict") || bars.every(({ met }) => met);
}

function beside(bar: string, { own, plain, unit }: { own: number; plain: number; unit: string }) {
  const ratio = own / plain;
  const measured = `${ratio.toFixed(2)} x (${own.toFixed(2)} us beside ${plain.toFixed(2)} us a ${unit})`;
  return { bar, wanted: `<= ${wantedRatio} x`, measured, met: ratio <= wantedRatio };
}
