import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { expect, it } from "vitest";
import { findJaeger } from "../../scripts/jaeger/find-jaeger.ts";
import { freePorts } from "../../scripts/jaeger/free-ports.ts";
import { JaegerQuery } from "../../scripts/jaeger/jaeger-query.ts";
import { spawnGuarded } from "../../scripts/jaeger/start-jaeger.ts";
import { ways, type Way } from "./graphs.ts";
import { jaeger, needsJaeger } from "./jaeger.ts";

needsJaeger();

const guides = join(import.meta.dirname, "..", "..", "docs", "guides");
const collector = join(guides, "otel-collector.yaml");

it("offers a Collector configuration that a Collector takes: Jaeger is one", () => {
  const { status, stderr } = spawnSync(findJaeger(process.env)!.path, ["validate", "--config", collector], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
});

/** The Collector of the guide, deciding soon, between a host and Jaeger. */
async function startCollector() {
  const { http, grpc, metrics } = await freePorts({ http: undefined, grpc: undefined, metrics: undefined });
  const settings = [
    `receivers.otlp.protocols.http.endpoint=127.0.0.1:${http}`,
    `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${grpc}`,
    `exporters.prometheus.endpoint=127.0.0.1:${metrics}`,
    `exporters.otlp.endpoint=${new URL(jaeger().otlpGrpc).host}`,
    ...["service.telemetry.metrics.level=none", "service.telemetry.logs.level=error"],
    ...["processors.tail_sampling.decision_wait=500ms", "processors.batch.timeout=100ms"],
  ];
  const args = ["--config", collector, ...settings.map((setting) => `--set=${setting}`)];
  const child = spawnGuarded(findJaeger(process.env)!.path, 60_000, () => args);
  const url = `http://127.0.0.1:${http}/v1/traces`;
  const ready = (): Promise<boolean> => fetch(url).then(Boolean, () => false);
  for (let tries = 0; tries < 200 && child.exitCode === null && !(await ready()); tries += 1) await sleep(50);
  return { url, [Symbol.dispose]: () => void child.stdin.end() };
}

it("keeps by that configuration what failed, was refused, escalated or ran out of money, and little of the rest", async () => {
  using started = await startCollector();
  const query = new JaegerQuery(jaeger().query);
  const kept = new InMemorySpanExporter();
  const exporter = new OTLPTraceExporter({ url: started.url });
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: kept }), new SimpleSpanProcessor({ exporter })],
  });
  const traceOf = async (way: Way): Promise<string> => {
    const runId = await ways[way](provider);
    await provider.forceFlush();
    const root = kept.getFinishedSpans().find(({ attributes }) => attributes["tierwise.run.id"] === runId);
    return root!.spanContext().traceId;
  };
  const rest: string[] = [];
  for (let run = 0; run < 10; run += 1) rest.push(await traceOf("accept"));
  const wanted = await Promise.all((["escalate", "failed", "denied", "budget"] as const).map(traceOf));
  await provider.shutdown();
  for (const traceId of wanted) expect(await query.traceOf(traceId, 2)).not.toEqual([]);
  // They were decided on before. One in twenty is kept: that it is all ten happens once in ten thousand billion times.
  const found = await Promise.all(rest.map((traceId) => query.trace(traceId)));
  expect(found.some((spans) => spans.length === 0)).toBe(true);
});

/** As Prometheus writes the names of the trace and metric contract. */
const metrics = [
  ...["tierwise_cost_total", "tierwise_run_cost_bucket", "tierwise_run_duration_seconds_bucket"],
  ...["tierwise_run_duration_seconds_count", "tierwise_step_duration_seconds_bucket"],
  ...["tierwise_step_duration_seconds_count", "tierwise_policy_decisions_total", "tierwise_escalations_total"],
  ...["tierwise_retries_total", "tierwise_budget_exceeded_total", "gen_ai_client_inference_duration_seconds_bucket"],
  ...["gen_ai_client_inference_time_to_first_chunk_seconds_bucket", "gen_ai_execute_tool_duration_seconds_bucket"],
  ...["gen_ai_client_inference_usage_input_tokens_total", "gen_ai_client_inference_usage_output_tokens_total"],
];

it("offers a dashboard that asks for metrics of the contract only, each panel in a place of its own", () => {
  const text = readFileSync(join(guides, "tierwise-dashboard.json"), "utf8");
  const { panels } = JSON.parse(text) as {
    panels: { id: number; gridPos: { x: number; y: number }; targets: { expr: string }[] }[];
  };
  const asked = panels.flatMap(({ targets }) => targets).flatMap(({ expr }) => expr.match(/\w+(?=\{|\[)/g) ?? []);
  expect([...new Set(asked)].toSorted()).toEqual(metrics.toSorted());
  expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length);
});
