/** The Jaeger of these tests, and a host that exports to it. */
import type * as api from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type SpanExporter,
} from "@opentelemetry/sdk-trace";
import { beforeEach, inject } from "vitest";
import { JaegerQuery } from "../../scripts/jaeger/jaeger-query.ts";
import type { ReadSpan } from "../../scripts/jaeger/otlp-json.ts";
import type { JaegerAddresses } from "../../scripts/jaeger/start-jaeger.ts";

export const noJaeger =
  "there is no Jaeger 2 here (TIERWISE_JAEGER, PATH, npm run jaeger:build), or this is not `npm run test:jaeger`";

/** Skips every test of a file, with the reason, where there is no Jaeger. */
export function needsJaeger(): void {
  beforeEach(({ skip }) => skip(inject("jaeger") === undefined, noJaeger));
}

export function jaeger(): JaegerAddresses {
  return inject("jaeger")!;
}

/** What runs a graph and says the id of its run, which may have failed. */
export type Traced = (tracerProvider: api.TracerProvider) => Promise<string>;

/** Runs something, exports its spans, and reads its trace back from Jaeger, complete. */
export async function readBack(traced: Traced, exporter = otlpHttp()): Promise<readonly ReadSpan[]> {
  const kept = new InMemorySpanExporter();
  const resource = resourceFromAttributes({ "service.name": "golden-trees" });
  const spanProcessors = [new SimpleSpanProcessor({ exporter: kept }), new BatchSpanProcessor({ exporter })];
  const provider = new TracerProvider({ resource, spanProcessors });
  const runId = await traced(provider);
  await provider.forceFlush();
  const ofRun = kept.getFinishedSpans().filter(({ attributes }) => attributes["tierwise.run.id"] === runId);
  await provider.shutdown();
  return new JaegerQuery(jaeger().query).traceOf(ofRun[0]!.spanContext().traceId, ofRun.length);
}

/** The official exporter, protobuf over HTTP. */
export function otlpHttp(): SpanExporter {
  return new OTLPTraceExporter({ url: `${jaeger().otlpHttp}/v1/traces` });
}
