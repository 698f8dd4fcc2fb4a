import type { Rule } from "../rule.ts";

/** Endpoints that this step has asked already, or that its budget cannot pay for. */
export const excludedRule: Rule = {
  name: "excluded",
  version: "1",
  apply: (_candidates, facts) => ({
    removed: facts.excluded.map(({ endpoint, rule, reason }) => ({ endpoint, reason: `${rule}: ${reason}` })),
  }),
};
