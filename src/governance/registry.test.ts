import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endpoint } from "../catalog/endpoint.ts";
import type { Candidate } from "../catalog/candidate.ts";
import { decide } from "../policy/decide.ts";
import type { StepFacts } from "../policy/facts.ts";
import { createPolicy, defaultPolicy, defaultRules } from "../policy/policy.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { makeLabel } from "../tiers/label.ts";
import type { RegistryState } from "./read-state.ts";
import { createRegistry, type Registry } from "./registry.ts";

const signed = { by: "ana", reason: "why" };
const policy = (version: string, name = "acme") => createPolicy({ name, version, rules: defaultRules });

/** Versions 1 to 3 of policy "acme", 1 and 2 of "zeta". */
function withPolicies(clock = new SimulatedClock(1_000)): Registry {
  const registry = createRegistry({ clock });
  for (const version of ["1", "2", "3"]) registry.addPolicy(policy(version));
  for (const version of ["1", "2"]) registry.addPolicy(policy(version, "zeta"));
  return registry;
}

function activate(registry: Registry, version: string, more: { weight?: number; key?: string; policy?: string } = {}) {
  registry.activate({ policy: "acme", ...more, version, ...signed });
}

const serving = (registry: Registry, tenant = "t") => {
  const { name, version } = registry.policyFor({ tags: { tenant } });
  return `${name}@${version}`;
};

describe("the policies of a registry", () => {
  it("are selected by activation; what is not active serves nobody", () => {
    const registry = withPolicies();
    expect(() => serving(registry)).toThrow(
      "registry: no policy is active; addPolicy(...) it and activate({ policy, version, by, reason })",
    );
    activate(registry, "2");
    expect(serving(registry)).toBe("acme@2");
    activate(registry, "1", { policy: "zeta" });
    expect(serving(registry)).toBe("zeta@1");
    expect(registry.active()).toEqual({ policy: { name: "zeta", version: "1" }, models: [] });
  });

  it("go back one after another, not to and fro", () => {
    const registry = withPolicies();
    for (const version of ["1", "2", "3"]) activate(registry, version);
    registry.rollback({ policy: "acme", ...signed });
    expect(serving(registry)).toBe("acme@2");
    registry.rollback({ policy: "acme", ...signed });
    expect(serving(registry)).toBe("acme@1");
    expect(() => registry.rollback({ policy: "acme", ...signed })).toThrow(
      "rollback.policy: nothing was active before acme@1; activate another version",
    );
  });

  it("go back to a version that is named, or of another name", () => {
    const registry = withPolicies();
    for (const version of ["1", "2", "3"]) activate(registry, version);
    registry.rollback({ policy: "acme", to: "1", ...signed });
    expect(serving(registry)).toBe("acme@1");
    activate(registry, "2", { policy: "zeta" });
    registry.rollback({ policy: "zeta", ...signed });
    expect(serving(registry)).toBe("acme@1");
  });

  it("are activated a second time without a second way back", () => {
    const registry = withPolicies();
    for (const version of ["1", "2", "2"]) activate(registry, version);
    registry.rollback({ policy: "acme", ...signed });
    expect(serving(registry)).toBe("acme@1");
  });

  it("stay the same object until something changes", () => {
    const registry = withPolicies();
    activate(registry, "1");
    const first = registry.policyFor({ tags: {} });
    expect(registry.policyFor({ tags: { tenant: "t" }, runId: "r" })).toBe(first);
    registry.addModel({ model: "phi4", version: "1", endpoint: "phi4", class: "slm" });
    expect(registry.policyFor({ tags: {} })).not.toBe(first);
  });
});

