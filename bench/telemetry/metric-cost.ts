/** What a run's metrics cost: without a provider, and with one beside the same measurements recorded by hand. */
import { createNoopMeter, type Attributes, type MeterProvider } from "@opentelemetry/api";
import { MeterProvider as SdkMeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { Metrics } from "../../src/telemetry/metrics.ts";
import type { Subject } from "../measure.ts";

/** What one run records: a step with one attempt and one call of a tool. */
function record(metrics: Metrics): void {
  const run = metrics.ofRun("desk");
  const server = { address: "127.0.0.1", port: 8080 };
  run.decided(() => "answer", "slm");
  run.firstChunk(() => ({ provider: "openai", model: "small-model", server }), 40);
  run.attempt(() => ({
    ...{ provider: "openai", model: "small-model", server, step: "answer", class: "slm", kind: "initial" },
    ...{ durationMs: 120, inputTokens: 100, outputTokens: 10, costUsd: 0.0001, errorType: undefined },
  }));
  run.tool(() => ({ step: "answer", tool: "look", durationMs: 5, costUsd: undefined, errorType: undefined }));
  const outcome = { outcome: "completed", errorType: undefined };
  run.step(() => ({ step: "answer", kind: "agent", isPlaced: true, durationMs: 130, ...outcome }));
  run.run(() => ({ durationMs: 140, costUsd: 0.0001, exceeded: undefined, ...outcome }));
}

interface Measurement {
  readonly kind: "createHistogram" | "createCounter";
  readonly name: string;
  readonly value: number;
  readonly attributes: Attributes;
}

/** Ours, as an SDK is told them. */
function measurements(): readonly Measurement[] {
  const told: Measurement[] = [];
  const note =
    (kind: Measurement["kind"], name: string) =>
    (value: number, attributes: Attributes = {}): void =>
      void told.push({ kind, name, value, attributes });
  const meter = {
    ...createNoopMeter(),
    createHistogram: (name: string) => ({ record: note("createHistogram", name) }),
    createCounter: (name: string) => ({ add: note("createCounter", name) }),
  };
  record(new Metrics({ getMeter: () => meter }));
  return told;
}

/** The same as a host would write it by hand, attributes made anew for each. */
function byHand(provider: MeterProvider): { readonly call: () => void; readonly count: number } {
  const meter = provider.getMeter("bare");
  const recorders = measurements().map(({ kind, name, value, attributes }) => {
    if (kind === "createCounter") {
      const counter = meter.createCounter(name);
      return () => counter.add(value, { ...attributes });
    }
    const histogram = meter.createHistogram(name);
    return () => histogram.record(value, { ...attributes });
  });
  const call = (): void => {
    for (const recorder of recorders) recorder();
  };
  return { call, count: recorders.length };
}

/** An SDK that adds up and never sends. */
class Unread extends MetricReader {
  protected onForceFlush = () => Promise.resolve();
  protected onShutdown = () => Promise.resolve();
}

const collecting = (): MeterProvider => new SdkMeterProvider({ readers: [new Unread()] });

export const metricNames = { off: "metrics off", on: "metrics on: ours", bare: "metrics on: bare" } as const;

/** Per measurement. */
export function metricSubjects(): readonly Subject[] {
  const [off, on] = [new Metrics(), new Metrics(collecting())];
  const { call, count: per } = byHand(collecting());
  return [
    { name: metricNames.off, calls: 20_000, per, call: () => record(off) },
    { name: metricNames.on, calls: 2_000, per, call: () => record(on) },
    { name: metricNames.bare, calls: 2_000, per, call },
  ];
}
