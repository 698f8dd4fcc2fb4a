import type { Candidate } from "../catalog/candidate.ts";
import { isLabelModel } from "../catalog/model-like.ts";
import { systemClock } from "../common/clock.ts";
import { frozenCopy } from "../common/freeze.ts";
import { openModel } from "../models/open-model.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { EndpointGate } from "./gates/endpoint-gate.ts";
import { EndpointMonitor } from "./gates/endpoint-monitor.ts";
import { MemoStore } from "./memo/memo-store.ts";
import type { CheckedRuntimeOptions, RuntimeOptions } from "./runtime-options.ts";
import type { Services } from "./session.ts";

/** Opens the port and the gate of every endpoint, and what else all runs of a runtime share. */
export function openServices(
  options: RuntimeOptions,
  { human, retry, macKey, telemetry }: CheckedRuntimeOptions,
): Services {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const ports = new Map(options.catalog.endpoints.map((endpoint) => [endpoint.name, openModel(endpoint, clock)]));
  const served = options.catalog.endpoints.filter(({ model }) => !isLabelModel(model));
  const gating = { clock, random, fleet: options.engine?.places };
  const gates = new Map(served.map((endpoint) => [endpoint.name, new EndpointGate(endpoint, gating)]));
  const candidates = options.catalog.endpoints.map((endpoint): Candidate =>
    Object.freeze({ endpoint, capabilities: frozenCopy(ports.get(endpoint.name)!.capabilities) }),
  );
  const monitor = options.feedback === false ? undefined : new EndpointMonitor(clock);
  const around = {
    clock,
    random,
    human,
    monitor,
    macKey,
    telemetry,
    metrics: new Metrics(options.telemetry?.meterProvider),
  };
  return { policy: options.policy, candidates, ports, gates, retry, ...around, memo: new MemoStore(clock) };
}
