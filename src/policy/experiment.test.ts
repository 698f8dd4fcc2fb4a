import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate } from "../catalog/candidate.ts";
import { endpoint, type EndpointClass } from "../catalog/endpoint.ts";
import { bucketOf, shareAt } from "../common/bucket.ts";
import { makeLabel } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import { experiment, withExperiments } from "./experiment.ts";
import type { StepFacts } from "./facts.ts";
import { createPolicy, defaultRules } from "./policy.ts";

const capabilities = {
  onlyLabels: undefined,
  tools: true,
  jsonSchema: true,
  logprobs: true,
  outputLimit: true,
  contextTokens: undefined,
};

function candidate(name: string, { llm = false, p95Ms = 100, cleared = true } = {}): Candidate {
  const model = () => ({ invoke: () => Promise.resolve(0) });
  const price = { inputPerMillionTokensUsd: llm ? 5 : 1, outputPerMillionTokensUsd: llm ? 5 : 1 };
  const clearance = cleared ? "customer" : "public";
  const spec = { location: "on-prem", clearance, model, price, latency: { p95Ms } } as const;
  return { endpoint: endpoint(name, { class: llm ? "llm" : "slm", ...spec }), capabilities };
}

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

const arms = {
  canary: { weight: 0.1, endpoints: ["phi4-v2"] },
  control: { weight: 0.9, endpoints: ["phi4"] },
} as const;
const options = { name: "upgrade", version: "1", key: "tenant", arms } as const;
const catalog = [candidate("phi4"), candidate("other"), candidate("phi4-v2"), candidate("gpt", { llm: true })];

/** A tenant that the options above put into the arm. */
function tenantIn(arm: "canary" | "control"): string {
  const isCanary = (key: string) => bucketOf({ name: "upgrade", salt: "", key }) < 0.1;
  return Array.from({ length: 100 }, (_, index) => `t${index}`).find((key) => isCanary(key) === (arm === "canary"))!;
}

const inArm = (arm: "canary" | "control"): StepFacts => ({ ...facts, tags: { tenant: tenantIn(arm) } });
const names = (decision: { ladder: readonly { endpoint: string }[] }) => decision.ladder.map((rung) => rung.endpoint);
const policyWith = (...rules: Parameters<typeof withExperiments>[1][]) =>
  createPolicy({ name: "own", version: "1", rules: withExperiments(defaultRules, ...rules) });

