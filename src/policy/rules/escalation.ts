import type { Candidate } from "../../catalog/candidate.ts";
import { sawWeakAnswer } from "../facts.ts";
import type { Rule } from "../rule.ts";
import { orderBy, removeWhere } from "./removal.ts";

/**
 * What a weak answer leads to. `allowed`: a stronger model, not another small one. `never` and `human`: no other model; until
 * then the ladder is one class, whose endpoints stand in for each other after failures.
 */
export const escalationRule: Rule = {
  name: "escalation",
  version: "1",
  apply(candidates, facts) {
    const { escalation = "allowed" } = facts;
    const isWeak = sawWeakAnswer(facts);
    if (escalation === "allowed") return isWeak ? { order: orderBy(candidates, strongestFirst) } : {};
    const [first] = candidates;
    return {
      removed: removeWhere(candidates, ({ endpoint }) => {
        if (isWeak) return `an answer was weak, and the step's escalation is "${escalation}"`;
        return endpoint.class === first?.endpoint.class ? undefined : `the step's escalation is "${escalation}"`;
      }),
    };
  },
};

function strongestFirst({ endpoint }: Candidate): number {
  return endpoint.class === "llm" ? 0 : 1;
}
