import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate, Capabilities } from "../catalog/candidate.ts";
import { endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import { complexityTiers, type Complexity } from "../tiers/complexity.ts";
import { flowsTo, makeClearance } from "../tiers/clearance.ts";
import { isAtLeast, join, makeLabel, privacyLevels, type Label, type LabelSpec } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { explain } from "./explain.ts";
import type { StepFacts } from "./facts.ts";
import { defaultPolicy, type Policy } from "./policy.ts";
import type { Rule } from "./rule.ts";

const price = (usd: number) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });
const chat: Capabilities = {
  onlyLabels: undefined,
  tools: true,
  jsonSchema: true,
  logprobs: true,
  outputLimit: true,
  contextTokens: undefined,
};

type Shape = Partial<EndpointSpec> & { readonly name: string; readonly can?: Partial<Capabilities> };

function candidate({ name, can = {}, ...spec }: Shape): Candidate {
  const defaults = { class: "slm", location: "on-prem", model: () => ({ invoke: () => Promise.resolve(0) }) } as const;
  return { endpoint: endpoint(name, { ...defaults, ...spec }), capabilities: { ...chat, ...can } };
}

function facts(changes: Partial<StepFacts> = {}): StepFacts {
  return {
    step: "reply",
    kind: "model",
    complexity: "generation",
    privacy: "classified",
    label: makeLabel("public"),
    needs: { tools: false, jsonSchema: false, maxOutputTokens: 1_024 },
    moneyCapped: false,
    atMs: 0,
    tags: {},
    excluded: [],
    ...changes,
  };
}

const ladderOf = ({ ladder }: Decision): readonly string[] => ladder.map((rung) => rung.endpoint);
const refusedOf = ({ refused }: Decision): readonly string[] =>
  refused.map(({ endpoint: name, rule }) => `${name}: ${rule}`);

const policy = defaultPolicy();
const everywhere = { level: "classified", compartments: ["pii"] } as const;

const catalog = [
  candidate({ name: "large", class: "llm", location: "cloud", price: price(10) }),
  candidate({ name: "small", price: price(1) }),
  candidate({ name: "tiny", location: "edge", price: price(0.1) }),
  candidate({ name: "larger", class: "llm", location: "cloud", price: price(20) }),
  candidate({ name: "unpriced" }),
];

describe("the ladder by tier", () => {
  it.each<[Complexity, StepFacts["role"], readonly string[], Decision["class"]]>([
    ["classification", undefined, ["tiny", "small", "unpriced", "large", "larger"], "hybrid"],
    ["generation", undefined, ["tiny", "small", "unpriced", "large", "larger"], "hybrid"],
    ["reasoning", undefined, ["large", "larger"], "llm"],
    ["planning", undefined, ["large", "larger"], "llm"],
    ["agentic", "plan", ["large", "larger", "tiny", "small", "unpriced"], "hybrid"],
    ["agentic", "act", ["tiny", "small", "unpriced", "large", "larger"], "hybrid"],
  ])("of %s (%s) is the cheapest adequate first, unpriced last of its class", (...[complexity, role, ladder, kind]) => {
    const decision = decide(policy, catalog, facts({ complexity, ...(role && { kind: "agent", role }) }));
    expect(ladderOf(decision)).toEqual(ladder);
    expect(decision.class).toBe(kind);
  });

  it.each(["reasoning", "planning"] as const)(
    "of %s refuses small models: no gate of theirs is certified",
    (complexity) => {
      const decision = decide(policy, catalog.slice(1, 3), facts({ complexity }));
      expect(decision.class).toBe("refused");
      expect(decision.refused).toEqual([
        {
          endpoint: "small",
          rule: "tier-ladder",
          reason: `${complexity} needs a large model: no certified gate for a small one`,
        },
        {
          endpoint: "tiny",
          rule: "tier-ladder",
          reason: `${complexity} needs a large model: no certified gate for a small one`,
        },
      ]);
    },
  );

  it("gives an agent both roles on the one class that is there, and says so", () => {
    for (const role of ["plan", "act"] as const) {
      const agent = facts({ kind: "agent", complexity: "agentic", role });
      expect(decide(policy, [catalog[1]!], agent).flags).toEqual(["no-llm"]);
      expect(decide(policy, [catalog[0]!], agent).flags).toEqual(["no-slm"]);
      expect(decide(policy, catalog, agent).flags).toEqual([]);
    }
  });

  it("breaks ties by latency, then by name, so that the order of the catalog does not matter", () => {
    const tied = [
      candidate({ name: "c" }),
      candidate({ name: "b" }),
      candidate({ name: "slow", latency: { p95Ms: 900 } }),
      candidate({ name: "quick", latency: { p95Ms: 100 } }),
    ];
    expect(ladderOf(decide(policy, tied, facts()))).toEqual(["quick", "slow", "b", "c"]);
    expect(ladderOf(decide(policy, tied.toReversed(), facts()))).toEqual(["quick", "slow", "b", "c"]);
  });
});

