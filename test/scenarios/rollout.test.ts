import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createPolicy,
  createRuntime,
  defaultRules,
  endpoint,
  graph,
  ProviderError,
  type Decision,
  type Rule,
  type RunEvent,
  type RuntimeOptions,
} from "../../src/index.ts";
import { createRegistry, type Registry } from "../../src/governance/registry.ts";
import { experiment, withExperiments } from "../../src/policy/experiment.ts";
import { ScriptedModel, type ScriptedReply } from "../../src/testing/index.ts";

const signed = { by: "ana", reason: "why" };

function oneStep() {
  const g = graph("one", { input: z.object({}) });
  return g.output(g.model("reply", { ...spec, needs: { input: g.input } }));
}
const spec = { complexity: "generation", output: z.object({ ok: z.boolean() }), prompt: () => "p" } as const;

/** Two steps, the second after the first. */
function twoSteps() {
  const g = graph("two", { input: z.object({}) });
  const first = g.model("first", { ...spec, needs: { input: g.input } });
  return g.output(g.model("second", { ...spec, needs: { first } }));
}

const fine = (): ScriptedReply => ({ text: '{"ok":true}' });

/** Endpoints phi4 and its next version (small) and gpt (large), each answering as told. */
function fleet(replies: Partial<Record<"phi4" | "phi4-v2" | "gpt", () => ScriptedReply>> = {}) {
  const models = Object.fromEntries(
    (["phi4", "phi4-v2", "gpt"] as const).map((name) => [name, new ScriptedModel(replies[name] ?? fine)]),
  ) as Record<"phi4" | "phi4-v2" | "gpt", ScriptedModel>;
  const price = (usd: number) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });
  const catalog = createCatalog([
    endpoint("phi4", { class: "slm", location: "on-prem", model: models.phi4, price: price(1) }),
    endpoint("phi4-v2", { class: "slm", location: "on-prem", model: models["phi4-v2"], price: price(2) }),
    endpoint("gpt", { class: "llm", location: "cloud", model: models.gpt, price: price(9) }),
  ]);
  return { models, runtimeWith: (policy: RuntimeOptions["policy"]) => createRuntime({ catalog, policy }) };
}

const upgrade = (canary: number) =>
  experiment({
    name: "phi4-upgrade",
    version: String(canary),
    key: "tenant",
    arms: {
      canary: { weight: canary, endpoints: ["phi4-v2"] },
      control: { weight: 1 - canary, endpoints: ["phi4"] },
    },
  });
const acme = (version: string, ...rules: Parameters<typeof withExperiments>[1][]) =>
  createPolicy({ name: "acme", version, rules: withExperiments(defaultRules, ...rules) });

const tenants = Array.from({ length: 1_000 }, (_, index) => `tenant-${index}`);
const firstOf = (decision: Decision | undefined) => decision?.ladder[0]?.endpoint;
const canaryTenant = tenants.find((tenant) => armOf(0.1, tenant) === "canary")!;

function armOf(weight: number, tenant: string): string | undefined {
  const { runtimeWith } = fleet();
  const plan = runtimeWith(acme("1", upgrade(weight))).plan(oneStep(), { tags: { tenant } });
  return plan.steps[0]?.decision.assignments[0]?.arm;
}