describe("a canary of a policy", () => {
  const tenants = Array.from({ length: 1_000 }, (_, index) => `tenant-${index}`);
  const inCanary = (registry: Registry) => tenants.filter((tenant) => serving(registry, tenant) === "acme@2");

  it("serves its share, always the same keys, and those without a key not at all", () => {
    const registry = withPolicies();
    activate(registry, "1");
    activate(registry, "2", { weight: 0.1, key: "tenant" });
    expect(inCanary(registry).length).toBeGreaterThan(80);
    expect(inCanary(registry).length).toBeLessThan(120);
    expect(inCanary(registry)).toEqual(inCanary(registry));
    expect(registry.policyFor({ tags: {}, runId: "r" }).version).toBe("1");
    expect(registry.active().policy).toEqual({
      ...{ name: "acme", version: "1" },
      canary: { name: "acme", version: "2", weight: 0.1, key: "tenant" },
    });
  });

  it("splits by run where no key is named", () => {
    const registry = withPolicies();
    activate(registry, "1");
    activate(registry, "2", { weight: 0.5 });
    const versions = tenants.map((runId) => registry.policyFor({ runId, tags: {} }).version);
    expect(new Set(versions)).toEqual(new Set(["1", "2"]));
  });

  it("keeps everybody it served when it grows, to the last", () => {
    const percent = fc.integer({ min: 1, max: 99 });
    fc.assert(
      fc.property(percent, percent, fc.string({ minLength: 1 }), (one, other, tenant) => {
        const registry = withPolicies();
        activate(registry, "1");
        activate(registry, "2", { weight: Math.min(one, other) / 100, key: "tenant" });
        const before = serving(registry, tenant);
        activate(registry, "2", { weight: Math.max(one, other) / 100, key: "tenant" });
        if (before === "acme@2") expect(serving(registry, tenant)).toBe("acme@2");
        activate(registry, "2");
        expect(serving(registry, tenant)).toBe("acme@2");
      }),
    );
  });

  it("ends with rollback, with another canary, and with an activation for everybody", () => {
    const registry = withPolicies();
    const canary = { weight: 0.99, key: "tenant" };
    activate(registry, "1");
    activate(registry, "2", canary);
    registry.rollback({ policy: "acme", ...signed });
    expect(inCanary(registry)).toEqual([]);
    activate(registry, "2", canary);
    activate(registry, "3", canary);
    expect(inCanary(registry)).toEqual([]);
    activate(registry, "3");
    expect(registry.active().policy).toEqual({ name: "acme", version: "3" });
    registry.rollback({ policy: "acme", ...signed });
    expect(registry.active().policy).toEqual({ name: "acme", version: "1" });
  });
});

const capabilities = {
  onlyLabels: undefined,
  tools: true,
  jsonSchema: true,
  logprobs: true,
  outputLimit: true,
  contextTokens: undefined,
};
const candidates = ["phi4-v1", "phi4-v2", "qwen", "gpt"].map((name): Candidate => {
  const model = () => ({ invoke: () => Promise.resolve(0) });
  return {
    endpoint: endpoint(name, { class: name === "gpt" ? "llm" : "slm", location: "on-prem", model }),
    capabilities,
  };
});
const facts: StepFacts = {
  step: "reply",
  kind: "model",
  complexity: "generation",
  privacy: "public",
  label: makeLabel("public"),
  needs: { tools: false, jsonSchema: false, maxOutputTokens: 100 },
  moneyCapped: false,
  excluded: [],
  atMs: 0,
  tags: {},
};

function withModels(): Registry {
  const registry = withPolicies();
  activate(registry, "1");
  registry.addModel({ model: "phi4", version: "1", endpoint: "phi4-v1", class: "slm", tags: { trainedOn: "2026-01" } });
  registry.addModel({ model: "phi4", version: "2", endpoint: "phi4-v2", class: "slm" });
  registry.addModel({ model: "gpt", version: "5", endpoint: "gpt", class: "llm" });
  return registry;
}

function decided(registry: Registry, tenant = "t", more: Partial<StepFacts> = {}) {
  const tags = { tenant };
  return decide(registry.policyFor({ tags }), candidates, { ...facts, tags, ...more });
}
const ladder = (...of: Parameters<typeof decided>) => decided(...of).ladder.map((rung) => rung.endpoint);