describe("an experiment", () => {
  it("asks the endpoints of one arm, in the place of those it replaces, and says so in the decision", () => {
    const canary = decide(policyWith(experiment(options)), catalog, inArm("canary"));
    expect(names(canary)).toEqual(["other", "phi4-v2", "gpt"]);
    expect(canary.refused).toEqual([
      { endpoint: "phi4", rule: "upgrade", reason: 'experiment "upgrade": arm "canary" was chosen (by its tenant)' },
    ]);
    expect(canary.assignments).toEqual([{ experiment: "upgrade", arm: "canary", bucket: 0.05 }]);
    expect(canary.flags).toEqual([]);
    expect(canary.policy.rules).toContain("upgrade@1");
    const control = decide(policyWith(experiment(options)), catalog, inArm("control"));
    expect(names(control)).toEqual(["other", "phi4", "gpt"]);
    expect(control.assignments[0]?.arm).toBe("control");
  });

  it.each([
    ["of the first", ["phi4", "other", "phi4-v2", "gpt"], ["phi4-v2", "other", "gpt"]],
    ["of the second", ["gpt", "other", "phi4", "phi4-v2"], ["gpt", "other", "phi4-v2"]],
    ["that it has already", ["phi4-v2", "gpt", "phi4", "other"], ["phi4-v2", "gpt", "other"]],
  ])("moves a canary to the place %s endpoint of the experiment", (_what, order, expected) => {
    const shown = order.map((name) => catalog.find((one) => one.endpoint.name === name)!);
    expect(experiment(options).apply(shown, inArm("canary")).order).toEqual(expected);
  });

  it("does not put a canary of the other class first", () => {
    const across = { canary: { weight: 0.1, endpoints: ["gpt"] }, control: { weight: 0.9, endpoints: ["phi4"] } };
    const { order } = experiment({ ...options, arms: across }).apply(catalog, inArm("canary"));
    expect(order).toEqual(["other", "phi4-v2", "gpt"]);
  });

  it("keeps the order that several endpoints of one arm had", () => {
    const two = { canary: { weight: 0.1, endpoints: ["phi4-v2", "other"] }, control: arms.control };
    const { order } = experiment({ ...options, arms: two }).apply(catalog, inArm("canary"));
    expect(order).toEqual(["other", "phi4-v2", "gpt"]);
  });

  it.each<[string, Partial<StepFacts>, Candidate[]]>([
    ["failed", { excluded: [{ endpoint: "phi4-v2", rule: "failed", reason: "down" }] }, catalog],
    ["is too dear", { excluded: [{ endpoint: "phi4-v2", rule: "budget", reason: "too dear" }] }, catalog],
    ["is not in the catalog", {}, catalog.filter(({ endpoint: { name } }) => name !== "phi4-v2")],
    ["may not see the data", { label: makeLabel("customer") }, catalog.map(uncleared)],
  ])("steps back where its arm's endpoint %s", (_what, more, candidates) => {
    const decision = decide(policyWith(experiment(options)), candidates, { ...inArm("canary"), ...more });
    expect(names(decision)).toEqual(["other", "phi4", "gpt"]);
    expect(decision.flags).toEqual(["experiment:upgrade:fallback"]);
    expect(decision.assignments[0]?.arm).toBe("canary");
  });

  it("goes on to the large model after a weak answer of its arm", () => {
    const weak = { endpoint: "phi4-v2", rule: "rejected", reason: "its answer was refused" } as const;
    const alone = catalog.filter(({ endpoint: { name } }) => name !== "other");
    const decision = decide(policyWith(experiment(options)), alone, { ...inArm("canary"), excluded: [weak] });
    expect(names(decision)[0]).toBe("gpt");
  });

  it("stands before what counts the time that is left after the head of the ladder", () => {
    const slow = [candidate("phi4", { p95Ms: 300 }), candidate("phi4-v2", { p95Ms: 300 })];
    const bounded = { ...inArm("canary"), maxLatencyMs: 500, latencyLeftMs: 500 };
    expect(names(decide(policyWith(experiment(options)), slow, bounded))).toEqual(["phi4-v2"]);
    const last = createPolicy({ name: "own", version: "1", rules: [...defaultRules, experiment(options)] });
    expect(names(decide(last, slow, bounded))).toEqual(["phi4"]);
  });

  it("says nothing about steps in which none of its endpoints could be asked", () => {
    expect(experiment(options).apply([catalog[3]!], inArm("canary"))).toEqual({});
  });

  it.each<[string, Record<string, string>]>([
    ["a plan", {}],
    ["a tag of another name", { customer: "t1" }],
    ["an empty tag", { tenant: "" }],
  ])("uses the control for %s, which counts for no arm", (_what, tags) => {
    const outcome = experiment(options).apply(catalog, { ...facts, tags });
    expect(outcome.order).toEqual(["phi4", "other", "gpt"]);
    expect(outcome.flags).toEqual(["experiment:upgrade:no-key"]);
    expect(outcome.assignments).toEqual([]);
    expect(outcome.removed?.[0]?.reason).toBe('experiment "upgrade": arm "control" was chosen (the run has no tenant)');
  });

  it("takes the id of a run as key", () => {
    const perRun = experiment({ ...options, key: "runId" });
    expect(perRun.apply(catalog, { ...facts, runId: tenantIn("canary") }).order?.[0]).toBe("phi4-v2");
    expect(perRun.apply(catalog, { ...facts, tags: { runId: tenantIn("canary") } }).flags).toEqual([
      "experiment:upgrade:no-key",
    ]);
  });

  it("has other weights for single steps, and leaves steps out", () => {
    const rule = experiment({ ...options, steps: { all: { canary: 1 }, none: { control: 1 }, out: false } });
    const at = (step: string, arm: "canary" | "control") => rule.apply(catalog, { ...inArm(arm), step });
    expect(at("all", "control").order?.[0]).toBe("phi4-v2");
    expect(at("none", "canary").order?.[0]).toBe("phi4");
    expect(at("constructor", "canary").order?.[0]).toBe("phi4-v2");
    expect(at("out", "canary")).toMatchObject({
      order: ["phi4", "other", "gpt"],
      flags: ["experiment:upgrade:left-out"],
      assignments: [],
    });
  });

  it("draws anew with another salt or name, not with another version", () => {
    const keys = Array.from({ length: 200 }, (_, index) => `t${index}`);
    const drawn = (more: object) => {
      const rule = experiment({ ...options, ...more });
      return keys.filter(
        (tenant) => rule.apply(catalog, { ...facts, tags: { tenant } }).assignments?.[0]?.arm === "canary",
      );
    };
    expect(drawn({ version: "2" })).toEqual(drawn({}));
    expect(drawn({ salt: "b" })).not.toEqual(drawn({}));
    expect(drawn({ name: "again" })).not.toEqual(drawn({}));
  });

  it("does not tell keys apart in what it records", () => {
    const buckets = Array.from({ length: 2_000 }, (_, index) => {
      const tags = { tenant: `t${index}` };
      return experiment(options).apply(catalog, { ...facts, tags }).assignments![0]!.bucket;
    });
    expect(new Set(buckets).size).toBe(100);
  });
});

