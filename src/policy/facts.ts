import type { Capabilities } from "../catalog/candidate.ts";
import type { Complexity } from "../tiers/complexity.ts";
import type { Clearance } from "../tiers/clearance.ts";
import type { Label, Privacy } from "../tiers/label.ts";

/** Role of one turn of an agent: `plan` thinks what to do next, `act` fills in arguments and goes on. */
export type TurnRole = "plan" | "act";

/** An endpoint that this step has already asked, or cannot pay for. */
export interface Exclusion {
  readonly endpoint: string;
  /** `tried` after an answer or failure, `budget` when its worst case did not fit. */
  readonly rule: "tried" | "budget";
  readonly reason: string;
}

/** Everything a decision depends on. Equal facts give equal decisions: no clock, no randomness, no graph. */
export interface StepFacts {
  readonly step: string;
  readonly kind: "model" | "classify" | "agent";
  readonly complexity: Complexity;
  /** Declared upper bound. */
  readonly privacy: Privacy;
  /** Label of what would be sent. */
  readonly label: Label;
  /** For a turn of an agent. */
  readonly role?: TurnRole;
  readonly needs: {
    readonly tools: boolean;
    readonly jsonSchema: boolean;
    /** The closed set of a `classify` step. */
    readonly labels?: readonly string[];
    readonly maxOutputTokens: number;
  };
  /** A money cap is set: whatever has no price or no output limit could break it. */
  readonly moneyCapped: boolean;
  /** Declared bound of the whole step, rejected drafts included, in milliseconds. */
  readonly maxLatencyMs?: number;
  /** What is left of `maxLatencyMs`; the whole of it when planning. */
  readonly latencyLeftMs?: number;
  /** Milliseconds until the run's deadline; `undefined` when planning. */
  readonly remainingMs?: number;
  /** Time of the decision, in milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** What the caller said about the run for rules to read, for example its tenant. */
  readonly tags: Readonly<Record<string, string>>;
  readonly excluded: readonly Exclusion[];
  /** Clearance of the person who answers when no endpoint may; `undefined` when nobody is wired. */
  readonly human?: Clearance;
}

/** True when a classifier over a closed set can serve the step. */
export function canClassify(capabilities: Capabilities, facts: StepFacts): boolean {
  const { onlyLabels } = capabilities;
  const wanted = facts.needs.labels;
  return onlyLabels !== undefined && wanted !== undefined && onlyLabels.every((label) => wanted.includes(label));
}
