import type { Capabilities } from "../catalog/candidate.ts";
import type { Complexity } from "../tiers/complexity.ts";
import type { Clearance } from "../tiers/clearance.ts";
import type { Domain, Escalation, Requirements, Volume, Workload } from "../tiers/demands.ts";
import { levelOf, type Label, type Privacy } from "../tiers/label.ts";

/** Role of one turn of an agent: `plan` thinks what to do next, `act` fills in arguments and goes on. */
export type TurnRole = "plan" | "act";

/** An endpoint that this step has already asked, cannot pay for, or cannot reach now. */
export interface Exclusion {
  readonly endpoint: string;
  /** It failed, its answer was not accepted, its worst case did not fit the budget, or it takes no request now. */
  readonly rule: "failed" | "rejected" | "budget" | "unavailable";
  readonly reason: string;
}

/** The endpoint whose prompt cache holds a conversation, and how much of it. */
export interface Conversation {
  readonly endpoint: string;
  /** Tokens of the last request and its answer. */
  readonly tokens: number;
}

/** How often the gate turned an endpoint's answers to this step down, lately. */
export interface ObservedAnswers {
  readonly answers: number;
  readonly rejected: number;
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
    /** The author checks the answer (`validate`). */
    readonly checked?: boolean;
  };
  /** What the author requires beyond that. @default nothing */
  readonly requires?: Requirements;
  readonly domain?: Domain;
  readonly volume?: Volume;
  /** Least measured share of right answers, 0 to 1. */
  readonly minQuality?: number;
  /** What follows a weak answer. @default "allowed" */
  readonly escalation?: Escalation;
  /** Threshold of the step's own, 0 to 1; @default the policy's */
  readonly acceptAt?: number;
  /** A typical request, for estimates. */
  readonly workload?: Workload;
  /** A money cap is set: whatever has no price or no output limit could break it. */
  readonly moneyCapped: boolean;
  /** A token cap is set: whatever has no output limit could break it. @default false */
  readonly tokensCapped?: boolean;
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
  /** `undefined` when planning. */
  readonly runId?: string;
  readonly excluded: readonly Exclusion[];
  /** For a turn that continues a conversation. */
  readonly conversation?: Conversation;
  /** By endpoint; what is not here was not observed. */
  readonly observed?: Readonly<Record<string, ObservedAnswers>>;
  /** Clearance of the person who answers when no endpoint may; `undefined` when nobody is wired. */
  readonly human?: Clearance;
}

/** True when a classifier over a closed set can serve the step. */
export function canClassify(capabilities: Capabilities, facts: StepFacts): boolean {
  const { onlyLabels } = capabilities;
  const wanted = facts.needs.labels;
  return onlyLabels !== undefined && wanted !== undefined && onlyLabels.every((label) => wanted.includes(label));
}

/** High or critical in the words of decision-framework.md 4.1: `regulated` and above. */
export function isSensitive({ label }: StepFacts): boolean {
  return levelOf(label.level) >= levelOf("regulated");
}

/** Structured planning, analysis and open-ended work: what wants a large model in the loop. */
export function isComplex({ complexity }: StepFacts): boolean {
  return complexity === "reasoning" || complexity === "planning" || complexity === "agentic";
}

/** An answer of this step was turned down already. */
export function sawWeakAnswer({ excluded }: Pick<StepFacts, "excluded">): boolean {
  return excluded.some(({ rule }) => rule === "rejected");
}
