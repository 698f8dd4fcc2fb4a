import type { Candidate } from "../catalog/candidate.ts";
import type { ConfidenceKind } from "../confidence/confidence.ts";
import type { StepFacts } from "./facts.ts";

/** What will judge an endpoint's answer to the step; `unavailable` where nothing can. */
export function signalOf({ capabilities }: Candidate, facts: StepFacts): ConfidenceKind {
  if (capabilities.onlyLabels !== undefined) return "probability";
  if (facts.kind === "classify") return capabilities.logprobs ? "label-margin" : "unavailable";
  return facts.needs.jsonSchema || facts.needs.checked === true ? "validator" : "unavailable";
}