describe("the money rule", () => {
  const priced = candidate({ name: "priced", price: price(1) });
  const free = candidate({ name: "free", price: price(0) });
  const unbounded = candidate({ name: "unbounded", price: price(1), can: { outputLimit: false } });
  const unpriced = candidate({ name: "unpriced" });
  const all = [priced, free, unbounded, unpriced];

  it("under a cap refuses what has no price and what has no worst case", () => {
    const decision = decide(policy, all, facts({ moneyCapped: true }));
    expect(ladderOf(decision)).toEqual(["free", "priced"]);
    expect(decision.refused).toEqual([
      { endpoint: "unbounded", rule: "money", reason: "its output limit cannot be set, and a money budget is set" },
      { endpoint: "unpriced", rule: "money", reason: "has no price, and a money budget is set" },
    ]);
  });

  it("without a cap refuses nothing", () => {
    expect(refusedOf(decide(policy, all, facts()))).toEqual([]);
  });
});

describe("the deadline rule", () => {
  const endpoints = [
    candidate({ name: "quick", latency: { p95Ms: 100 } }),
    candidate({ name: "slow", latency: { p95Ms: 2_000 } }),
    candidate({ name: "unknown" }),
  ];

  it.each([
    [2_000, []],
    [1_999.5, ["slow: deadline"]],
    [100, ["slow: deadline"]],
    [99, ["quick: deadline", "slow: deadline"]],
    [-5, ["quick: deadline", "slow: deadline"]],
    [undefined, []],
  ])("with %s ms left refuses %j, and keeps what nobody measured", (remainingMs, refused) => {
    const decision = decide(policy, endpoints, facts(remainingMs === undefined ? {} : { remainingMs }));
    expect(refusedOf(decision)).toEqual(refused);
    expect(ladderOf(decision)).toContain("unknown");
  });

  it("says what the endpoint needs and what is left, never less than nothing", () => {
    const [refusal] = decide(policy, endpoints.slice(0, 1), facts({ remainingMs: -5.5 })).refused;
    expect(refusal?.reason).toBe("needs 100 ms (p95), 0 ms are left");
  });
});

describe("the capability rule", () => {
  const labels = ["refund", "bug", "other"];
  const classify = facts({
    kind: "classify",
    complexity: "classification",
    needs: { tools: false, jsonSchema: false, labels, maxOutputTokens: 64 },
  });
  const write = facts();
  const agent = facts({
    kind: "agent",
    complexity: "agentic",
    role: "plan",
    needs: { tools: true, jsonSchema: false, maxOutputTokens: 2_048 },
  });
  const trained = (onlyLabels: readonly string[]) => ({ onlyLabels, tools: false, jsonSchema: false });

  it.each<[string, Partial<Capabilities>, StepFacts, string | undefined]>([
    ["a classifier of the step's labels", trained(labels), classify, undefined],
    ["a classifier of some of the step's labels", trained(["bug"]), classify, undefined],
    [
      "a classifier of more labels",
      trained([...labels, "spam"]),
      classify,
      "was trained on other labels than the step's",
    ],
    ["a classifier that should write", trained(labels), write, "only classifies; the step writes"],
    ["a classifier as an agent", trained(labels), agent, "only classifies; the step writes"],
    ["a chat model that should classify", {}, classify, undefined],
    ["a chat model without tools, in an agent", { tools: false }, agent, "does not call tools"],
    ["a chat model without tools, elsewhere", { tools: false }, write, undefined],
    [
      "a chat model without JSON Schema",
      { jsonSchema: false },
      { ...write, needs: { ...write.needs, jsonSchema: true } },
      undefined,
    ],
    [
      "a window as large as the answer",
      { contextTokens: 1_024 },
      write,
      "holds 1024 tokens, less than the output limit",
    ],
    ["a window larger than the answer", { contextTokens: 1_025 }, write, undefined],
  ])("judges %s", (...[, can, step, reason]) => {
    const decision = decide(policy, [candidate({ name: "model", can })], step);
    const refused = reason === undefined ? [] : [{ endpoint: "model", rule: "capability", reason }];
    expect(decision.refused).toEqual(refused);
    expect(ladderOf(decision)).toEqual(reason === undefined ? ["model"] : []);
  });

  it.each<[string, Partial<Capabilities>, StepFacts, string]>([
    ["a classifier's probability", trained(labels), classify, "probability"],
    ["the margin between labels", {}, classify, "label-margin"],
    ["nothing where the labels carry no probabilities", { logprobs: false }, classify, "unavailable"],
    ["a schema", {}, { ...write, needs: { ...write.needs, jsonSchema: true } }, "validator"],
    ["nothing for free text", {}, write, "unavailable"],
  ])("names %s as what will judge the answer", (...[, can, step, signal]) => {
    expect(decide(policy, [candidate({ name: "model", can })], step).ladder[0]?.signal).toBe(signal);
  });
});