describe("a canary of one tenth", () => {
  it("gets 8 to 12 % of the tenants, the same in every run, and each decision says so", async () => {
    const { models, runtimeWith } = fleet();
    const runtime = runtimeWith(acme("1", upgrade(0.1)));
    const started = oneStep();
    const canaries = async () => {
      const results = tenants.map(async (tenant) => {
        const { decisions } = await runtime.run(started, {}, { tags: { tenant } });
        expect(decisions["reply"]).toHaveLength(1);
        return decisions["reply"]![0]!;
      });
      const decisions = await Promise.all(results);
      for (const decision of decisions) {
        const [assignment, ...others] = decision.assignments;
        expect(others).toEqual([]);
        expect(assignment?.experiment).toBe("phi4-upgrade");
        expect(firstOf(decision)).toBe(assignment?.arm === "canary" ? "phi4-v2" : "phi4");
        expect(decision.policy.rules).toContain("phi4-upgrade@0.1");
      }
      return tenants.filter((_, index) => decisions[index]?.assignments[0]?.arm === "canary");
    };
    const first = await canaries();
    expect(first.length).toBeGreaterThanOrEqual(80);
    expect(first.length).toBeLessThanOrEqual(120);
    expect(models["phi4-v2"].calls).toHaveLength(first.length);
    expect(models.phi4.calls).toHaveLength(1_000 - first.length);
    expect(await canaries()).toEqual(first);
  });

  it("is planned with the arm of the tags, and with the control where there are none", () => {
    const runtime = fleet().runtimeWith(acme("1", upgrade(0.1)));
    const [planned] = runtime.plan(oneStep(), { tags: { tenant: canaryTenant } }).steps;
    expect(firstOf(planned?.decision)).toBe("phi4-v2");
    const [unknown] = runtime.plan(oneStep()).steps;
    expect(firstOf(unknown?.decision)).toBe("phi4");
    expect(unknown?.decision.flags).toEqual(["experiment:phi4-upgrade:no-key"]);
  });

  it("falls back to the control when its endpoint fails, and says that too", async () => {
    const down = () => ({ error: new ProviderError("down", { retryable: false, errorType: "503", status: 503 }) });
    const { models, runtimeWith } = fleet({ "phi4-v2": down });
    const runtime = runtimeWith(acme("1", upgrade(0.1)));
    const { output, decisions } = await runtime.run(oneStep(), {}, { tags: { tenant: canaryTenant } });
    expect(output).toEqual({ ok: true });
    expect([models["phi4-v2"], models.phi4, models.gpt].map(({ calls }) => calls.length)).toEqual([1, 1, 0]);
    expect(decisions["reply"]!.map(({ ladder }) => ladder.map((rung) => rung.endpoint))).toEqual([
      ["phi4-v2", "gpt"],
      ["phi4", "gpt"],
    ]);
    expect(decisions["reply"]![1]?.flags).toEqual(["experiment:phi4-upgrade:fallback"]);
  });

  it("escalates to the large model, not to the control, after a weak answer", async () => {
    const { models, runtimeWith } = fleet({ "phi4-v2": () => ({ text: "not JSON" }) });
    const runtime = runtimeWith(acme("1", upgrade(0.1)));
    const { decisions } = await runtime.run(oneStep(), {}, { tags: { tenant: canaryTenant } });
    expect([models["phi4-v2"], models.phi4, models.gpt].map(({ calls }) => calls.length)).toEqual([1, 0, 1]);
    expect(decisions["reply"]).toHaveLength(1);
  });
});

function registryWith(...versions: readonly string[]): Registry {
  const registry = createRegistry();
  for (const version of versions) registry.addPolicy(acme(version));
  registry.activate({ policy: "acme", version: versions[0]!, ...signed });
  return registry;
}

