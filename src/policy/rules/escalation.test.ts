import { describe, expect, it } from "vitest";
import { candidate, facts } from "../../../test/support/step-cases.ts";
import type { Candidate } from "../../catalog/candidate.ts";
import type { Exclusion, StepFacts } from "../facts.ts";
import type { RuleOutcome } from "../rule.ts";
import { escalationRule } from "./escalation.ts";

const [small, second, large, larger] = [
  candidate({ name: "small" }),
  candidate({ name: "second" }),
  candidate({ name: "large", class: "llm" }),
  candidate({ name: "larger", class: "llm" }),
] as const;

/** Somebody who is not among the candidates any more was asked. */
const asked = (rule: Exclusion["rule"]): readonly Exclusion[] => [{ endpoint: "first", rule, reason: "r" }];

function applied(ladder: readonly Candidate[], changes: Partial<StepFacts>): RuleOutcome {
  return escalationRule.apply(ladder, facts(changes));
}

function removedBy(ladder: readonly Candidate[], changes: Partial<StepFacts>): readonly string[] {
  return (applied(ladder, changes).removed ?? []).map(({ endpoint }) => endpoint);
}

describe("an allowed escalation", () => {
  it.each<StepFacts["escalation"]>([undefined, "allowed"])("(%s) changes nothing before an answer was weak", (own) => {
    const escalation = own && { escalation: own };
    expect(applied([small, large], { ...escalation })).toEqual({});
    expect(applied([small, large], { ...escalation, excluded: asked("failed") })).toEqual({});
    expect(applied([small, large], { ...escalation, excluded: asked("budget") })).toEqual({});
  });

  it("goes from a weak answer to the large models, each class in the order it had; nobody is removed", () => {
    const excluded = asked("rejected");
    expect(applied([small, second, larger, large], { excluded })).toEqual({
      order: ["larger", "large", "small", "second"],
    });
  });

  it("counts one weak answer among failures", () => {
    const excluded = [...asked("failed"), ...asked("rejected"), ...asked("budget")];
    expect(applied([small, large], { excluded })).toEqual({ order: ["large", "small"] });
  });

  it("says nothing where the large models stand first already, or there are none", () => {
    const excluded = asked("rejected");
    expect(applied([large, small], { excluded }).order).toEqual([]);
    expect(applied([small, second], { excluded }).order).toEqual([]);
    expect(applied([], { excluded }).order).toEqual([]);
  });
});

describe.each(["never", "human"] as const)('an escalation that is "%s"', (escalation) => {
  it("keeps to the class of the first, whose endpoints stand in for each other", () => {
    expect(applied([small, large, second, larger], { escalation })).toEqual({
      removed: [
        { endpoint: "large", reason: `the step's escalation is "${escalation}"` },
        { endpoint: "larger", reason: `the step's escalation is "${escalation}"` },
      ],
    });
    expect(removedBy([large, small, larger], { escalation })).toEqual(["small"]);
  });

  it.each(["failed", "budget"] as const)("goes on to the other class where the first has nobody left (%s)", (rule) => {
    expect(removedBy([large, larger], { escalation, excluded: asked(rule) })).toEqual([]);
  });

  it("ends with the first weak answer: nobody is asked any more", () => {
    expect(applied([second, large], { escalation, excluded: asked("rejected") })).toEqual({
      removed: [
        { endpoint: "second", reason: `an answer was weak, and the step's escalation is "${escalation}"` },
        { endpoint: "large", reason: `an answer was weak, and the step's escalation is "${escalation}"` },
      ],
    });
    expect(removedBy([large], { escalation, excluded: [...asked("failed"), ...asked("rejected")] })).toEqual(["large"]);
  });

  it("removes nobody where nobody is", () => {
    expect(removedBy([], { escalation })).toEqual([]);
  });
});
