import type { ConfidenceKind } from "../confidence/confidence.ts";
import type { EndpointClass, Location } from "../catalog/endpoint.ts";
import type { Label } from "../tiers/label.ts";
import type { TurnRole } from "./facts.ts";

/** One endpoint that may be asked, in order. */
export interface Rung {
  readonly endpoint: string;
  readonly class: EndpointClass;
  readonly location: Location;
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

/** A policy's answer for one step, as plain data: serialisable, and equal for equal facts. */
export interface Decision {
  readonly step: string;
  readonly policy: { readonly name: string; readonly version: string };
  readonly class: DecisionClass;
  readonly label: Label;
  readonly role?: TurnRole;
  readonly ladder: readonly Rung[];
  /** Every candidate that is not on the ladder, each with the rule that refused it. */
  readonly refused: readonly Refusal[];
  readonly flags: readonly string[];
  /** Confidence from which an answer is accepted, 0 to 1. */
  readonly acceptAt: number;
  /** The whole choice in one sentence. */
  readonly reason: string;
  /** Stable hash of everything above. */
  readonly id: string;
}
