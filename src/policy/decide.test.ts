import { describe, expect, it } from "vitest";
import { candidate, facts, ladderOf, price, refusedOf } from "../../test/support/step-cases.ts";
import type { Capabilities } from "../catalog/candidate.ts";
import { makeClearance } from "../tiers/clearance.ts";
import type { Complexity } from "../tiers/complexity.ts";
import { makeLabel } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { StepFacts } from "./facts.ts";
import { defaultPolicy } from "./policy.ts";

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
