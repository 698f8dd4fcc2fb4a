import type { Rule } from "../rule.ts";
import { preferWithinClass } from "./removal.ts";

/** Prefers, inside each class, what was trained for the step's field. Source: decision-framework.md 4.1, "Domain (S4)". */
export const domainFirstRule: Rule = {
  name: "domain-first",
  version: "1",
  apply(candidates, { domain }) {
    if (domain === undefined || domain.specificity === "general") return {};
    return { order: preferWithinClass(candidates, ({ endpoint }) => endpoint.domains.includes(domain.name)) };
  },
};