function uncleared(one: Candidate): Candidate {
  return one.endpoint.name === "phi4-v2" ? candidate("phi4-v2", { cleared: false }) : one;
}

describe("in general, an experiment", () => {
  const someKey = fc.string({ minLength: 1, maxLength: 12 });
  const armsOf = (weights: readonly number[]) => {
    const pool = ["a", "b", "c", "d"];
    return Object.fromEntries(weights.map((weight, index) => [`arm${index}`, { weight, endpoints: [pool[index]!] }]));
  };
  const armOf = (weights: readonly number[], tenant: string) =>
    experiment({ ...options, arms: armsOf(weights) }).apply(
      [candidate("a"), candidate("b"), candidate("c"), candidate("d")],
      { ...facts, tags: { tenant } },
    ).assignments![0]!.arm;

  it("keeps everybody in the first arm when it grows, whatever happens to the others", () => {
    const thousandths = fc.integer({ min: 0, max: 1000 });
    const growth = fc.record({
      key: someKey,
      before: thousandths,
      by: thousandths,
      split: thousandths,
      resplit: thousandths,
    });
    fc.assert(
      fc.property(growth, ({ key, before, by, split, resplit }) => {
        const first = before / 1000;
        const grown = Math.min(1, first + by / 1000);
        const rest = (weight: number, share: number) => [weight, (1 - weight) * share, (1 - weight) * (1 - share)];
        if (armOf(rest(first, split / 1000), key) === "arm0")
          expect(armOf(rest(grown, resplit / 1000), key)).toBe("arm0");
      }),
    );
  });

  it("gives each arm its share of the keys", () => {
    const weights = [0.1, 0.2, 0.7];
    const counts = weights.map(() => 0);
    for (let index = 0; index < 10_000; index += 1)
      counts[shareAt(weights, bucketOf({ name: "x", salt: "", key: `tenant-${index}` }))]! += 1;
    for (const [index, weight] of weights.entries())
      expect(Math.abs(counts[index]! / 10_000 - weight)).toBeLessThan(0.015);
  });

  it("puts no key into an arm without weight, at the edges of rounding too", () => {
    expect(shareAt([0, 1 - 1e-10, 0], 1 - 2 ** -48)).toBe(1);
    expect(shareAt([0, 1], 0)).toBe(1);
  });

  it("only removes and orders, leaves something, and nobody outside of it changes places", () => {
    const pool = ["a", "b", "c", "x", "y", "z"] as const;
    const list = fc.shuffledSubarray([...pool]);
    const classes = fc.array(fc.constantFrom<EndpointClass>("slm", "llm"), { minLength: 6, maxLength: 6 });
    const rule = experiment({
      ...options,
      arms: { one: { weight: 0.5, endpoints: ["a", "b"] }, two: { weight: 0.5, endpoints: ["c"] } },
    });
    fc.assert(
      fc.property(list, classes, someKey, (order, drawn, tenant) => {
        const classOf = (name: string): EndpointClass => drawn[pool.indexOf(name as "a")]!;
        const shown = order.map((name) => candidate(name, { llm: classOf(name) === "llm" }));
        const { removed = [], order: kept = order } = rule.apply(shown, { ...facts, tags: { tenant } });
        expect([...kept, ...removed.map((one) => one.endpoint)].sort()).toEqual([...order].sort());
        if (order.length > 0) expect(kept.length).toBeGreaterThan(0);
        const isOutside = (name: string): boolean => "xyz".includes(name);
        expect(kept.filter(isOutside)).toEqual(order.filter(isOutside));
        for (const wanted of ["slm", "llm"]) {
          const first = (all: readonly string[]) =>
            all.findIndex((name) => !isOutside(name) && classOf(name) === wanted);
          const outsideBefore = (all: readonly string[]) => all.slice(0, first(all)).filter(isOutside);
          if (first(kept) !== -1) expect(outsideBefore(kept)).toEqual(outsideBefore(order));
        }
      }),
    );
  });
});

