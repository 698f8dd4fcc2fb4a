/** A run as text, and as a file for Jaeger, without OpenTelemetry's SDK. The clock stands still so that every print is the same. */
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  exportRun,
  graph,
  printTrace,
  traceRecorder,
} from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import * as z from "zod";

const g = graph("total", { input: z.object({ invoice: z.string() }), version: "1" });
const total = g.model("total", {
  needs: { input: g.input },
  complexity: "generation",
  output: z.object({ euros: z.number() }),
  prompt: ({ input }) => `What is the total of this invoice? ${input.invoice}`,
});
const built = g.output(total);

// The small one does not answer in numbers, so the large one is asked.
const small = new ScriptedModel([{ text: '{"euros":"twelve"}' }], { model: "scripted-small" });
const large = new ScriptedModel([{ text: '{"euros":12}' }], { model: "scripted-large" });
const catalog = createCatalog([
  endpoint("small", {
    class: "slm",
    location: "on-prem",
    model: small.factory,
    price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 },
  }),
  endpoint("large", {
    class: "llm",
    location: "cloud",
    model: large.factory,
    price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 },
  }),
]);

const clock = { nowMs: () => 0, epochMs: () => 1_800_000_000_000, setTimer: () => () => undefined };
const recorder = traceRecorder({ clock });
const runtime = createRuntime({ catalog, policy: defaultPolicy(), telemetry: { tracerProvider: recorder } });
const result = await runtime.run(built, { invoice: "12 euros" }, { runId: "invoice-1" });

const trace = recorder.trace(result);
printTrace(trace, {
  colour: false,
  width: 100,
  write: (text) => process.stdout.write(text.replace(trace.traceId, "<id>")),
});
const { resourceSpans } = await exportRun(trace); // with { file: "run.json" } Jaeger loads it
console.log(`exported ${resourceSpans[0]?.scopeSpans[0]?.spans.length ?? 0} spans`);
