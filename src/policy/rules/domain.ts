import type { Candidate } from "../../catalog/candidate.ts";
import { isSensitive, type StepFacts } from "../facts.ts";
import type { Rule, RuleOutcome } from "../rule.ts";
import { latencyMisfit } from "./latency.ts";
import { removeWhere } from "./removal.ts";
import { tierMisfit } from "./tier-ladder.ts";

/**
 * Removes what was trained for another field, and, where the field is highly specific and the data sensitive, everything but
 * the small models trained for it. Never removes the last endpoint. Source: decision-framework.md 4.2, rule 3.
 */
export const domainRule: Rule = {
  name: "domain",
  version: "1",
  apply(candidates, facts): RuleOutcome {
    const { domain } = facts;
    const own = candidates.filter((candidate) => isTrainedFor(candidate, facts) && staysUsable(candidate, facts));
    if (domain?.specificity === "high" && isSensitive(facts) && own.length > 0) {
      const reason = `is not a small model trained for ${domain.name}; sensitive data of a specific field stays with one`;
      return { removed: removeWhere(candidates, (c) => (own.includes(c) || isClassifier(c) ? undefined : reason)) };
    }
    const flags = domain?.specificity === "high" && own.length === 0 ? ["no-domain-model"] : [];
    const elsewhere = candidates.filter((candidate) => isTrainedElsewhere(candidate, facts));
    if (elsewhere.length === 0) return { flags };
    const isLeft = candidates.some((candidate) => !elsewhere.includes(candidate) && staysUsable(candidate, facts));
    if (!isLeft) return { flags };
    const reason = ({ endpoint }: Candidate): string =>
      `was trained for ${endpoint.domains.join(", ")}, the step works in ${domain?.name ?? "no field of its own"}`;
    return {
      flags,
      removed: elsewhere.map((candidate) => ({ endpoint: candidate.endpoint.name, reason: reason(candidate) })),
    };
  },
};

/** A small model for the step's field. */
function isTrainedFor({ endpoint }: Candidate, { domain }: StepFacts): boolean {
  return domain !== undefined && endpoint.class === "slm" && endpoint.domains.includes(domain.name);
}

/** Trained on the step's own labels, or the capability rule would have removed it. */
function isClassifier({ capabilities }: Candidate): boolean {
  return capabilities.onlyLabels !== undefined;
}

function isTrainedElsewhere(candidate: Candidate, { domain }: StepFacts): boolean {
  const { endpoint } = candidate;
  if (endpoint.domains.length === 0 || isClassifier(candidate)) return false;
  return domain === undefined || !endpoint.domains.includes(domain.name);
}

/** Neither the latency bound nor the tier, whose rules come later, will remove it: what is left must be of use. */
function staysUsable(candidate: Candidate, facts: StepFacts): boolean {
  return latencyMisfit(candidate, facts) === undefined && tierMisfit(candidate, facts) === undefined;
}
