/** The host owns OpenTelemetry: spans are kept for the printed tree, and exported where the environment says so. */
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { context } from "@opentelemetry/api";
import { traceRecorder, type TraceRecorder } from "tierwise";

export interface Tracing {
  readonly recorder: TraceRecorder;
  shutdown(): Promise<void>;
}

/** @param maxRuns how many can still be printed */
export function startTracing(
  environment: Readonly<Record<string, string | undefined>>,
  { maxRuns }: { readonly maxRuns: number },
): Tracing {
  const endpoint = environment["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const exports = endpoint !== undefined && endpoint !== "";
  const spanProcessors = exports ? [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })] : [];
  const resource = resourceFromAttributes({ "service.name": environment["OTEL_SERVICE_NAME"] ?? "support-desk" });
  const provider = new TracerProvider({ resource, spanProcessors });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return { recorder: traceRecorder({ maxRuns, tracerProvider: provider }), shutdown: () => provider.shutdown() };
}
