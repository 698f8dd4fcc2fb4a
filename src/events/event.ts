/**
 * What happens in a run, as one closed union. Events carry names, labels, counts and money; never prompts, outputs or
 * arguments. May import types of `policy`, `catalog`, `confidence` and `tiers`.
 * @module
 */
import type { EndpointClass, Location } from "../catalog/endpoint.ts";
import type { Usage, UsageSource } from "../catalog/usage.ts";
import type { Confidence, Verdict } from "../confidence/confidence.ts";
import type { Decision } from "../policy/decision.ts";
import type { Label, Privacy } from "../tiers/label.ts";

export type RunOutcome = "completed" | "failed" | "cancelled" | "budget_exceeded" | "denied";
export type StepOutcome = "completed" | "failed" | "skipped" | "cancelled";

/** Why an attempt was made: first try, the same endpoint again, another after a failure, a stronger one after a weak answer, the next turn of a tool loop. */
export type AttemptKind = "initial" | "retry" | "fallback" | "escalation" | "turn";

/** Why an answer was not accepted. */
export type RejectReason =
  "low_confidence" | "uncertain" | "schema_invalid" | "validator" | "length" | "content_filter";

interface Base {
  readonly runId: string;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

interface OfStep extends Base {
  readonly step: string;
}

interface OfAttempt extends OfStep {
  /** From 1, over the whole step. */
  readonly attempt: number;
  readonly kind: AttemptKind;
  readonly endpoint: string;
  readonly class: EndpointClass;
  readonly location: Location;
}

export interface RunStart extends Base {
  readonly type: "run-start";
  readonly graph: string;
  readonly graphVersion: string;
  /** False when the graph declares no label. */
  readonly labelled: boolean;
}

export interface StepStart extends OfStep {
  readonly type: "step-start";
  readonly kind: string;
}

export interface PolicyDecision extends OfStep {
  readonly type: "policy-decision";
  readonly decision: Decision;
}

export interface AttemptStart extends OfAttempt {
  readonly type: "attempt-start";
  /** What was about to be sent: its label and its size in UTF-8 bytes. */
  readonly label: Label;
  readonly requestBytes: number;
}

interface Charged extends Usage {
  readonly durationMs: number;
  readonly usageSource: UsageSource;
  /** `undefined` when the endpoint has no price. */
  readonly costUsd: number | undefined;
}

export interface AttemptEnd extends OfAttempt, Charged {
  readonly type: "attempt-end";
  readonly outcome: "accepted" | "rejected";
  readonly rejectReason: RejectReason | undefined;
  readonly confidence: Confidence;
  readonly basis: Verdict["basis"];
}

export interface AttemptError extends OfAttempt, Charged {
  readonly type: "attempt-error";
  /** As in the span attribute `error.type`. */
  readonly errorType: string;
}

export interface ToolStart extends OfStep {
  readonly type: "tool-start";
  readonly tool: string;
  readonly callId: string;
  readonly effect: "read" | "write" | "irreversible";
  readonly label: Label;
  readonly argumentBytes: number;
}

export interface ToolEnd extends OfStep {
  readonly type: "tool-end";
  readonly tool: string;
  readonly callId: string;
  readonly outcome: "completed" | "failed" | "refused";
  readonly resultBytes: number;
  readonly durationMs: number;
}

/** A label went down (R8). */
export interface Declassified extends OfStep {
  readonly type: "declassified";
  readonly from: Label;
  readonly to: Label;
  readonly reason: string;
}

/** An untrusted value was accepted as trusted (R9), or untrusted arguments were let through openly (R6). */
export interface Endorsed extends OfStep {
  readonly type: "endorsed";
  readonly what: "label" | "arguments";
  readonly reason: string;
}

export interface HumanAsked extends OfStep {
  readonly type: "human-asked";
  readonly label: Label;
}

/** An answer was weak and there was no time to ask a stronger endpoint: somebody may ask these later. */
export interface EscalationDeferred extends OfStep {
  readonly type: "escalation-deferred";
  readonly endpoints: readonly string[];
  readonly reason: string;
}

/** An accepted answer fell into the share that a person reviews afterwards. */
export interface ReviewSampled extends OfStep {
  readonly type: "review-sampled";
  readonly endpoint: string;
  readonly reason: string;
}

export interface StepEnd extends OfStep {
  readonly type: "step-end";
  readonly outcome: StepOutcome;
  readonly durationMs: number;
  readonly costUsd: number;
}

export interface RunEnd extends Base {
  readonly type: "run-end";
  readonly outcome: RunOutcome;
  readonly durationMs: number;
  readonly costUsd: number;
  /** False when a price is unknown or a usage was estimated: the cost is then what is known of it. */
  readonly costComplete: boolean;
  readonly baselineUsd: number;
  readonly privacy: Privacy;
}

export type RunEvent =
  | RunStart
  | StepStart
  | PolicyDecision
  | AttemptStart
  | AttemptEnd
  | AttemptError
  | ToolStart
  | ToolEnd
  | Declassified
  | Endorsed
  | HumanAsked
  | EscalationDeferred
  | ReviewSampled
  | StepEnd
  | RunEnd;

/** An event as its emitter writes it: the run adds its id and the time. */
export type NewEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, keyof Base> : never) : never;
