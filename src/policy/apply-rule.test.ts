import { describe, expect, it } from "vitest";
import { fickle, nonsense, policyOf, thrown } from "../../test/support/hostile-rules.ts";
import { candidate, facts, ladderOf, namedIn, refusedOf } from "../../test/support/step-cases.ts";
import { makeLabel } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { Rule } from "./rule.ts";

const small = candidate({ name: "a", clearance: "customer" });
const large = candidate({ name: "b", class: "llm", location: "cloud", clearance: "customer" });
const uncleared = candidate({ name: "c", class: "llm" });

/** On data that the first two may see. */
function decided(apply: () => unknown, ...others: readonly Rule[]): Decision {
  const rules = [{ name: "own", version: "1", apply: apply as Rule["apply"] }, ...others];
  return decide(policyOf(rules), [small, large, uncleared], facts({ label: makeLabel("customer") }));
}

const allRefused = ["c: clearance", "a: own", "b: own"];

describe("a broken rule", () => {
  it.each(nonsense)("that answers %s refuses all that it was shown", (_what, answer) => {
    const decision = decided(answer);
    expect(decision.ladder).toEqual([]);
    expect(refusedOf(decision)).toEqual(allRefused);
  });

  it.each(thrown.map((error, index) => [index, error]))("that throws anything does as well (%i)", (_index, error) => {
    const decision = decided(() => {
      throw error;
    });
    expect(refusedOf(decision)).toEqual(allRefused);
    expect(decision.refused[1]?.reason).toMatch(/^the rule threw \w+; it must return/);
    expect(JSON.stringify(decision)).not.toContain("CANARY");
  });
});

describe("an odd rule", () => {
  it("that answers differently at every look is taken at its first word", () => {
    expect(ladderOf(decided(fickle))).toEqual(["a", "b"]);
  });

  it("that answers with two hundred thousand flags or obligations is no reason to throw", () => {
    const many = <T>(item: T) => Array<T>(200_000).fill(item);
    const review = { type: "sample-for-review", ratio: 0.5, reason: "r" };
    const { flags, obligations } = decided(() => ({ flags: many("f"), obligations: many(review) }));
    expect([flags.length, obligations.length]).toEqual([200_000, 200_000]);
  });

  it("that adds members to an obligation or an assignment does not get them into the record", () => {
    const outcome = {
      obligations: [{ type: "sample-for-review", ratio: 1, reason: "r", extra: 1n }],
      assignments: [{ experiment: "x", arm: "y", bucket: 0, extra: () => 1 }],
    };
    const decision = decided(() => outcome);
    expect(decision.obligations).toEqual([{ type: "sample-for-review", ratio: 1, reason: "r" }]);
    expect(decision.assignments).toEqual([{ experiment: "x", arm: "y", bucket: 0 }]);
    expect(decision.id).toMatch(/^[0-9a-f]{16}$/);
  });

  it("keeps what it answered with to itself: nothing of it is frozen", () => {
    const outcome = { obligations: [{ type: "escalate-later", endpoints: ["b"], reason: "r" }], order: ["b"] };
    const decision = decided(() => outcome);
    expect(Object.isFrozen(outcome.obligations[0]?.endpoints)).toBe(false);
    outcome.obligations[0]!.endpoints.push("c");
    expect(namedIn(decision)).not.toContain("c");
  });
});

describe("an obligation to ask somebody later", () => {
  const later = (...endpoints: readonly string[]) => ({
    obligations: [{ type: "escalate-later" as const, endpoints, reason: "r" }],
  });

  it("names only whom the rule was shown, each once, and nobody who may not see the data", () => {
    expect(decided(() => later("c", "b", "nobody", "b")).obligations).toEqual([
      { type: "escalate-later", endpoints: ["b"], reason: "r" },
    ]);
  });

  it("is none where nobody is left to be named", () => {
    const decision = decided(() => ({ ...later("c"), removed: [{ endpoint: "b", reason: "r" }] }));
    expect(decision.obligations).toEqual([]);
    expect(decision.class).toBe("slm");
  });

  it("makes the step a hybrid where somebody of the other class follows, and only then", () => {
    const onlySmall = { removed: [{ endpoint: "b", reason: "r" }] };
    expect(decided(() => ({ ...later("b"), ...onlySmall })).class).toBe("hybrid");
    expect(decided(() => ({ ...later("a"), ...onlySmall })).class).toBe("slm");
  });

  it.each<[string, NonNullable<Rule["only"]>]>([
    ["class", { classes: ["slm"] }],
    ["place", { locations: ["on-prem"] }],
  ])("keeps the bound on the %s that a later rule states", (_axis, only) => {
    const bound: Rule = { name: "bound", version: "1", only, apply: () => ({}) };
    const decision = decided(() => later("b"), bound);
    expect(namedIn(decision)).toEqual(["a"]);
    expect(refusedOf(decision)).toEqual(["c: clearance", "b: bound"]);
  });
});
