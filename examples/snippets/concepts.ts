/** What the short pages of docs/concepts/ show. Nothing here is called when it is loaded. */
import {
  chooseThreshold,
  createPolicy,
  createRegistry,
  createRuntime,
  defaultRules,
  exportRun,
  flowsTo,
  joinLabels,
  makeLabel,
  printTrace,
  selectiveAccuracy,
  traceRecorder,
  type Catalog,
  type Graph,
  type Policy,
  type Rule,
  type ScoredAnswer,
} from "tierwise";
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";

export function labels() {
  // #region labels
  const ticket = makeLabel({ level: "customer", compartments: ["pii"] });
  const order = makeLabel({ level: "regulated", compartments: ["pci"] });
  const both = joinLabels(ticket, order); // regulated{pci, pii}
  return flowsTo(both, { level: "regulated", compartments: ["pii"] }); // false: pci is not cleared
  // #endregion
}

export function threshold(rows: readonly ScoredAnswer[]) {
  // #region threshold
  const acceptAt = chooseThreshold(rows, { maxErrorRate: 0.02 }); // on rows that nothing was trained on
  const quality = selectiveAccuracy(rows, acceptAt); // right among what is accepted
  // #endregion
  return { acceptAt, quality };
}

export function ruled() {
  // #region rule
  const noReasoningInTheCloud: Rule = {
    name: "no-reasoning-in-the-cloud",
    version: "1",
    apply: (candidates, { complexity }) => ({
      removed: candidates
        .filter(({ endpoint }) => complexity === "reasoning" && endpoint.location === "cloud")
        .map(({ endpoint }) => ({ endpoint: endpoint.name, reason: "reasoning stays in the house" })),
    }),
  };
  return createPolicy({ name: "acme", version: "1", rules: [...defaultRules, noReasoningInTheCloud] });
  // #endregion
}

export async function traced(catalog: Catalog, policy: Policy, graph: Graph<string, unknown>) {
  // #region traces
  const traces = traceRecorder();
  const runtime = createRuntime({ catalog, policy, telemetry: { tracerProvider: traces } });
  const run = await runtime.start(graph, "hello");
  await run.result;
  const trace = traces.trace(run);
  printTrace(trace);
  await exportRun(trace, { file: "run.json" }); // Jaeger loads it on its search page
  // #endregion
}

export function observed(
  catalog: Catalog,
  policy: Policy,
  { tracerProvider, meterProvider }: { tracerProvider: TracerProvider; meterProvider: MeterProvider },
) {
  // #region telemetry
  return createRuntime({ catalog, policy, telemetry: { tracerProvider, meterProvider } }); // default: what the host registered
  // #endregion
}

export function governed(catalog: Catalog, policyV1: Policy, policyV2: Policy) {
  // #region registry
  const registry = createRegistry();
  registry.addPolicy(policyV1);
  registry.addPolicy(policyV2);
  registry.activate({ policy: "acme", version: "1", by: "ana", reason: "first release" });
  const runtime = createRuntime({ catalog, policy: registry });
  registry.activate({ policy: "acme", version: "2", weight: 0.1, key: "tenant", by: "ana", reason: "canary" });
  registry.rollback({ policy: "acme", by: "ben", reason: "more escalations than before" });
  // #endregion
  return runtime;
}
