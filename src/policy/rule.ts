import type { Candidate } from "../catalog/candidate.ts";
import type { StepFacts } from "./facts.ts";

/** What a rule says about the candidates it was shown. It can remove and order; nothing it returns can add one. */
export interface RuleOutcome {
  readonly removed?: readonly { readonly endpoint: string; readonly reason: string }[];
  /** Preferred order by name; candidates that are not listed follow in the order they had. */
  readonly order?: readonly string[];
  /** Short facts for the decision record, for example `no-llm`. */
  readonly flags?: readonly string[];
}

/**
 * One reason to refuse or prefer endpoints. Pure and deterministic. Rules only ever see endpoints that passed the
 * gates: privacy and money are decided before them and outside their reach.
 */
export interface Rule {
  readonly name: string;
  readonly version: string;
  apply(candidates: readonly Candidate[], facts: StepFacts): RuleOutcome;
}
