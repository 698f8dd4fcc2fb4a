import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createPolicy,
  createRuntime,
  defaultPolicy,
  defaultRules,
  endpoint,
  graph,
  type Rule,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock } from "../../src/testing/index.ts";

function oneStep(options: { maxLatencyMs?: number } = {}) {
  const g = graph("one", { input: z.object({}) });
  const reply = g.model("reply", {
    needs: { input: g.input },
    complexity: "generation",
    output: z.object({ ok: z.boolean() }),
    prompt: () => "p",
    ...options,
  });
  return g.output(reply);
}

describe("tags of a run", () => {
  const forTenant: Rule = {
    name: "tenant",
    version: "1",
    apply: (shown, { tags }) => ({
      removed: shown
        .map(({ endpoint: { name } }) => name)
        .filter((name) => name !== tags["tenant"])
        .map((name) => ({ endpoint: name, reason: "another tenant's" })),
    }),
  };

  it("reach the rules at plan and at each call, and no model", async () => {
    const models = { acme: new ScriptedModel([{ text: '{"ok":true}' }]), zeta: new ScriptedModel([]) };
    const catalog = createCatalog(
      Object.entries(models).map(([name, model]) => endpoint(name, { class: "slm", location: "on-prem", model })),
    );
    const runtime = createRuntime({
      catalog,
      policy: createPolicy({ name: "tenants", version: "1", rules: [...defaultRules, forTenant] }),
    });
    await runtime.run(oneStep(), {}, { tags: { tenant: "acme" } });
    expect(models.zeta.calls).toEqual([]);
    expect(JSON.stringify(models.acme.calls)).not.toContain("tenant");
    await expect(runtime.run(oneStep(), {}, { tags: { tenant: "nobody" } })).rejects.toMatchObject({
      code: "NO_ELIGIBLE_ENDPOINT",
    });
    expect(
      runtime.plan(oneStep(), { tags: { tenant: "zeta" } }).steps[0]?.decision.ladder.map((rung) => rung.endpoint),
    ).toEqual(["zeta"]);
  });
});

describe("a step's latency bound", () => {
  it("counts the time of a rejected draft: what no longer fits is not asked", async () => {
    const clock = new SimulatedClock();
    const waits = clock.advance.bind(clock);
    const small = new ScriptedModel([{ text: "not JSON" }]);
    const large = new ScriptedModel([]);
    const slowSmall = { invoke: async (messages: unknown) => (await waits(300), small.invoke(messages)) };
    const catalog = createCatalog([
      endpoint("small", { class: "slm", location: "on-prem", model: slowSmall, latency: { p95Ms: 300 } }),
      endpoint("large", { class: "llm", location: "cloud", model: large, latency: { p95Ms: 250 } }),
    ]);
    const runtime = createRuntime({ catalog, policy: defaultPolicy(), clock });
    const run = runtime.run(oneStep({ maxLatencyMs: 500 }), {});
    await expect(run).rejects.toThrow(
      'step "reply": no endpoint of the ladder gave an acceptable answer; the last one (small)',
    );
    expect(large.calls).toEqual([]);
  });
});

describe("a rule that writes into what it is shown", () => {
  const attempt = (write: () => unknown): void => {
    try {
      write();
    } catch {
      // Frozen: nothing was written.
    }
  };
  const vandal: Rule = {
    name: "vandal",
    version: "1",
    apply(shown, { excluded }) {
      attempt(() => ((excluded as unknown[]).length = 0));
      for (const { capabilities } of shown) attempt(() => Object.assign(capabilities, { outputLimit: true }));
      return {};
    },
  };
  const policy = createPolicy({ name: "own", version: "1", rules: [vandal, ...defaultRules] });
  const weak = () => ({ text: "no JSON" });
  const here = { class: "slm", location: "on-prem" } as const;

  it("does not make a step ask again whom it has asked", async () => {
    const models = ["a", "b"].map((name) => [name, new ScriptedModel(weak)] as const);
    const catalog = createCatalog(models.map(([name, model]) => endpoint(name, { ...here, model: model.factory })));
    const running = createRuntime({ catalog, policy }).run(oneStep(), {}, { budget: { durationMs: 2_000 } });
    await expect(running).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    expect(models.map(([, { calls }]) => calls.length)).toEqual([1, 1]);
  });

  it("does not let an endpoint through in a later run that a money budget holds back", async () => {
    const model = new ScriptedModel(weak);
    // Its output limit cannot be set.
    const unbounded = { invoke: model.invoke.bind(model) };
    const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
    const catalog = createCatalog([endpoint("only", { ...here, price, model: unbounded })]);
    const runtime = createRuntime({ catalog, policy });
    await expect(runtime.run(oneStep(), {})).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    const capped = runtime.run(oneStep(), {}, { budget: { costUsd: 1 } });
    await expect(capped).rejects.toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
    expect(model.calls).toHaveLength(1);
  });
});
