import type { ConfidenceKind } from "../confidence/confidence.ts";
import type { EndpointClass, Location } from "../catalog/endpoint.ts";
import type { Escalation } from "../tiers/demands.ts";
import type { Label } from "../tiers/label.ts";
import type { Estimate } from "./estimate.ts";
import type { TurnRole } from "./facts.ts";

/** One endpoint that may be asked, in order. */
export interface Rung {
  readonly endpoint: string;
  readonly class: EndpointClass;
  readonly location: Location;
  /** Its answers are scripted, not generated. @default false */
  readonly standIn?: true;
  /** What will judge its answer; `unavailable` means that a valid answer is accepted `ungated`. */
  readonly signal: ConfidenceKind;
}

/** Why an endpoint is not on the ladder. */
export interface Refusal {
  readonly endpoint: string;
  /** A gate (`clearance`, `excluded`, `money`), else the name of the rule. */
  readonly rule: string;
  readonly reason: string;
}

/** Where the work goes: one class, both, a person, or nowhere. */
export type DecisionClass = "slm" | "hybrid" | "llm" | "human" | "refused";

/** What a rule may ask the runtime to do. */
export type RuleObligation =
  /** Show this share of answers to a person afterwards, 0 to 1. */
  | { readonly type: "sample-for-review"; readonly ratio: number; readonly reason: string }
  /**
   * There is no time to escalate: a weak answer is reported, for somebody to ask these later. Of the names only those count
   * that the rule was shown and that lie within the bounds of every rule.
   */
  | { readonly type: "escalate-later"; readonly endpoints: readonly string[]; readonly reason: string };

/** What the runtime must do beside the calls of the ladder; each is carried out in the code path, or nothing is sent. */
export type Obligation =
  | RuleObligation
  /** The endpoint's anonymiser runs over every text first. */
  | { readonly type: "redact-first"; readonly endpoint: string; readonly by: string }
  /** The answers of these endpoints are judged and may be turned down. */
  | {
      readonly type: "judge";
      readonly endpoints: readonly string[];
      readonly by: ConfidenceKind;
      readonly acceptAt: number;
    };

/** The arm of an experiment, by a stable hash of a key: the same key always gets the same arm. */
export interface Assignment {
  readonly experiment: string;
  readonly arm: string;
  /** Where the key fell, 0 to 1. */
  readonly bucket: number;
}

/** A policy's answer for one step, as plain data: serialisable, and equal for equal facts. */
export interface Decision {
  readonly step: string;
  /** The rules as `name@version`, in the order in which they ran. */
  readonly policy: { readonly name: string; readonly version: string; readonly rules: readonly string[] };
  readonly class: DecisionClass;
  readonly label: Label;
  readonly role?: TurnRole;
  readonly ladder: readonly Rung[];
  /**
   * Every candidate that is not on the ladder, each with the rule that refused it: by the gates first, then by the rules in
   * their order; whom one of them refused is listed by name, whatever the order of the catalog.
   */
  readonly refused: readonly Refusal[];
  /** The last rule that removed or ordered anybody, by its name; without one the last gate that refused, else `none`. */
  readonly decidedBy: string;
  readonly flags: readonly string[];
  /** Confidence from which an answer is accepted, 0 to 1. */
  readonly acceptAt: number;
  /** What follows a weak answer. */
  readonly escalation: Escalation;
  readonly obligations: readonly Obligation[];
  readonly assignments: readonly Assignment[];
  /** What the step would cost and take; `unknown` without a workload. */
  readonly estimate: Estimate | "unknown";
  /** The whole choice in one sentence. */
  readonly reason: string;
  /** Stable hash of everything above. */
  readonly id: string;
}
