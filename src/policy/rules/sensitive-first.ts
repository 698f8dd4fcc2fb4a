import { isSensitive } from "../facts.ts";
import type { Rule } from "../rule.ts";
import { orderBy } from "./removal.ts";

/**
 * Regulated and classified data: small models first whatever the volume says, and the large one after a weak answer, both
 * among the endpoints that may see the data. Where that may be is the clearance's business and decided before. An agent's
 * planning turns keep their large model. Source: decision-framework.md 4.2, rule 4.
 */
export const sensitiveFirstRule: Rule = {
  name: "sensitive-first",
  version: "1",
  apply(candidates, facts) {
    if (!isSensitive(facts) || facts.role === "plan") return {};
    return { order: orderBy(candidates, ({ endpoint }) => (endpoint.class === "slm" ? 0 : 1)) };
  },
};
