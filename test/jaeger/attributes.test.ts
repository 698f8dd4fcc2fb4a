import { beforeAll, describe, expect, inject, it } from "vitest";
import type { ReadSpan } from "../../scripts/jaeger/otlp-json.ts";
import { ways, type Way } from "./graphs.ts";
import { needsJaeger, readBack } from "./jaeger.ts";
import { rootOf } from "./trace-properties.ts";

needsJaeger();

interface Carrier {
  /** The first span whose name begins so. */
  readonly span: string;
  readonly way: Way;
  readonly names: readonly string[];
}

const own = (prefix: string, ...names: readonly string[]): string[] => names.map((name) => `tierwise.${prefix}${name}`);

const carriers: readonly Carrier[] = [
  {
    span: "invoke_workflow",
    way: "escalate",
    names: [
      ...["gen_ai.operation.name", "gen_ai.agent.name", "gen_ai.workflow.name"],
      ...own("", "graph.version", "llm.calls", "tool.calls", "escalations", "retries", "report"),
      ...own("run.", "id", "segment", "outcome", "escalated"),
      ...own("steps.", "executed", "skipped", "cached", "failed"),
      ...own("tokens.", "input", "output"),
      ...own("cost.", "usd", "currency", "complete", "bucket", "slm_usd", "llm_usd", "baseline_usd", "saved_usd"),
    ],
  },
  { span: "invoke_workflow", way: "budget", names: own("budget.", "limit_usd", "spent_usd") },
  {
    span: "step",
    way: "escalate",
    names: [
      ...["gen_ai.operation.name", "gen_ai.agent.name"],
      ...own("", "run.id", "complexity.tier", "privacy.tier", "privacy.label"),
      ...own("step.", "name", "kind", "index", "outcome", "attempts", "escalated", "escalation_path", "cost_usd"),
      ...own("step.", "queue_ms", "tokens.input", "tokens.output"),
      ...own("policy.", "rule", "version", "reason", "class", "model", "rejected"),
    ],
  },
  { span: "fanout", way: "map", names: own("fanout.", "size") },
  {
    span: "chat",
    way: "escalate",
    names: [
      ...["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.output.type"],
      ...["gen_ai.request.model", "gen_ai.request.max_tokens", "gen_ai.request.stream"],
      ...["gen_ai.response.id", "gen_ai.response.finish_reasons"],
      ...["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"],
      ...own("", "run.id", "step.name", "usage.source"),
      ...own("model.", "endpoint", "class", "location"),
      ...own("attempt.", "number", "kind", "outcome", "reject_reason"),
      ...own("confidence.", "kind", "raw", "threshold"),
      ...own("cost.", "usd", "source", "price_version"),
    ],
  },
  {
    span: "chat",
    way: "detailedUsage",
    names: [
      ...["cache_read.input_tokens", "cache_write.input_tokens", "cache_creation.input_tokens"],
      "reasoning.output_tokens",
    ].map((name) => `gen_ai.usage.${name}`),
  },
  {
    span: "execute_tool",
    way: "pricedTool",
    names: [
      ...["gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.tool.call.id"],
      ...own("", "run.id", "step.name"),
      ...own("tool.", "attempt", "effect", "cost_usd", "result_bytes"),
    ],
  },
];

const read = new Map<Way, readonly ReadSpan[]>();

beforeAll(async () => {
  if (inject("jaeger") === undefined) return;
  for (const way of new Set(carriers.map((carrier) => carrier.way))) read.set(way, await readBack(ways[way]));
});

describe("Jaeger shows", () => {
  for (const { span, way, names } of carriers)
    for (const name of names)
      it(`${name} on a ${span} span`, () => {
        const found = read.get(way)!.find((candidate) => candidate.name.startsWith(`${span} `));
        expect(Object.keys(found!.attributes)).toContain(name);
      });

  it("no gen_ai.* on a code step", async () => {
    const code = (await readBack(ways.skipped)).find(({ name }) => name === "step taken");
    expect(Object.keys(code!.attributes).filter((name) => name.startsWith("gen_ai."))).toEqual([]);
  });

  it("a report with tier, model, attempts, money and time of each step", () => {
    const report = JSON.parse(String(rootOf(read.get("escalate")!).attributes["tierwise.report"])) as object;
    expect(report).toMatchObject({
      answer: {
        tier: "generation",
        model: "small, large",
        attempts: 2,
        usd: 0.00022,
        ms: expect.any(Number) as number,
      },
    });
  });

  it("each decision with its rule and reason as an event of its step", () => {
    const step = read.get("escalate")!.find(({ name }) => name === "step answer")!;
    expect(step.events.map(({ name }) => name)).toEqual(["tierwise.policy.decision"]);
    expect(step.events[0]!.attributes).toMatchObject({
      "tierwise.policy.rule": "tier-ladder",
      "tierwise.policy.reason": expect.stringContaining("small (slm, on-prem), then large") as string,
    });
  });
});