describe("a wrong experiment", () => {
  const { canary, control } = arms;
  it.each<[string, object, string[]]>([
    [
      "weights that do not sum to 1",
      { arms: { canary: { ...canary, weight: 0.2 }, control } },
      ["experiment.arms: the weights must sum to 1; 0.2 + 0.9 is 1.1"],
    ],
    [
      "one arm",
      { arms: { control: { ...control, weight: 1 } } },
      [
        "experiment.arms: expected at least two arms, { canary: { weight, endpoints }, control: { weight, endpoints } }, found 1",
      ],
    ],
    [
      "no arms",
      { arms: undefined },
      [
        "experiment.arms: expected at least two arms, { canary: { weight, endpoints }, control: { weight, endpoints } }, found undefined",
      ],
    ],
    [
      "a weight that is a percentage",
      { arms: { canary: { ...canary, weight: 10 }, control } },
      ["experiment.arms.canary.weight: expected a number from 0 to 1, found 10"],
    ],
    [
      "an arm without weight and endpoints",
      { arms: { canary: {}, control } },
      [
        "experiment.arms.canary.weight: expected a number from 0 to 1, found undefined",
        "experiment.arms.canary.endpoints: expected the name of at least one endpoint, found none",
      ],
    ],
    [
      "an endpoint in two arms",
      { arms: { canary: { ...canary, endpoints: ["phi4-v2", "phi4"] }, control } },
      ['experiment.arms.control.endpoints: "phi4" is listed in arm "canary" already; list an endpoint once'],
    ],
    [
      "an arm whose name would be sorted",
      { arms: { 2: canary, control } },
      ['experiment.arms: an arm is called "2"; expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first'],
    ],
    [
      "a step that is neither weights nor false",
      { steps: { reply: true } },
      ["experiment.steps.reply: expected the weights of its arms, or false to leave it out, found true"],
    ],
    [
      "a step of an unknown arm, whose weights do not sum to 1",
      { steps: { reply: { canary: 0.5, controll: 0.5 } } },
      [
        "experiment.steps.reply.controll: there is no such arm; arms are canary, control",
        "experiment.steps.reply: the weights must sum to 1; 0.5 + 0 is 0.5",
      ],
    ],
    [
      "a step that has no name",
      { steps: { "": false } },
      ['experiment.steps: a step is called ""; expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first'],
    ],
    [
      "steps that are a list",
      { steps: ["reply"] },
      ["experiment.steps: expected weights by step, { reply: { canary: 0.5, … } }, found an array"],
    ],
    [
      "a misspelt option, no key and no version",
      { key: "", version: 1, weight: 0.1 },
      [
        "experiment.weight: unknown option; known are name, version, key, arms, steps, salt",
        "experiment.version: expected a text that is not empty, found 1",
        'experiment.key: expected a text that is not empty, found ""',
      ],
    ],
  ])("with %s is refused in words", (_what, more, problems) => {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const message = [`experiment "upgrade": ${count}`, ...problems.map((problem) => `  ${problem}`)].join("\n");
    expect(() => experiment({ ...options, ...more })).toThrow(
      expect.objectContaining({ code: "RUNTIME_INVALID", message }),
    );
  });

  it("is refused by the compiler where a step names another arm", () => {
    // @ts-expect-error -- "controll" is no arm
    expect(() => experiment({ ...options, steps: { reply: { canary: 0.5, controll: 0.5 } } })).toThrow("no such arm");
  });
});
