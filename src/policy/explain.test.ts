import { describe, expect, it } from "vitest";
import { candidate, facts, price } from "../../test/support/step-cases.ts";
import { makeClearance } from "../tiers/clearance.ts";
import { makeLabel } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { Estimate } from "./estimate.ts";
import { costText, estimateText, explain, ladderText } from "./explain.ts";
import { createPolicy, defaultPolicy, defaultRules } from "./policy.ts";

const everywhere = { level: "classified", compartments: ["pii"] } as const;
const labels = { onlyLabels: ["a", "b"], tools: false, jsonSchema: false, logprobs: false };
const catalog = [
  candidate({ name: "intents", location: "in-process", clearance: everywhere, price: price(0), can: labels }),
  candidate({ name: "phi", clearance: everywhere, can: { logprobs: false } }),
  candidate({ name: "gpt", class: "llm", location: "cloud", clearance: "customer", price: price(1) }),
];
const triage = facts({
  step: "triage",
  kind: "classify",
  complexity: "classification",
  label: makeLabel({ level: "customer", compartments: ["pii"] }),
  needs: { tools: false, jsonSchema: false, labels: ["a", "b"], maxOutputTokens: 64 },
});
const placed = decide(defaultPolicy({ acceptAt: 0.9 }), catalog, triage);

describe("as text, a decision", () => {
  it("tells the choice, what judges each answer and every refusal", () => {
    const text = [
      'step "triage" on customer{pii}: intents (slm) then phi (slm)',
      "  policy default@2: classification on customer{pii}: intents (slm, in-process), then phi (slm, on-prem)",
      "  intents: judged by probability, accepted from 0.9",
      "  phi: no confidence signal: a valid answer is accepted ungated",
      "  not gpt: clearance: is cleared for customer{}; the data is customer{pii}: pii",
    ].join("\n");
    expect(explain(placed)).toBe(text);
    expect(explain(placed, "text")).toBe(text);
  });

  it("tells the role of a turn and its flags", () => {
    const agent = facts({ kind: "agent", complexity: "agentic", role: "plan" });
    expect(explain(decide(defaultPolicy(), [candidate({ name: "phi" })], agent))).toBe(
      [
        'step "reply" (plan turn) on public{}: phi (slm)',
        "  policy default@2: plan turn, agentic on public{}: phi (slm, on-prem)",
        "  phi: no confidence signal: a valid answer is accepted ungated",
        "  flags: no-llm",
      ].join("\n"),
    );
  });

  it("tells everything else that is asked for: who follows a weak answer, reviews, experiments, what comes later, the cost", () => {
    const experiment = {
      ...{ name: "upgrade", version: "1" },
      apply: () => ({ assignments: [{ experiment: "upgrade", arm: "canary", bucket: 0.04 }] }),
    };
    const anonymiser = { name: "mask", redact: (text: string) => text };
    const all = [
      candidate({ name: "phi", latency: { p95Ms: 400 }, price: price(1), anonymiser }),
      candidate({ name: "gpt", class: "llm", latency: { p95Ms: 900 }, price: price(10) }),
    ];
    const rules = [...defaultRules, experiment];
    const policy = createPolicy({ name: "acme", version: "7", rules, reviewRatio: 0.05 });
    const step = facts({
      needs: { tools: false, jsonSchema: true, maxOutputTokens: 1_024 },
      ...{ maxLatencyMs: 1_000, latencyLeftMs: 1_000 },
      workload: { inputTokens: { low: 100, high: 200 }, outputTokens: { low: 100, high: 100 } },
    });
    expect(explain(decide(policy, all, step))).toBe(
      [
        'step "reply" on public{}: phi (slm)',
        "  policy acme@7: generation on public{}: phi (slm, on-prem)",
        "  phi: accepted when the answer fits its schema and check",
        "  phi: every text passes the anonymiser mask first",
        "  later: gpt: no time to ask a large model",
        "  review: 0.05 of the answers are reviewed",
        "  experiment upgrade: arm canary",
        "  not gpt: escalation-window: needs 900 ms (p95) after the 400 ms of phi; the step has 1000 ms",
        "  estimate: $0.00020 to $0.00030 a run (expected $0.00025), 400 ms",
      ].join("\n"),
    );
  });

  it.each([
    ["never", "nobody else is asked"],
    ["human", "a person"],
  ] as const)('tells what follows a weak answer where escalation is "%s"', (escalation, who) => {
    const text = explain(decide(defaultPolicy(), [candidate({ name: "phi" })], facts({ escalation })));
    expect(text.split("\n")).toContain(`  after a weak answer: ${who}`);
  });

  it.each([
    [undefined, "REFUSED"],
    [makeClearance(everywhere), "a person (onHuman)"],
  ])("tells where a step goes that no endpoint may have", (human, where) => {
    const step = facts({ label: makeLabel("internal"), ...(human && { human }) });
    const decision = decide(defaultPolicy(), [candidate({ name: "gpt" })], step);
    expect(ladderText(decision)).toBe(where);
    expect(explain(decision)).toBe(
      [
        `step "reply" on internal{}: ${where}`,
        "  policy default@2: generation on internal{}: nothing eligible, 1 refused",
        "  not gpt: clearance: declares no clearance (public); the data is internal{}: level +1",
      ].join("\n"),
    );
  });

  it("stays one sentence where the ladder is long, which its own lines tell in full", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const decision = decide(defaultPolicy(), names.map((name) => candidate({ name })), facts()); // prettier-ignore
    const four = names.slice(0, 4).map((name) => `${name} (slm, on-prem)`);
    expect(decision.reason).toBe(`generation on public{}: ${four.join(", then ")}, then 2 more`);
    expect(explain(decision).split("\n")).toHaveLength(2 + names.length);
  });
});

