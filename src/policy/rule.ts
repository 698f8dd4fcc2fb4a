import type { Candidate } from "../catalog/candidate.ts";
import type { EndpointClass, Location } from "../catalog/endpoint.ts";
import type { Assignment, RuleObligation } from "./decision.ts";
import type { StepFacts } from "./facts.ts";

/**
 * What a rule says about the candidates it was shown. It can remove and order; nothing it returns can add one. Anything else
 * than these members, a promise included, makes it a broken rule, which refuses all that it was shown.
 */
export interface RuleOutcome {
  readonly removed?: readonly { readonly endpoint: string; readonly reason: string }[];
  /** Preferred order by name; candidates that are not listed follow in the order they had. */
  readonly order?: readonly string[];
  /** Short facts for the decision record, for example `no-llm`. */
  readonly flags?: readonly string[];
  /** What the runtime must do beside the call. An obligation it does not know counts as a broken rule. */
  readonly obligations?: readonly RuleObligation[];
  /** The arm of an experiment that the run is in. */
  readonly assignments?: readonly Assignment[];
}

/** What a rule leaves at most, so that rules which leave nothing together are found before a run. */
export interface Bounds {
  readonly classes?: readonly EndpointClass[];
  readonly locations?: readonly Location[];
}

/**
 * One reason to refuse or prefer endpoints. Pure and deterministic. Rules only ever see endpoints that passed the
 * gates: privacy and money are decided before them and outside their reach.
 */
export interface Rule {
  readonly name: string;
  readonly version: string;
  /** Enforced: what lies outside is removed before `apply` is asked. @default everything */
  readonly only?: Bounds;
  apply(candidates: readonly Candidate[], facts: StepFacts): RuleOutcome;
}
