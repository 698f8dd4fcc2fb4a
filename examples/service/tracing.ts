/** The host owns OpenTelemetry: a span for each request, below whoever called; Tierwise's run span goes below it. */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { FastifyReply, FastifyRequest } from "fastify";

export interface Tracing {
  readonly provider: TracerProvider;
  /** Sends what was not sent yet. */
  shutdown(): Promise<void>;
}

/** Exports where `OTEL_EXPORTER_OTLP_ENDPOINT` says, and nothing without it. @param more for tests */
export function startTracing(
  environment: Readonly<Record<string, string | undefined>>,
  more: readonly SpanProcessor[] = [],
): Tracing {
  const endpoint = environment["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "";
  const exporting = endpoint === "" ? [] : [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })];
  const resource = resourceFromAttributes({ "service.name": environment["OTEL_SERVICE_NAME"] ?? "support-service" });
  const provider = new TracerProvider({ resource, spanProcessors: [...exporting, ...more] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return { provider, shutdown: () => provider.shutdown() };
}

export interface RequestTrace {
  readonly span: Span;
  /** Active while the handler runs. */
  readonly context: Context;
}

/** Ends with the connection's answer, whether it was sent or the client left before. */
export function traceRequest(tracer: Tracer, request: FastifyRequest, reply: FastifyReply): RequestTrace {
  const parent = propagation.extract(ROOT_CONTEXT, request.headers);
  const route = request.routeOptions.url ?? "unknown";
  const attributes = { "http.request.method": request.method, "http.route": route };
  const span = tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
  reply.raw.once("close", () => {
    const { statusCode, writableFinished } = reply.raw;
    if (writableFinished) span.setAttribute("http.response.status_code", statusCode);
    else span.setAttribute("error.type", "client_closed");
    if (writableFinished && statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  return { span, context: trace.setSpan(parent, span) };
}