describe("exclusions", () => {
  it("take out what was tried or cannot be paid for, with the reason", () => {
    const excluded = [
      { endpoint: "small", rule: "rejected", reason: "failed (PROVIDER_ERROR)" },
      { endpoint: "large", rule: "budget", reason: "its worst case does not fit the money left" },
      { endpoint: "nobody", rule: "rejected", reason: "is not in the catalog" },
    ] as const;
    const decision = decide(policy, catalog.slice(0, 3), facts({ excluded }));
    expect(ladderOf(decision)).toEqual(["tiny"]);
    expect(decision.refused).toEqual([
      { endpoint: "large", rule: "excluded", reason: "budget: its worst case does not fit the money left" },
      { endpoint: "small", rule: "excluded", reason: "tried: failed (PROVIDER_ERROR)" },
    ]);
  });
});

describe("where nothing is eligible", () => {
  const label = makeLabel({ level: "customer", compartments: ["pii"] });

  it.each([
    ["nobody is wired", "refused", undefined],
    ["a person who may see the data is wired", "human", makeClearance(everywhere)],
    ["a person who may not see the data is wired", "refused", makeClearance("customer")],
  ] as const)("and %s, the step is %s", (...[, kind, human]) => {
    const decision = decide(policy, catalog, facts({ label, ...(human && { human }) }));
    expect(decision.class).toBe(kind);
    expect(decision.ladder).toEqual([]);
    expect(decision.reason).toBe("generation on customer{pii}: nothing eligible, 5 refused");
  });

  it("is also decided: an empty catalog is no error", () => {
    expect(decide(policy, [], facts())).toMatchObject({ class: "refused", ladder: [], refused: [] });
  });
});

const level = fc.constantFrom(...privacyLevels);
const compartments = fc.subarray(["pii", "phi", "tenant:acme"] as const);
const label: fc.Arbitrary<Label> = fc
  .record({ level, compartments, integrity: fc.constantFrom("trusted" as const, "untrusted" as const) })
  .map((spec: LabelSpec) => makeLabel(spec));
const money = fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined });

const candidates: fc.Arbitrary<readonly Candidate[]> = fc
  .array(
    fc.record({
      class: fc.constantFrom("slm" as const, "llm" as const),
      location: fc.constantFrom("in-process" as const, "edge" as const, "on-prem" as const, "cloud" as const),
      clearance: fc.option(
        fc.record({ level, compartments: fc.subarray(["pii", "phi", "tenant:acme", "tenant:*"] as const) }),
        { nil: undefined },
      ),
      usd: money,
      p95Ms: fc.option(fc.integer({ min: 1, max: 4_000 }), { nil: undefined }),
      tools: fc.boolean(),
      outputLimit: fc.boolean(),
      onlyLabels: fc.option(fc.constantFrom(["a"], ["a", "b"], ["c"]), { nil: undefined, freq: 5 }),
    }),
    { maxLength: 7 },
  )
  .map((shapes) =>
    shapes.map(({ clearance, usd, p95Ms, tools, outputLimit, onlyLabels, ...spec }, index) =>
      candidate({
        name: `e${index}`,
        ...spec,
        ...(clearance && { clearance }),
        ...(usd !== undefined && { price: price(usd / 10) }),
        ...(p95Ms !== undefined && { latency: { p95Ms } }),
        can: { tools, outputLimit, onlyLabels },
      }),
    ),
  );

