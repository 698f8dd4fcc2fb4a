import { describe, expect, it } from "vitest";
import * as z from "zod";
import { latencyBoundMs, latencyClasses, type Demands } from "../tiers/demands.ts";
import type { PlacedStep } from "./definition.ts";
import { graph } from "./graph.ts";
import type { DemandsSpec } from "./types/demands.ts";

/** The demands of a model step, or of an agent of at most `maxTurns` turns, in a graph with defaults. */
function demandsOf(step: DemandsSpec, defaults?: DemandsSpec, maxTurns?: number): Demands {
  const g = graph("desk", { input: z.object({ note: z.string() }), ...(defaults && { defaults }) });
  const common = { needs: { input: g.input }, output: z.string(), prompt: () => "", ...step };
  const ref =
    maxTurns === undefined
      ? g.model("work", { ...common, complexity: "generation" })
      : g.agent("work", { ...common, tools: [], maxTurns });
  return (g.output(ref).definition.steps[0] as PlacedStep).demands;
}

const tokens = (input: number, output: number) => ({ inputTokens: input, outputTokens: output });

describe("what a step demands", () => {
  it("is nothing where nobody said anything", () => {
    expect(demandsOf({})).toEqual({});
  });

  it("is read with every unit resolved", () => {
    expect(
      demandsOf({
        latency: "fast",
        volume: { requestsPerDay: 100 },
        domain: "legal",
        requires: { languages: ["de"] },
        minQuality: 0.9,
        escalation: "human",
        acceptAt: 0,
        workload: { inputTokens: { low: 100, high: 300 }, outputTokens: 100, escalationRatio: 0.1 },
      }),
    ).toEqual({
      maxLatencyMs: 500,
      volume: { requestsPerDay: 100, tokensPerMonth: 900_000 },
      domain: { name: "legal", specificity: "high" },
      requires: { languages: ["de"] },
      minQuality: 0.9,
      escalation: "human",
      acceptAt: 0,
      workload: {
        inputTokens: { low: 100, high: 300 },
        outputTokens: { low: 100, high: 100 },
        turns: { low: 1, high: 1 },
        escalationRatio: 0.1,
      },
    });
  });

  it.each<[DemandsSpec, Demands["volume"]]>([
    [{ volume: { tokensPerMonth: 21_000 } }, { requestsPerDay: 1, tokensPerMonth: 21_000 }],
    [{ volume: { requestsPerDay: 1 } }, { requestsPerDay: 1, tokensPerMonth: 21_000 }],
    [{ volume: { tokensPerMonth: 0 } }, { requestsPerDay: 0, tokensPerMonth: 0 }],
    [
      { volume: { tokensPerMonth: 60_000 }, workload: tokens(1_500, 500) },
      { requestsPerDay: 1, tokensPerMonth: 60_000 },
    ],
  ])("counts volume in requests and tokens, 700 a request unless a workload says otherwise: %j", (step, volume) => {
    expect(demandsOf(step).volume).toEqual(volume);
  });

  it("takes a volume of its own with its own workload, or with the graph's", () => {
    const volume = { requestsPerDay: 1 };
    expect(demandsOf({ volume }, { workload: tokens(50, 50) }).volume?.tokensPerMonth).toBe(3_000);
    expect(demandsOf({ volume, workload: tokens(5, 5) }, { workload: tokens(50, 50) }).volume?.tokensPerMonth).toBe(
      300,
    );
  });
});

const defaults: DemandsSpec = {
  maxLatencyMs: 800,
  volume: { tokensPerMonth: 21_000 },
  domain: { name: "legal", specificity: "specific" },
  requires: { tools: true, contextTokens: 8_000 },
  minQuality: 0.8,
  escalation: "never",
  acceptAt: 0.7,
  workload: tokens(300, 400),
};

