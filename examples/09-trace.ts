/**
 * A trace: every run is one tree of OpenTelemetry spans, in the SDK that your service has already. Here the spans stay in memory;
 * with an OTLP exporter the same tree is in Jaeger. Look at the rejected draft, at what each span cost, and at what is not there.
 */
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

const exporter = new InMemorySpanExporter();
const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()); // your code's own spans join the tree

const g = graph("desk", { input: z.object({ message: z.string() }) });
const topic = g.classify("topic", {
  needs: { input: g.input },
  labels: topics,
  text: ({ input }) => input.message,
});
const facts = g.code("facts", { needs: { topic }, run: ({ topic }) => `Our rules about ${topic.label ?? "this"}.` });
const reply = g.model("reply", {
  needs: { input: g.input, facts },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input, facts }) => `Answer in two sentences, after ${facts}: ${input.message}`,
});
const desk = g.output({ topic, reply });

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", ...largeText }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy(), telemetry: { tracerProvider } });
await runtime.run(desk, { message: "It is not what I expected" });

/** Names of the attributes that are printed; a span has many more, and none of them holds a prompt or an answer. */
const shown = [
  ...["tierwise.attempt.kind", "tierwise.attempt.outcome", "tierwise.attempt.reject_reason", "tierwise.model.location"],
  ...["tierwise.step.cost_usd", "tierwise.cost.usd", "tierwise.cost.baseline_usd"],
];

function printTree(spans: readonly ReadableSpan[], parent?: string, indent = ""): void {
  for (const span of spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)) {
    const facts = shown
      .filter((name) => name in span.attributes)
      .map((name) => `${name}=${String(span.attributes[name])}`);
    console.log(`${indent}${span.name.replace(/@\w+$/, "")}`); // a classifier's name ends in the hash of its weights
    for (const fact of facts) console.log(`${indent}    ${fact}`);
    printTree(spans, span.spanContext().spanId, `${indent}  `);
  }
}
// Spans are exported when they end; a tree reads better in the order in which they began.
printTree(
  exporter.getFinishedSpans().toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]),
);
await tracerProvider.shutdown();
