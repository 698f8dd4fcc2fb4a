import type { Rule } from "../rule.ts";

/** Asks for a share of the answers to be shown to a person afterwards, 0 to 1. Source: decision-framework.md 4.4 (about 5 %). */
export function reviewRule(ratio: number): Rule {
  const obligation = { type: "sample-for-review", ratio, reason: `${ratio} of the answers are reviewed` } as const;
  return {
    name: "review",
    version: "1",
    apply: (candidates) => (candidates.length === 0 ? {} : { obligations: [obligation] }),
  };
}