describe("as a table, a decision", () => {
  it("has one line for every candidate, in the order in which they are asked, then the refused ones", () => {
    expect(explain(placed, "table")).toBe(
      [
        'step "triage" on customer{pii}: slm',
        "endpoint  fate      rule       why",
        "--------  --------  ---------  " + "-".repeat(70),
        "intents   asked 1.  -          slm, in-process; judged by probability, accepted from 0.9",
        "phi       asked 2.  -          slm, on-prem; no confidence signal: a valid answer is accepted ungated",
        "gpt       refused   clearance  is cleared for customer{}; the data is customer{pii}: pii",
      ].join("\n"),
    );
  });

  it("of nobody is its header alone", () => {
    expect(explain(decide(defaultPolicy(), [], facts()), "table")).toBe(
      'step "reply" on public{}: refused\nendpoint  fate  rule  why\n--------  ----  ----  ---',
    );
  });
});

describe("as JSON, a decision", () => {
  it("is all of it, indented, with its hash last", () => {
    const text = explain(placed, "json");
    expect(JSON.parse(text)).toEqual(placed);
    expect(text).toBe(JSON.stringify(placed, null, 2));
    expect(Object.keys(JSON.parse(text) as Decision)).toEqual([
      ...["step", "policy", "class", "label", "ladder", "refused", "decidedBy", "flags", "acceptAt"],
      ...["escalation", "obligations", "assignments", "estimate", "reason", "id"],
    ]);
  });
});

describe("an estimate in words", () => {
  const known: Estimate = {
    costUsd: { low: 0.000_02, high: 0.0013 },
    expectedCostUsd: 0.0004,
    monthlyUsd: { low: 12.4, high: 1_234.5 },
    latencyMs: { low: 120, high: 1_900.4 },
    inputTokens: { low: 1, high: 2 },
    outputTokens: { low: 1, high: 2 },
  };

  it.each<[Partial<Estimate>, string]>([
    [{}, "$0.000020 to $0.0013 a run (expected $0.00040), $12 to $1235 a month, 120 to 1900 ms"],
    [{ monthlyUsd: "unknown" }, "$0.000020 to $0.0013 a run (expected $0.00040), 120 to 1900 ms"],
    [{ monthlyUsd: "unknown", expectedCostUsd: "unknown" }, "$0.000020 to $0.0013 a run, 120 to 1900 ms"],
    [
      { costUsd: "unknown", expectedCostUsd: "unknown", monthlyUsd: "unknown", latencyMs: "unknown" },
      "cost unknown (no price), latency unknown",
    ],
    [
      {
        costUsd: { low: 0, high: 0 },
        expectedCostUsd: 0,
        monthlyUsd: { low: 0, high: 9.5 },
        latencyMs: { low: 5, high: 5 },
      },
      "$0 a run (expected $0), $0 to $9.50 a month, 5 ms",
    ],
  ])("with %j says what is known, to two digits", (changes, text) => {
    expect(estimateText({ ...known, ...changes })).toBe(text);
  });

  it("is its cost alone in a table", () => {
    expect(costText(known)).toBe("$0.000020 to $0.0013");
    expect(costText({ ...known, costUsd: "unknown" })).toBe("unknown");
    expect(costText("unknown")).toBe("unknown");
  });
});
