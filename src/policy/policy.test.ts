import { describe, expect, it } from "vitest";
import type { Candidate } from "../catalog/candidate.ts";
import { endpoint } from "../catalog/endpoint.ts";
import { makeLabel } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { StepFacts } from "./facts.ts";
import { createPolicy, defaultPolicy, defaultRules } from "./policy.ts";
import type { Rule } from "./rule.ts";

const capabilities = {
  onlyLabels: undefined,
  tools: true,
  jsonSchema: true,
  logprobs: true,
  outputLimit: true,
  contextTokens: undefined,
};

function candidate(name: string, p95Ms?: number): Candidate {
  const latency = p95Ms === undefined ? {} : { latency: { p95Ms } };
  const model = () => ({ invoke: () => Promise.resolve(0) });
  return { endpoint: endpoint(name, { class: "slm", location: "on-prem", model, ...latency }), capabilities };
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

function withRules(...rules: readonly Rule[]) {
  return createPolicy({ name: "own", version: "1", rules });
}

const keep: Rule = { name: "keep", version: "1", apply: () => ({}) };

describe("a policy of one's own", () => {
  it("extends the default rules and is named in its decisions", () => {
    const onlyB: Rule = {
      name: "only-b",
      version: "2",
      apply: (shown) => ({
        removed: shown
          .filter(({ endpoint: { name } }) => name !== "b")
          .map(({ endpoint: { name } }) => ({ endpoint: name, reason: "not b" })),
      }),
    };
    const decision = decide(withRules(...defaultRules, onlyB), [candidate("a"), candidate("b")], facts);
    expect(decision.ladder.map((rung) => rung.endpoint)).toEqual(["b"]);
    expect(decision.refused).toEqual([{ endpoint: "a", rule: "only-b", reason: "not b" }]);
    expect(decision.policy).toEqual({
      name: "own",
      version: "1",
      rules: [...defaultRules, onlyB].map(({ name, version }) => `${name}@${version}`),
    });
  });

  it.each([
    [
      "throws",
      () => {
        throw new RangeError("CANARY");
      },
      "the rule threw RangeError",
    ],
    ["returns nothing", () => undefined, "the rule returned no outcome"],
    ["returns a list that is none", () => ({ order: "a" }), "the rule returned no outcome"],
    ["gives no reason", () => ({ removed: [{ endpoint: "a" }] }), "the rule returned no outcome"],
  ])("refuses all it was shown when a rule %s, and never opens what it was not", (_what, apply, why) => {
    const broken = { name: "broken", version: "1", apply } as unknown as Rule;
    const decision = decide(withRules(broken, keep), [candidate("a"), candidate("b")], facts);
    expect(decision.class).toBe("refused");
    expect(decision.refused.map(({ endpoint: name, rule }) => `${name} ${rule}`)).toEqual(["a broken", "b broken"]);
    expect(decision.refused[0]?.reason).toBe(`${why}; it must return { removed, order, flags }`);
  });

  it("says everything that is wrong with it at once", () => {
    const wrong = {
      name: "",
      version: 1,
      rules: [keep, keep, { name: "money", version: "1" }, 7],
      acceptAt: 2,
      accept: 1,
    };
    expect(() => createPolicy(wrong as never)).toThrow(
      [
        "policy: 11 problems",
        "  policy.accept: unknown option; known are name, version, rules, acceptAt, routeAt, reviewRatio",
        '  policy.name: expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first, found ""',
        '  policy.rules[1].name: "keep" is taken by a gate or another rule; names must differ',
        '  policy.rules[2].name: "money" is taken by a gate or another rule; names must differ',
        "  policy.rules[2].apply: expected a function, found undefined",
        "  policy.rules[3]: expected an object of options, found 7",
        "  policy.rules[3].name: expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first, found undefined",
        "  policy.rules[3].version: expected a text that is not empty, found undefined",
        "  policy.rules[3].apply: expected a function, found undefined",
        "  policy.version: expected a text that is not empty, found 1",
        "  policy.acceptAt: expected a number from 0 to 1, found 2",
      ].join("\n"),
    );
  });
});

describe("under a latency bound", () => {
  const candidates = [candidate("quick", 40), candidate("slow", 900), candidate("unknown")];

  it("asks nobody whose latency does not fit what is left, or is not known", () => {
    const decision = decide(defaultPolicy(), candidates, { ...facts, maxLatencyMs: 500, latencyLeftMs: 100 });
    expect(decision.ladder.map((rung) => rung.endpoint)).toEqual(["quick"]);
    expect(decision.refused).toEqual([
      { endpoint: "slow", rule: "latency", reason: "needs 900 ms (p95), the step has 100 ms left" },
      { endpoint: "unknown", rule: "latency", reason: "its latency is not declared, and the step has a bound" },
    ]);
  });

  it("asks anybody when there is none", () => {
    expect(decide(defaultPolicy(), candidates, facts).ladder).toHaveLength(3);
  });
});