describe("the models of a registry", () => {
  it("are asked in their active version only; endpoints that it does not know stay", () => {
    const registry = withModels();
    registry.activate({ model: "phi4", version: "1", ...signed });
    registry.activate({ model: "gpt", version: "5", ...signed });
    expect(ladder(registry)).toEqual(["phi4-v1", "qwen", "gpt"]);
    expect(decided(registry).refused).toEqual([
      { endpoint: "phi4-v2", rule: "active-models", reason: "serves phi4@2, which is not active; phi4@1 is" },
    ]);
    registry.activate({ model: "phi4", version: "2", ...signed });
    expect(ladder(registry)).toEqual(["phi4-v2", "qwen", "gpt"]);
    registry.rollback({ model: "phi4", ...signed });
    expect(ladder(registry)).toEqual(["phi4-v1", "qwen", "gpt"]);
  });

  it("are not asked before a version was activated", () => {
    const { refused } = decided(withModels());
    expect(refused.map((one) => `${one.endpoint}: ${one.reason}`)).toEqual([
      "gpt: serves gpt@5, which is not active; no version of it is",
      "phi4-v1: serves phi4@1, which is not active; no version of it is",
      "phi4-v2: serves phi4@2, which is not active; no version of it is",
    ]);
  });

  it("stand in the identity of a decision: other active versions are another rule", () => {
    const registry = withModels();
    registry.activate({ model: "phi4", version: "1", ...signed });
    const before = registry.policyFor({ tags: {} }).identity.rules;
    registry.activate({ model: "phi4", version: "2", ...signed });
    const [first, ...rest] = registry.policyFor({ tags: {} }).identity.rules;
    expect(first).toMatch(/^active-models@[0-9a-f]{8}$/);
    expect(first).not.toBe(before[0]);
    expect(rest).toEqual(policy("1").identity.rules);
  });

  it("have canaries too, as an experiment that steps back when the new version fails", () => {
    const registry = withModels();
    registry.activate({ model: "phi4", version: "1", ...signed });
    registry.activate({ model: "gpt", version: "5", ...signed });
    registry.activate({ model: "phi4", version: "2", weight: 0.2, key: "tenant", ...signed });
    const tenants = Array.from({ length: 1_000 }, (_, index) => `tenant-${index}`);
    const canaries = tenants.filter((tenant) => ladder(registry, tenant)[0] === "phi4-v2");
    expect(canaries.length).toBeGreaterThan(160);
    expect(canaries.length).toBeLessThan(240);
    expect(decided(registry, canaries[0]).assignments[0]).toMatchObject({ experiment: "canary.phi4", arm: "canary" });
    const failed = { endpoint: "phi4-v2", rule: "failed", reason: "down" } as const;
    expect(ladder(registry, canaries[0], { excluded: [failed] })).toEqual(["phi4-v1", "qwen", "gpt"]);
    registry.rollback({ model: "phi4", ...signed });
    expect(canaries.map((tenant) => ladder(registry, tenant)[0]).every((name) => name === "phi4-v1")).toBe(true);
  });

  it("are listed by class, with their status and tags", () => {
    const registry = withModels();
    registry.activate({ model: "phi4", version: "1", ...signed });
    registry.activate({ model: "phi4", version: "2", weight: 0.5, ...signed });
    expect(registry.list({ class: "slm" })).toEqual([
      {
        ...{ what: "model", name: "phi4", version: "1", endpoint: "phi4-v1", class: "slm", status: "active" },
        tags: { trainedOn: "2026-01" },
      },
      { what: "model", name: "phi4", version: "2", endpoint: "phi4-v2", class: "slm", status: "canary", tags: {} },
    ]);
    expect(registry.list({ class: "llm" }).map(({ name, status }) => `${name} ${status}`)).toEqual(["gpt inactive"]);
    expect(registry.list().map(({ what, name, version }) => `${what} ${name}@${version}`)).toEqual([
      ...["policy acme@1", "policy acme@2", "policy acme@3", "policy zeta@1", "policy zeta@2"],
      ...["model phi4@1", "model phi4@2", "model gpt@5"],
    ]);
  });

  it("only lose endpoints: whatever is activated, nothing is asked that the policy alone would not ask", () => {
    const change = fc.record({
      model: fc.constantFrom("phi4", "gpt", "none"),
      version: fc.constantFrom("1", "2", "5"),
      weight: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      back: fc.boolean(),
    });
    const excluded = fc.shuffledSubarray(candidates.map((one) => one.endpoint.name));
    fc.assert(
      fc.property(fc.array(change), fc.string(), excluded, (changes, tenant, gone) => {
        const registry = withModels();
        for (const { back, model, version, weight } of changes) {
          try {
            if (back) registry.rollback({ model, ...signed });
            else
              registry.activate({ model, version, ...(weight !== undefined && { weight, key: "tenant" }), ...signed });
          } catch {
            // A wrong change is refused, and changes nothing.
          }
        }
        const more = { excluded: gone.map((name) => ({ endpoint: name, rule: "failed", reason: "down" }) as const) };
        const alone = decide(policy("1"), candidates, { ...facts, tags: { tenant }, ...more });
        const allowed = alone.ladder.map((rung) => rung.endpoint);
        for (const name of ladder(registry, tenant, more)) expect(allowed).toContain(name);
        const { models } = registry.active();
        const served = models.flatMap((one) =>
          [one.version, one.canary?.version].map((version) => `${one.name}@${version}`),
        );
        for (const name of ladder(registry, tenant, more))
          if (name !== "qwen") expect(served).toContain(name === "gpt" ? "gpt@5" : name.replace("-v", "@"));
      }),
    );
  });
});

