import {
  context as contextApi,
  metrics as metricsApi,
  trace,
  type TracerProvider as Provider,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import * as current from "@opentelemetry/sdk-trace";
import * as previous from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../src/index.ts";
import { ScriptedModel } from "../src/testing/index.ts";

afterEach(() => {
  for (const api of [trace, metricsApi, contextApi]) api.disable();
});

interface EndedSpan {
  readonly name: string;
  readonly parentSpanContext?: { readonly spanId: string };
  spanContext(): { readonly traceId: string; readonly spanId: string };
}

interface Sdk {
  readonly provider: Provider;
  readonly spans: () => Promise<readonly EndedSpan[]>;
}

function currentSdk(): Sdk {
  const exporter = new current.InMemorySpanExporter();
  const provider = new current.TracerProvider({ spanProcessors: [new current.SimpleSpanProcessor({ exporter })] });
  return { provider, spans: () => provider.forceFlush().then(() => exporter.getFinishedSpans()) };
}

function previousSdk(): Sdk {
  const exporter = new previous.InMemorySpanExporter();
  const provider = new previous.BasicTracerProvider({ spanProcessors: [new previous.SimpleSpanProcessor(exporter)] });
  return { provider, spans: () => provider.forceFlush().then(() => exporter.getFinishedSpans()) };
}

/** Two steps side by side, a cascade and a tool. */
function run(tracerProvider?: Provider) {
  const g = graph("small", { input: z.object({}) });
  const said = { needs: {}, complexity: "generation", output: z.object({ n: z.number() }), prompt: () => "p" } as const;
  const look = { name: "look", schema: z.object({}), invoke: () => Promise.resolve("seen") };
  const work = { needs: {}, output: z.string(), prompt: () => "p", tools: [{ tool: look, effect: "read" as const }] };
  const built = g.output({ ask: g.model("ask", said), work: g.agent("work", work) });
  const cheap = new ScriptedModel(({ tools }) => ({ text: tools.length > 0 ? "done" : "no number" }), {
    model: "cheap",
  });
  let turns = 0;
  const dear = new ScriptedModel(
    ({ tools }) =>
      tools.length > 0 && turns++ === 0 ? { toolCalls: [{ name: "look", args: {} }] } : { text: '{"n":1}' },
    { model: "dear" },
  );
  const runtime = createRuntime({
    catalog: createCatalog([
      endpoint("cheap", { class: "slm", location: "edge", model: cheap.factory }),
      endpoint("dear", { class: "llm", location: "cloud", model: dear.factory }),
    ]),
    policy: defaultPolicy(),
    ...(tracerProvider && { telemetry: { tracerProvider } }),
  });
  return runtime.run(built, {});
}

function treeOf(spans: readonly EndedSpan[], parent?: string, depth = 0): string[] {
  return spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .map((span) => [`${"  ".repeat(depth)}${span.name}`, ...treeOf(spans, span.spanContext().spanId, depth + 1)])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))
    .flat();
}

const tree = [
  "invoke_workflow small",
  "  step ask",
  "    chat cheap",
  "    chat dear",
  "  step work",
  "    chat cheap",
  "    chat dear",
  "    execute_tool look",
];

describe.each([
  ["@opentelemetry/sdk-trace 3", currentSdk],
  ["@opentelemetry/sdk-trace-base 2", previousSdk],
])("with %s", (_name, open) => {
  it.each([
    ["with a context manager", true, false],
    ["without one", false, false],
    ["with a context manager, registered by the host", true, true],
    ["without one, registered by the host", false, true],
  ])("%s a run has the same tree", async (_what, isManaged, isGlobal) => {
    const { provider, spans } = open();
    if (isManaged) contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    if (isGlobal) trace.setGlobalTracerProvider(provider);
    const { traceId, output } = await run(isGlobal ? undefined : provider);
    expect(output.ask).toEqual({ n: 1 });
    const ended = await spans();
    expect(treeOf(ended)).toEqual(tree);
    expect(new Set(ended.map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
  });
});

it("without an SDK a run gives the same output, and an empty trace id", async () => {
  const { traceId, output, ledger } = await run();
  expect(output).toEqual({ ask: { n: 1 }, work: "done" });
  expect([traceId, ledger.attempts]).toEqual(["0".repeat(32), 4]);
});