const anyFacts: fc.Arbitrary<StepFacts> = fc
  .record({
    complexity: fc.constantFrom(...complexityTiers),
    label,
    needsTools: fc.boolean(),
    labels: fc.option(fc.constant(["a", "b"]), { nil: undefined }),
    moneyCapped: fc.boolean(),
    remainingMs: fc.option(fc.integer({ min: -10, max: 4_000 }), { nil: undefined }),
    excluded: fc.uniqueArray(fc.nat(7)),
    role: fc.constantFrom("plan" as const, "act" as const),
  })
  .map(({ needsTools, labels, remainingMs, excluded, role, complexity, ...rest }) =>
    facts({
      ...rest,
      complexity,
      kind: complexity === "agentic" ? "agent" : labels === undefined ? "model" : "classify",
      needs: { tools: needsTools, jsonSchema: false, maxOutputTokens: 100, ...(labels && { labels }) },
      ...(complexity === "agentic" && { role }),
      ...(remainingMs !== undefined && { remainingMs }),
      excluded: excluded.map((index) => ({ endpoint: `e${index}`, rule: "rejected" as const, reason: "failed" })),
    }),
  );

const names = fc.array(fc.constantFrom("e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "evil"), { maxLength: 12 });

/** A rule of somebody who means harm or writes nonsense: it names what it was not shown, and writes into what it was. */
function hostileRule(all: readonly Candidate[]): fc.Arbitrary<Rule> {
  return fc
    .record({ order: names, removed: names, mutates: fc.boolean(), flags: fc.array(fc.string(), { maxLength: 2 }) })
    .map(({ order, removed, mutates, flags }) => ({
      name: "hostile",
      version: "1",
      apply(shown, about) {
        if (mutates) for (const write of intrusions(all, shown, about)) attempt(write);
        return { order, removed: removed.map((name) => ({ endpoint: name, reason: "because" })), flags };
      },
    }));
}

function intrusions(all: readonly Candidate[], shown: readonly Candidate[], about: StepFacts): (() => unknown)[] {
  return [
    () => (shown as Candidate[]).push(...all),
    () => (shown as Candidate[]).splice(0, shown.length, ...all),
    () => all.map((other, index) => Object.assign(shown[index % shown.length] ?? {}, other)),
    () => Object.assign(about, { label: makeLabel("public"), human: makeClearance(everywhere) }),
    () => shown.map(({ endpoint: own }) => Object.assign(own.clearance, { level: "classified" })),
  ];
}

function attempt(write: () => unknown): void {
  try {
    write();
  } catch {
    // Frozen: nothing was written.
  }
}

const hostilePolicy: fc.Arbitrary<{ all: readonly Candidate[]; hostile: Policy }> = candidates.chain((all) =>
  fc.record({
    all: fc.constant(all),
    hostile: fc
      .tuple(fc.array(hostileRule(all), { maxLength: 3 }), fc.array(hostileRule(all), { maxLength: 3 }))
      .map(([before, after]) => ({ ...policy, rules: [...before, ...policy.rules, ...after] })),
  }),
);

describe("any catalog, step and rules", () => {
  it("put no endpoint on the ladder that may not see the data, whatever the rules say or do", () => {
    fc.assert(
      fc.property(hostilePolicy, anyFacts, ({ all, hostile }, step) => {
        const before = structuredClone(step.label);
        const decision = decide(hostile, all, step);
        for (const rung of decision.ladder) {
          const found = all.find((one) => one.endpoint.name === rung.endpoint);
          expect(found && flowsTo(before, found.endpoint.clearance)).toBe(true);
        }
        expect(decision.label).toEqual(before);
        if (step.human === undefined) expect(decision.class).not.toBe("human");
      }),
      { numRuns: 300 },
    );
  });

  it("never ask an endpoint twice, nor one without a worst case under a money cap, even when a policy has no rules", () => {
    fc.assert(
      fc.property(candidates, anyFacts, fc.boolean(), (all, step, bare) => {
        const decision = decide(bare ? { ...policy, rules: [] } : policy, all, step);
        for (const name of ladderOf(decision)) {
          const found = all.find((one) => one.endpoint.name === name);
          expect(step.excluded.some((exclusion) => exclusion.endpoint === name)).toBe(false);
          if (step.moneyCapped) expect(found?.endpoint.price && found.capabilities.outputLimit).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("account for every candidate exactly once: on the ladder, or refused with the rule that did it", () => {
    fc.assert(
      fc.property(hostilePolicy, anyFacts, ({ all, hostile }, step) => {
        const decision = decide(hostile, all, step);
        const placed = [...ladderOf(decision), ...decision.refused.map(({ endpoint: name }) => name)];
        expect(placed.toSorted()).toEqual(all.map((one) => one.endpoint.name).toSorted());
        const rules = ["clearance", "excluded", "money", ...hostile.rules.map(({ name }) => name)];
        for (const refusal of decision.refused) {
          expect(rules).toContain(refusal.rule);
          expect(refusal.reason).not.toBe("");
        }
        const uncleared = all.filter((one) => !flowsTo(step.label, one.endpoint.clearance));
        const byClearance = decision.refused.filter(({ rule }) => rule === "clearance");
        expect(byClearance.map(({ endpoint: name }) => name)).toEqual(uncleared.map((one) => one.endpoint.name));
      }),
    );
  });

  it("give equal decisions for equal facts, as frozen data that survives JSON", () => {
    fc.assert(
      fc.property(candidates, anyFacts, (all, step) => {
        const first = decide(policy, all, step);
        const second = decide(policy, [...all], { ...step });
        expect(second).toEqual(first);
        expect(second.id).toBe(first.id);
        expect(JSON.parse(JSON.stringify(first))).toEqual(first);
        expect(Object.isFrozen(first) && Object.isFrozen(first.ladder) && Object.isFrozen(first.refused)).toBe(true);
      }),
    );
  });

  it("never gain an endpoint when the data becomes more private", () => {
    fc.assert(
      fc.property(candidates, anyFacts, label, (all, step, raise) => {
        const higher = join(step.label, raise);
        expect(isAtLeast(higher, step.label)).toBe(true);
        const before = ladderOf(decide(policy, all, step));
        const after = ladderOf(decide(policy, all, { ...step, label: higher }));
        expect(before).toEqual(expect.arrayContaining([...after]));
        // What is left keeps its order.
        expect(before.filter((name) => after.includes(name))).toEqual(after);
      }),
    );
  });

  it("name the class of what is on the ladder", () => {
    fc.assert(
      fc.property(candidates, anyFacts, (all, step) => {
        const { ladder, class: kind } = decide(policy, all, step);
        const classes = new Set(ladder.map((rung) => rung.class));
        expect(kind).toBe(classes.size === 2 ? "hybrid" : ([...classes][0] ?? "refused"));
      }),
    );
  });
});

describe("explain", () => {
  it("tells the choice, what judges each answer and every refusal", () => {
    const trained = { onlyLabels: ["a", "b"], tools: false, jsonSchema: false, logprobs: false };
    const decision = decide(
      defaultPolicy({ acceptAt: 0.9 }),
      [
        candidate({ name: "intents", location: "in-process", clearance: everywhere, price: price(0), can: trained }),
        candidate({ name: "phi", clearance: everywhere, can: { logprobs: false } }),
        candidate({ name: "gpt", class: "llm", location: "cloud", clearance: "customer", price: price(1) }),
      ],
      facts({
        step: "triage",
        kind: "classify",
        complexity: "classification",
        label: makeLabel({ level: "customer", compartments: ["pii"] }),
        needs: { tools: false, jsonSchema: false, labels: ["a", "b"], maxOutputTokens: 64 },
      }),
    );
    expect(explain(decision)).toBe(
      [
        'step "triage" on customer{pii}: intents (slm) then phi (slm)',
        "  policy default@2: classification on customer{pii}: intents (slm, in-process), then phi (slm, on-prem)",
        "  intents: judged by probability, accepted from 0.9",
        "  phi: no confidence signal: a valid answer is accepted ungated",
        "  not gpt: clearance: is cleared for customer{}; the data is customer{pii}: pii",
      ].join("\n"),
    );
  });

  it("tells the role of a turn and its flags", () => {
    const agent = facts({ kind: "agent", complexity: "agentic", role: "plan" });
    expect(explain(decide(policy, [candidate({ name: "phi" })], agent))).toBe(
      [
        'step "reply" (plan turn) on public{}: phi (slm)',
        "  policy default@2: plan turn, agentic on public{}: phi (slm, on-prem)",
        "  phi: no confidence signal: a valid answer is accepted ungated",
        "  flags: no-llm",
      ].join("\n"),
    );
  });

  it.each([
    [undefined, "REFUSED"],
    [makeClearance(everywhere), "a person (onHuman)"],
  ])("tells where a step goes that no endpoint may have", (human, where) => {
    const decision = decide(
      policy,
      [candidate({ name: "gpt" })],
      facts({ label: makeLabel("internal"), ...(human && { human }) }),
    );
    expect(explain(decision)).toBe(
      [
        `step "reply" on internal{}: ${where}`,
        "  policy default@2: generation on internal{}: nothing eligible, 1 refused",
        "  not gpt: clearance: declares no clearance (public); the data is internal{}: level +1",
      ].join("\n"),
    );
  });
});
