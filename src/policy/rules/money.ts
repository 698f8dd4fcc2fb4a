import type { Rule } from "../rule.ts";

/** Under a money cap, removes what has no worst case: an unknown price is not 0, and no output limit means no bound. */
export const moneyRule: Rule = {
  name: "money",
  version: "1",
  apply: (candidates, facts) => ({
    removed: !facts.moneyCapped
      ? []
      : candidates.flatMap(({ endpoint, capabilities }) => {
          if (endpoint.price === undefined)
            return [{ endpoint: endpoint.name, reason: "has no price, and a money budget is set" }];
          if (capabilities.outputLimit) return [];
          return [{ endpoint: endpoint.name, reason: "its output limit cannot be set, and a money budget is set" }];
        }),
  }),
};
