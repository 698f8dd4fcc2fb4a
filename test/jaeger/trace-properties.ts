/** What holds of every trace, whatever its graph did. */
import { expect } from "vitest";
import type { ReadAttributes, ReadSpan } from "../../scripts/jaeger/otlp-json.ts";

/** By these a run is found: Jaeger compares attributes of one span only. */
const searchKeys = [
  ...["gen_ai.operation.name", "gen_ai.agent.name", "tierwise.run.id", "tierwise.graph.version"],
  ...["tierwise.run.segment", "tierwise.run.outcome", "tierwise.run.escalated", "tierwise.cost.bucket"],
];

export function expectContract(spans: readonly ReadSpan[]): void {
  const root = rootOf(spans);
  expect(Object.keys(root.attributes)).toEqual(expect.arrayContaining(searchKeys));
  expectParentsEndLast(spans);
  expectMoneyAddsUp(spans);
  expectUsageOnLeavesOnly(spans);
  expectErrorsWhereSomethingFailed(spans);
}

export function rootOf(spans: readonly ReadSpan[]): ReadSpan {
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  expect(roots.map(({ name }) => name.split(" ")[0])).toEqual(["invoke_workflow"]);
  return roots[0]!;
}

/**
 * The SDK of the host takes the start of each span from one clock, in whole milliseconds, and its length from another one: ends
 * are off by the grain, and by as long as the process was put aside between the two. The order itself is proved where it can
 * be seen, without times: `exit-matrix.test.ts`.
 */
const clockErrorNs = 50_000_000n;

function expectParentsEndLast(spans: readonly ReadSpan[]): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  for (const { name, parentSpanId, startNs, endNs } of spans) {
    if (parentSpanId === undefined) continue;
    const parent = byId.get(parentSpanId);
    expect(parent, `the parent of ${name}`).toBeDefined();
    expect(startNs >= parent!.startNs, `${name} starts before ${parent!.name}`).toBe(true);
    expect(endNs <= parent!.endNs + clockErrorNs, `${name} ends after ${parent!.name}`).toBe(true);
  }
}

/** In pico-dollars, as the ledger counts: sums of fractions of a dollar are no longer exact. */
function expectMoneyAddsUp(spans: readonly ReadSpan[]): void {
  const sum = spans.reduce((total, span) => total + leafCost(span), 0);
  expect(sum, "the sum of the leaves").toBe(pico(rootOf(spans).attributes["tierwise.cost.usd"]));
}

function leafCost({ name, attributes }: ReadSpan): number {
  if (name.startsWith("chat ")) return pico(attributes["tierwise.cost.usd"]);
  return name.startsWith("execute_tool ") ? pico(attributes["tierwise.tool.cost_usd"]) : 0;
}

function pico(usd: ReadAttributes[string] | undefined): number {
  return Math.round(Number(usd ?? 0) * 1e12);
}

/** Back ends count every span that has them. */
function expectUsageOnLeavesOnly(spans: readonly ReadSpan[]): void {
  for (const { name, attributes } of spans) {
    const counted = Object.keys(attributes).filter((key) => /^gen_ai\.(usage\.|request\.model$)/.test(key));
    if (name.startsWith("chat ")) expect(counted, name).toContain("gen_ai.request.model");
    else expect(counted, name).toEqual([]);
  }
}

function expectErrorsWhereSomethingFailed(spans: readonly ReadSpan[]): void {
  for (const { name, status, attributes } of spans) {
    expect(status, name).toBe(attributes["error.type"] === undefined ? "UNSET" : "ERROR");
    if (attributes["tierwise.run.outcome"] === "completed") expect(status, name).toBe("UNSET");
    if (attributes["tierwise.step.outcome"] === "completed") expect(status, name).toBe("UNSET");
    if (["accepted", "rejected"].includes(String(attributes["tierwise.attempt.outcome"])))
      expect(status, name).toBe("UNSET");
  }
}
