import type { Candidate } from "../../catalog/candidate.ts";
import { canClassify, type StepFacts } from "../facts.ts";
import type { Rule } from "../rule.ts";

/** Removes what cannot do the work at all. */
export const capabilityRule: Rule = {
  name: "capability",
  version: "1",
  apply: (candidates, facts) => ({
    removed: candidates.flatMap((candidate) => {
      const reason = inability(candidate, facts);
      return reason === undefined ? [] : [{ endpoint: candidate.endpoint.name, reason }];
    }),
  }),
};

function inability({ capabilities }: Candidate, facts: StepFacts): string | undefined {
  if (capabilities.onlyLabels !== undefined) {
    if (facts.needs.labels === undefined) return "only classifies; the step writes";
    return canClassify(capabilities, facts) ? undefined : "was trained on other labels than the step's";
  }
  if (facts.needs.tools && !capabilities.tools) return "does not call tools";
  const { contextTokens } = capabilities;
  if (contextTokens !== undefined && contextTokens <= facts.needs.maxOutputTokens)
    return `holds ${contextTokens} tokens, less than the output limit`;
  return undefined;
}
