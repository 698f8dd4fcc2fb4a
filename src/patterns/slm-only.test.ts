import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createPolicy,
  createRuntime,
  endpoint,
  graph,
  slmOnly,
  slmOnlyRule,
  type Complexity,
  type PolicyOptions,
} from "../index.ts";
import { ScriptedModel, type Script } from "../testing/index.ts";

function oneStep(complexity: Complexity) {
  const g = graph("one", { input: z.object({}) });
  return g.output(
    g.model("reply", { needs: {}, complexity, output: z.object({ ok: z.boolean() }), prompt: () => "p" }),
  );
}

function catalogOf(small: Script, certified?: Complexity) {
  const large = new ScriptedModel([]);
  const model = new ScriptedModel(small);
  const gate = certified === undefined ? {} : { certified: { tiers: [certified], evidence: "an evaluation" } };
  const endpoints = [
    endpoint("small", { class: "slm", location: "on-prem", model, ...gate }),
    endpoint("large", { class: "llm", location: "cloud", model: large }),
  ];
  return { catalog: createCatalog(endpoints), large };
}

const good = { text: '{"ok":true}' };

describe("slmOnly", () => {
  it("asks small models only, and says which rule refused the large one", async () => {
    const { catalog, large } = catalogOf([good]);
    const runtime = createRuntime({ catalog, policy: slmOnly() });
    const { output, decisions } = await runtime.run(oneStep("generation"), {});
    expect(output).toEqual({ ok: true });
    expect(large.calls).toEqual([]);
    expect(decisions["reply"]?.[0]).toMatchObject({
      class: "slm",
      ladder: [{ endpoint: "small" }],
      refused: [{ endpoint: "large", rule: "slm-only" }],
    });
  });

  it("does not escalate a weak answer to the large model", async () => {
    const { catalog, large } = catalogOf([{ text: "not JSON" }]);
    const run = createRuntime({ catalog, policy: slmOnly() }).run(oneStep("generation"), {});
    await expect(run).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    expect(large.calls).toEqual([]);
  });

  it.each(["reasoning", "planning"] as const)(
    "refuses %s with HUMAN_REQUIRED where no person is wired",
    async (tier) => {
      const { catalog, large } = catalogOf([]);
      const runtime = createRuntime({ catalog, policy: slmOnly() });
      expect(() => runtime.plan(oneStep(tier)).check()).toThrow(expect.objectContaining({ code: "HUMAN_REQUIRED" }));
      await expect(runtime.run(oneStep(tier), {})).rejects.toMatchObject({ code: "HUMAN_REQUIRED" });
      expect(large.calls).toEqual([]);
    },
  );

  it("sends reasoning to the person who is wired", async () => {
    const { catalog } = catalogOf([]);
    const onHuman = { ask: () => Promise.resolve({ ok: false }) };
    const { output } = await createRuntime({ catalog, policy: slmOnly(), onHuman }).run(oneStep("reasoning"), {});
    expect(output).toEqual({ ok: false });
  });

  it("lets a small model reason that an evaluation certified for it", async () => {
    const { catalog } = catalogOf([good], "reasoning");
    const { output } = await createRuntime({ catalog, policy: slmOnly() }).run(oneStep("reasoning"), {});
    expect(output).toEqual({ ok: true });
  });

  it("keeps the options of a policy and refuses others", () => {
    expect(slmOnly({ acceptAt: 0.9, routeAt: 0.7 })).toMatchObject({ acceptAt: 0.9, routeAt: 0.7 });
    expect(slmOnly({ reviewRatio: 0.05 }).identity.rules).toContain("review@1");
    expect(() => slmOnly({ name: "mine" } as PolicyOptions)).toThrow("policy.name: unknown option");
  });

  it("contradicts a rule for large models only", () => {
    const only = { name: "llm-only", version: "1", only: { classes: ["llm"] }, apply: () => ({}) } as const;
    expect(() => createPolicy({ name: "none", version: "1", rules: [slmOnlyRule, only] })).toThrow(
      "contradict each other",
    );
  });
});