describe("a graph's defaults", () => {
  it("are what a step demands that says nothing", () => {
    expect(demandsOf({}, defaults)).toEqual({
      maxLatencyMs: 800,
      volume: { requestsPerDay: 1, tokensPerMonth: 21_000 },
      domain: { name: "legal", specificity: "specific" },
      requires: { tools: true, contextTokens: 8_000 },
      minQuality: 0.8,
      escalation: "never",
      acceptAt: 0.7,
      workload: {
        inputTokens: { low: 300, high: 300 },
        outputTokens: { low: 400, high: 400 },
        turns: { low: 1, high: 1 },
      },
    });
  });

  it.each<[DemandsSpec, Partial<Demands>]>([
    [{ volume: { tokensPerMonth: 42_000 } }, { volume: { requestsPerDay: 2, tokensPerMonth: 42_000 } }],
    [{ domain: "medical" }, { domain: { name: "medical", specificity: "high" } }],
    [{ minQuality: 0 }, { minQuality: 0 }],
    [{ escalation: "allowed" }, { escalation: "allowed" }],
    [{ acceptAt: 0 }, { acceptAt: 0 }],
  ])("give way to what a step says, and to that alone: %j", (step, own) => {
    expect(demandsOf(step, defaults)).toEqual({ ...demandsOf({}, defaults), ...own });
  });

  it("and a step's requirements hold together, the step's where both say something", () => {
    const requires = { contextTokens: 32_000, languages: ["de"] };
    expect(demandsOf({ requires }, defaults).requires).toEqual({ tools: true, ...requires });
    expect(demandsOf({ requires: { tools: false } }, defaults).requires).toEqual({
      tools: false,
      contextTokens: 8_000,
    });
  });

  it.each(latencyClasses)("with a bound in milliseconds give way to a step's latency class: %s", (latency) => {
    const { maxLatencyMs } = demandsOf({ latency }, defaults);
    expect(maxLatencyMs).toBe(latencyBoundMs[latency]);
  });

  it.each(latencyClasses)("with a latency class give way to a step's bound, and stay without one: %s", (latency) => {
    expect(demandsOf({ maxLatencyMs: 70 }, { latency }).maxLatencyMs).toBe(70);
    expect(demandsOf({}, { latency }).maxLatencyMs).toBe(latencyBoundMs[latency]);
  });

  it("leave no bound where a step is batch", () => {
    expect(demandsOf({ latency: "batch" }, defaults)).not.toHaveProperty("maxLatencyMs");
  });

  it("stay the author's own objects: none of them is frozen or shared", () => {
    const requires = { languages: ["de"] };
    const shared = { requires };
    const { requires: read } = demandsOf({}, shared);
    requires.languages.push("fr");
    expect(read).toEqual({ languages: ["de"] });
  });
});

describe("the turns of a workload", () => {
  it.each<[string, DemandsSpec, DemandsSpec, number | undefined, { low: number; high: number }]>([
    ["one for a model step", { workload: tokens(1, 1) }, {}, undefined, { low: 1, high: 1 }],
    ["one for a model step, by the graph's workload", {}, { workload: tokens(1, 1) }, undefined, { low: 1, high: 1 }],
    ["up to its limit for an agent", { workload: tokens(1, 1) }, {}, 5, { low: 1, high: 5 }],
    ["up to its limit for an agent, by the graph's workload", {}, { workload: tokens(1, 1) }, 5, { low: 1, high: 5 }],
    ["what the agent says", { workload: { ...tokens(1, 1), turns: 3 } }, {}, 5, { low: 3, high: 3 }],
    ["what the graph says", {}, { workload: { ...tokens(1, 1), turns: { low: 2, high: 4 } } }, 5, { low: 2, high: 4 }],
  ])("are %s", (...[, step, own, maxTurns, turns]) => {
    expect(demandsOf(step, own, maxTurns).workload?.turns).toEqual(turns);
  });

  it("are the eight of an agent that names no limit", () => {
    const g = graph("desk", { input: z.object({ note: z.string() }) });
    const common = { needs: { input: g.input }, output: z.string(), prompt: () => "", tools: [] };
    const { definition } = g.output(g.agent("work", { ...common, workload: tokens(1, 1) }));
    expect((definition.steps[0] as PlacedStep).demands.workload?.turns).toEqual({ low: 1, high: 8 });
  });
});