describe("a runtime under a registry", () => {
  const versionsOf = (decisions: Readonly<Record<string, readonly Decision[]>>) =>
    Object.values(decisions).flatMap((all) => all.map(({ policy }) => policy.version));

  it("pins a run's policy when it starts: what is rolled back meanwhile is for the next run", async () => {
    const registry = registryWith("1", "2");
    registry.activate({ policy: "acme", version: "2", ...signed });
    const runtime = fleet().runtimeWith(registry);
    const started = twoSteps();
    const run = await runtime.start(started, {});
    run.on("step-end", (event: Extract<RunEvent, { type: "step-end" }>) => {
      if (event.step === "first") registry.rollback({ policy: "acme", ...signed });
    });
    expect(versionsOf((await run.result).decisions)).toEqual(["2", "2"]);
    expect(registry.active().policy?.version).toBe("1");
    expect(versionsOf((await runtime.run(started, {})).decisions)).toEqual(["1", "1"]);
  });

  it("pins the versions of models as well", async () => {
    const registry = registryWith("1");
    registry.addModel({ model: "phi4", version: "1", endpoint: "phi4", class: "slm" });
    registry.addModel({ model: "phi4", version: "2", endpoint: "phi4-v2", class: "slm" });
    registry.activate({ model: "phi4", version: "1", ...signed });
    registry.activate({ model: "phi4", version: "2", ...signed });
    const { models, runtimeWith } = fleet();
    const runtime = runtimeWith(registry);
    const run = await runtime.start(twoSteps(), {});
    run.on("step-end", (event: Extract<RunEvent, { type: "step-end" }>) => {
      if (event.step === "first") registry.rollback({ model: "phi4", ...signed });
    });
    await run.result;
    expect([models.phi4.calls.length, models["phi4-v2"].calls.length]).toEqual([0, 2]);
    await runtime.run(twoSteps(), {});
    expect([models.phi4.calls.length, models["phi4-v2"].calls.length]).toEqual([2, 2]);
  });

  it("admits no run by a plan that was made for another policy", async () => {
    const registry = registryWith("1");
    const closed: Rule = {
      name: "closed",
      version: "1",
      apply: (shown) => ({ removed: shown.map((one) => ({ endpoint: one.endpoint.name, reason: "closed" })) }),
    };
    registry.addPolicy(acme("2", closed));
    const runtime = fleet().runtimeWith(registry);
    const started = oneStep();
    await runtime.run(started, {});
    registry.activate({ policy: "acme", version: "2", ...signed });
    await expect(runtime.start(started, {})).rejects.toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
    registry.rollback({ policy: "acme", ...signed });
    await expect(runtime.run(started, {})).resolves.toMatchObject({ output: { ok: true } });
  });

  it("plans a graph once for a policy, as long as nothing changes", async () => {
    let asked = 0;
    const counting: Rule = { name: "counting", version: "1", apply: () => ((asked += 1), {}) };
    const registry = createRegistry();
    registry.addPolicy(acme("1", counting));
    registry.activate({ policy: "acme", version: "1", ...signed });
    const runtime = fleet().runtimeWith(registry);
    const started = oneStep();
    const countedIn = async () => {
      const before = asked;
      await runtime.run(started, {});
      return asked - before;
    };
    expect([await countedIn(), await countedIn()]).toEqual([2, 1]);
    registry.addModel({ model: "qwen", version: "1", endpoint: "qwen", class: "slm" });
    expect([await countedIn(), await countedIn()]).toEqual([2, 1]);
  });

  it("plans and runs a canary of a policy by the same tag", async () => {
    const registry = registryWith("1", "2");
    registry.activate({ policy: "acme", version: "2", weight: 0.1, key: "tenant", ...signed });
    const runtime = fleet().runtimeWith(registry);
    const started = oneStep();
    const planned = tenants.map(
      (tenant) => runtime.plan(started, { tags: { tenant } }).steps[0]?.decision.policy.version,
    );
    const run = tenants.map(
      async (tenant) => (await runtime.run(started, {}, { tags: { tenant } })).decisions["reply"],
    );
    expect((await Promise.all(run)).map((all) => all?.[0]?.policy.version)).toEqual(planned);
    const canaries = planned.filter((version) => version === "2").length;
    expect(canaries).toBeGreaterThanOrEqual(80);
    expect(canaries).toBeLessThanOrEqual(120);
  });

  it("refuses runs, not its creation, while no policy is active", async () => {
    const runtime = fleet().runtimeWith(createRegistry());
    await expect(runtime.run(oneStep(), {})).rejects.toThrow("registry: no policy is active");
  });

  it("says so when a source returns no policy", async () => {
    const runtime = fleet().runtimeWith({ policyFor: () => "acme" as never });
    await expect(runtime.run(oneStep(), {})).rejects.toMatchObject({
      code: "RUNTIME_INVALID",
      message: 'runtime.policy: policyFor returned "acme"; it must return a policy such as createPolicy(...)',
    });
  });

  it("gives a source the run's id and tags, and for a plan the tags", async () => {
    const asked: unknown[] = [];
    const policy = acme("1");
    const runtime = fleet().runtimeWith({ policyFor: (run) => (asked.push(run), policy) });
    await runtime.run(oneStep(), {}, { runId: "r1", tags: { tenant: "t" } });
    runtime.plan(oneStep(), { tags: { tenant: "u" } });
    expect(asked).toEqual([{ runId: "r1", tags: { tenant: "t" } }, { tags: { tenant: "u" } }]);
  });
});
