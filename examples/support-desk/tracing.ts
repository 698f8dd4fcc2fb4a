/** The host owns OpenTelemetry: spans are kept for the printed tree, and exported where the environment says so. */
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import { context } from "@opentelemetry/api";

export interface Tracing {
  readonly provider: TracerProvider;
  spansOf(traceId: string): readonly ReadableSpan[];
  shutdown(): Promise<void>;
}

export function startTracing(environment: Readonly<Record<string, string | undefined>>): Tracing {
  const kept = new InMemorySpanExporter();
  const processors: SpanProcessor[] = [new SimpleSpanProcessor({ exporter: kept })];
  const endpoint = environment["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (endpoint !== undefined && endpoint !== "")
    processors.push(new BatchSpanProcessor({ exporter: new OTLPTraceExporter() }));
  const resource = resourceFromAttributes({ "service.name": environment["OTEL_SERVICE_NAME"] ?? "support-desk" });
  const provider = new TracerProvider({ resource, spanProcessors: processors });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return {
    provider,
    spansOf: (traceId) => kept.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId),
    shutdown: () => provider.shutdown(),
  };
}

/** The spans of one trace as an indented tree, children in the order they started. */
export function traceTree(spans: readonly ReadableSpan[]): string {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const roots = spans.filter(
    ({ parentSpanContext }) => parentSpanContext === undefined || !ids.has(parentSpanContext.spanId),
  );
  return roots.flatMap((root) => branch(root, spans, "")).join("\n");
}

function branch(span: ReadableSpan, spans: readonly ReadableSpan[], indent: string): string[] {
  const children = spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === span.spanContext().spanId)
    .sort((a, b) => startOrder(a) - startOrder(b));
  return [`${indent}${line(span)}`, ...children.flatMap((child) => branch(child, spans, `${indent}   `))];
}

/** Steps in the order of their definition; what is below them as it started. */
function startOrder({ attributes, startTime }: ReadableSpan): number {
  const index = attributes["tierwise.step.index"];
  return typeof index === "number" ? index : milliseconds(startTime);
}

function line({ name, attributes, duration }: ReadableSpan): string {
  const cost = attributes["tierwise.cost.usd"] ?? attributes["tierwise.step.cost_usd"];
  const facts = [
    attributes["tierwise.attempt.kind"],
    attributes["tierwise.attempt.outcome"],
    attributes["tierwise.attempt.reject_reason"],
    attributes["tierwise.model.location"],
    attributes["tierwise.model.stand_in"] === true ? "stand-in" : undefined,
    attributes["tierwise.run.outcome"],
    typeof cost === "number" ? `$${cost.toFixed(8)}` : undefined,
  ].flatMap((fact) => (typeof fact === "string" ? [fact] : []));
  return `${name}  ${milliseconds(duration).toFixed(1)} ms  ${facts.join(", ")}`.trimEnd();
}

function milliseconds([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1_000 + nanoseconds / 1e6;
}