describe("the history of a registry", () => {
  async function changed(): Promise<Registry> {
    const clock = new SimulatedClock(1_000);
    const registry = withPolicies(clock);
    registry.addModel({ model: "phi4", version: "1", endpoint: "phi4-v1", class: "slm" });
    registry.activate({ model: "phi4", version: "1", by: "ben", reason: "evaluated" });
    for (const version of ["1", "2"]) activate(registry, version);
    await clock.advance(50);
    activate(registry, "3", { weight: 0.1, key: "tenant" });
    registry.rollback({ policy: "acme", by: "ben", reason: "slow" });
    return registry;
  }

  it("says who changed what, when and why, and is never changed", async () => {
    const registry = await changed();
    const history = registry.history();
    expect(history).toEqual([
      { atMs: 1_000, action: "activate", what: "model", to: "phi4@1", by: "ben", reason: "evaluated" },
      { atMs: 1_000, action: "activate", what: "policy", to: "acme@1", ...signed },
      { atMs: 1_000, action: "activate", what: "policy", from: "acme@1", to: "acme@2", ...signed },
      {
        ...{ atMs: 1_050, action: "canary", what: "policy", from: "acme@2", to: "acme@3" },
        ...{ weight: 0.1, key: "tenant", ...signed },
      },
      { atMs: 1_050, action: "rollback", what: "policy", from: "acme@3", to: "acme@2", by: "ben", reason: "slow" },
    ]);
    expect(history.every((entry) => Object.isFrozen(entry))).toBe(true);
    activate(registry, "1");
    expect(history).toHaveLength(5);
    expect(registry.history().slice(0, 5)).toEqual(history);
  });

  it("holds no change that was refused", () => {
    const registry = withPolicies();
    expect(() => activate(registry, "9")).toThrow("is not registered");
    expect(registry.history()).toEqual([]);
  });

  it("is all that another process needs", async () => {
    const registry = await changed();
    activate(registry, "3", { weight: 0.3, key: "tenant" });
    const other = withPolicies();
    other.addModel({ model: "phi4", version: "1", endpoint: "phi4-v1", class: "slm" });
    other.restore(JSON.parse(JSON.stringify(registry.state())) as RegistryState);
    expect(other.active()).toEqual(registry.active());
    expect(other.history()).toEqual(registry.history());
    for (let index = 0; index < 50; index += 1)
      expect(serving(other, `t${index}`)).toBe(serving(registry, `t${index}`));
    other.rollback({ policy: "acme", ...signed });
    other.rollback({ policy: "acme", ...signed });
    expect(serving(other)).toBe("acme@1");
  });

  it("needs no version that is neither active nor gone back to", () => {
    const old = withPolicies();
    for (const version of ["1", "2", "3"]) activate(old, version);
    const registry = createRegistry();
    registry.addPolicy(policy("1"));
    registry.addPolicy(policy("3"));
    registry.restore(old.state());
    expect(serving(registry)).toBe("acme@3");
    expect(() => registry.rollback({ policy: "acme", ...signed })).toThrow(
      "rollback.to: acme@2 was active before, and is not registered now; add it, or name another version",
    );
    registry.rollback({ policy: "acme", to: "1", ...signed });
    expect(serving(registry)).toBe("acme@1");
  });

  it.each<[string, unknown, string[]]>([
    [
      "nothing",
      undefined,
      [
        "state: expected an object of options, found undefined",
        "state.format: expected 1, found undefined",
        "state.history: expected an array of changes, found undefined",
      ],
    ],
    [
      "a version that is not registered",
      [{ atMs: 1, action: "activate", what: "policy", to: "acme@9", ...signed }],
      [
        "state.history: policy acme@9 is active in it and not registered (registered are acme@1, acme@2, acme@3, zeta@1, zeta@2); add it before restore",
      ],
    ],
    [
      "a model that is not registered",
      [{ atMs: 1, action: "activate", what: "model", to: "phi4@1", ...signed }],
      ["state.history: model phi4@1 is active in it and not registered (registered are none); add it before restore"],
    ],
    [
      "a damaged entry",
      [7, { atMs: "1", action: "open", what: "policy", from: 1, to: "acme", by: "", reason: "r" }],
      [
        "state.history[0]: expected an object of options, found 7",
        "state.history[0].atMs: expected milliseconds since the Unix epoch, found undefined",
        "state.history[0].action: expected activate, canary or rollback, found undefined",
        "state.history[0].what: expected policy or model, found undefined",
        "state.history[0].to: expected name@version, found undefined",
        "state.history[0].by: expected a text, found undefined",
        "state.history[0].reason: expected a text, found undefined",
        'state.history[1].atMs: expected milliseconds since the Unix epoch, found "1"',
        'state.history[1].action: expected activate, canary or rollback, found "open"',
        "state.history[1].from: expected name@version or nothing, found 1",
        'state.history[1].to: expected name@version, found "acme"',
        'state.history[1].by: expected a text, found ""',
      ],
    ],
    [
      "a canary without its share",
      [
        { atMs: 1, action: "activate", what: "policy", to: "acme@1", ...signed },
        { atMs: 1, action: "canary", what: "policy", from: "acme@1", to: "acme@2", weight: 2, ...signed },
      ],
      [
        "state.history[1].weight: expected a number above 0 and below 1, found 2",
        "state.history[1].key: expected a text, found undefined",
      ],
    ],
    [
      "changes that cannot have happened",
      [
        { atMs: 1, action: "canary", what: "policy", to: "acme@1", weight: 0.5, key: "tenant", ...signed },
        { atMs: 1, action: "rollback", what: "policy", to: "acme@2", ...signed },
      ],
      [
        "state.history[0]: makes acme@1 a canary while nothing was active",
        "state.history[1]: goes back to acme@2, which was not active before",
      ],
    ],
  ])("is refused in words with %s, and nothing of it is taken over", (_what, history, problems) => {
    const registry = withPolicies();
    const state = history === undefined ? undefined : { format: 1, history };
    expectProblems(() => registry.restore(state as never), problems);
    expect(registry.history()).toEqual([]);
  });

  it("is not mixed with one that was made here", () => {
    const registry = withPolicies();
    activate(registry, "1");
    expectProblems(
      () => registry.restore({ format: 1, history: [] }),
      ["restore.state: 1 changes were made here already; restore before the first activate"],
    );
  });
});

function expectProblems(attempt: () => unknown, problems: readonly string[]): void {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const message = [`registry: ${count}`, ...problems.map((problem) => `  ${problem}`)].join("\n");
  expect(attempt).toThrow(expect.objectContaining({ code: "RUNTIME_INVALID", message }));
}

describe("a wrong call of a registry", () => {
  const rule = { version: "1", apply: () => ({}) };
  const odd = createPolicy({ name: "odd", version: "1", rules: [{ name: "active-models", ...rule }] });
  const phi4 = { model: "phi4", version: "1", endpoint: "phi4-v1", class: "slm" } as const;
  const registered = "acme, zeta";

  it.each<[string, (registry: Registry) => unknown, string[]]>([
    [
      "no policy",
      (r) => r.addPolicy(undefined as never),
      [
        "policy: expected an object of options, found undefined",
        "policy.rules: expected what createPolicy(...) or defaultPolicy() returns, found undefined",
      ],
    ],
    [
      "a policy written by hand",
      (r) => r.addPolicy({ name: "own", version: "1", rules: "all" } as never),
      ['policy.rules: expected what createPolicy(...) or defaultPolicy() returns, found "all"'],
    ],
    [
      "a version twice",
      (r) => r.addPolicy(policy("1")),
      ["policy.version: acme@1 is registered already; versions never change, name a new one"],
    ],
    [
      "a rule of the registry's name",
      (r) => r.addPolicy(odd),
      ['policy.rules: "active-models" is a name of the registry\'s own rules; rename it'],
    ],
    [
      "a model full of mistakes",
      (r) =>
        r.addModel({ model: "phi 4", version: "", endpoint: 4, class: "medium", tags: { a: 1 }, weight: 1 } as never),
      [
        "model.weight: unknown option; known are model, version, endpoint, class, tags",
        'model.model: expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first, at most 57 in all, found "phi 4"',
        'model.version: expected a text that is not empty, found ""',
        "model.endpoint: expected a text that is not empty, found 4",
        'model.class: expected one of "slm", "llm", found "medium"',
        "model.tags: expected texts by name, found an object",
      ],
    ],
    [
      "two versions on one endpoint",
      (r) => {
        r.addModel(phi4);
        r.addModel({ ...phi4, version: "2" });
      },
      ['model.endpoint: "phi4-v1" serves phi4@1; each version needs its own'],
    ],
    [
      "an unknown policy",
      (r) => r.activate({ policy: "acmee", version: "1", ...signed }),
      [`activate.policy: no policy "acmee" is registered; registered are ${registered}`],
    ],
    [
      "an unknown version",
      (r) => r.activate({ policy: "acme", version: "9", ...signed }),
      ['activate.version: "acme@9" is not registered; registered are 1, 2, 3'],
    ],
    [
      "nobody and no reason",
      (r) => r.activate({ policy: "acme", version: "1", by: " " } as never),
      [
        'activate.by: expected a text that is not empty, found " "',
        "activate.reason: expected a text that is not empty, found undefined",
      ],
    ],
    [
      "both a policy and a model",
      (r) => r.activate({ policy: "acme", model: "phi4", version: "1", ...signed } as never),
      ["activate.policy: expected the name of either a policy or a model"],
    ],
    [
      "a canary of everybody",
      (r) => r.activate({ policy: "acme", version: "1", weight: 1, ...signed }),
      [
        "activate.weight: expected a number above 0 and below 1, found 1. For everybody, leave it out; for nobody, roll back.",
      ],
    ],
    [
      "a canary of nothing",
      (r) => r.activate({ policy: "acme", version: "1", weight: 0.1, ...signed }),
      ["activate.weight: nothing is active that could serve the rest; leave it out"],
    ],
    [
      "a canary of what is active",
      (r) => {
        activate(r, "1");
        activate(r, "1", { weight: 0.1 });
      },
      ["activate.weight: acme@1 is active for everybody already"],
    ],
    [
      "a key without a share",
      (r) => activate(r, "1", { key: "tenant" }),
      ["activate.key: belongs to a canary; give it a weight, or leave out the key"],
    ],
    [
      "a way back from nothing",
      (r) => r.rollback({ policy: "acme", ...signed }),
      ['rollback.policy: "acme" is not active; nothing is'],
    ],
    [
      "a way back from what is not active",
      (r) => {
        activate(r, "1");
        r.rollback({ policy: "zeta", ...signed });
      },
      ['rollback.policy: "zeta" is not active; acme@1 is'],
    ],
    [
      "a way back to what was never active",
      (r) => {
        activate(r, "1");
        activate(r, "2");
        r.rollback({ policy: "acme", to: "3", ...signed });
      },
      ["rollback.to: acme@3 was not active before; there is acme@1. Activate it instead."],
    ],
    [
      "a way back to what is active",
      (r) => {
        activate(r, "1");
        r.rollback({ policy: "acme", to: "1", ...signed });
      },
      ["rollback.to: acme@1 was not active before; there is nothing. Activate it instead."],
    ],
  ])("with %s is refused in words", (_what, attempt, problems) => {
    expectProblems(() => attempt(withPolicies()), problems);
  });

  it("finds a wrong clock and a misspelt option", () => {
    expectProblems(
      () => createRegistry({ clock: {}, clocks: 1 } as never),
      [
        "createRegistry.clocks: unknown option; known are clock",
        "createRegistry.clock: expected a clock with epochMs, found an object",
      ],
    );
  });

  it("takes the default policy", () => {
    const registry = createRegistry();
    registry.addPolicy(defaultPolicy());
    registry.activate({ policy: "default", version: defaultPolicy().version, ...signed });
    expect(registry.history()[0]!.atMs).toBeGreaterThan(0);
  });
});
