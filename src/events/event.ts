/**
 * What happens in a run, as one closed union. Events carry names, labels, counts and money; never prompts or arguments, and
 * outputs only where a step declares `stream`: `token` and `partial` show its answer to the run's caller, who is cleared for it.
 * Whoever records events for other readers leaves these two out. May import types of `policy`, `catalog`, `confidence` and
 * `tiers`.
 * @module
 */
import type { EndpointClass, Location } from "../catalog/endpoint.ts";
import type { Usage, UsageSource } from "../catalog/usage.ts";
import type { Confidence, Verdict } from "../confidence/confidence.ts";
import type { ErrorCode } from "../errors.ts";
import type { Decision } from "../policy/decision.ts";
import type { Label, Privacy } from "../tiers/label.ts";

/** `interrupted`: on a durable engine, the run goes on in another process. */
export type RunOutcome = "completed" | "failed" | "cancelled" | "budget_exceeded" | "denied" | "interrupted";
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

interface Shown extends OfStep {
  /** The attempt whose answer this is, as in its `attempt-start`; all that is shown of an attempt comes before its end. */
  readonly attempt: number;
}

/**
 * Text of an answer that is being written, of a step that declares `stream`: the next piece of it, as long as the model's
 * server cuts it. **Content**, for the run's caller alone. The pieces of an attempt in order make up its text. An attempt that
 * ends in `attempt-error`, or in `attempt-end` with the outcome `rejected`, makes all of its pieces void; the next attempt
 * starts from nothing under its own number.
 */
export interface Token extends Shown {
  readonly type: "token";
  readonly text: string;
}

/**
 * What is there so far of an answer with a schema, of a step that declares `stream`. **Content**, for the run's caller alone.
 * Each one replaces the one before. Until the attempt is accepted it is the JSON as the model wrote it, not checked against
 * the schema, its last text or number perhaps cut; the last one of an accepted attempt is the step's value as plain JSON. It is
 * void as a `token` is.
 */
export interface PartialAnswer extends Shown {
  readonly type: "partial";
  /** Plain data, frozen. */
  readonly value: unknown;
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
  readonly outcome: "completed" | "failed";
  /** `timeout`, `tool_error`, `result_unusable` or `cancelled`, as in the span attribute `error.type`; of failed calls. */
  readonly errorType: string | undefined;
  readonly resultBytes: number;
  readonly durationMs: number;
  /** `undefined` when the tool declares no cost. */
  readonly costUsd: number | undefined;
}

/**
 * Why a call was not made: the arguments do not fit, or are too long; no tool is called so; more calls than a turn may have;
 * a call with an effect before it in its turn did not succeed; a person said no; the budget cannot pay for it.
 */
export type ToolRefusalReason =
  | "invalid-arguments"
  | "arguments-too-long"
  | "unknown-tool"
  | "too-many-calls"
  | "earlier-effect"
  | "not-approved"
  | "budget";

/** A call was refused: the tool was not called, and the model was told why. */
export interface ToolRefused extends OfStep {
  readonly type: "tool-refused";
  /** `undefined` where the model named none of the step's tools. */
  readonly tool: string | undefined;
  readonly callId: string;
  readonly reason: ToolRefusalReason;
  /** How many calls this stands for: all that are too many are refused at once. */
  readonly calls: number;
}

/** What a person said about a call of a tool that is declared with `approve`. */
export interface HumanAnswered extends OfStep {
  readonly type: "human-answered";
  readonly tool: string;
  readonly callId: string;
  readonly approved: boolean;
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
  /** For the approval of a call: the tool's name. */
  readonly tool?: string;
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

/** A step's value was kept from an earlier run that read the same; nothing was called. */
export interface StepCached extends OfStep {
  readonly type: "step-cached";
}

/** A step failed, and what its author declared stands in its place. Follows its `step-end`. */
export interface StepRecovered extends OfStep {
  readonly type: "step-recovered";
  readonly code: ErrorCode;
  readonly with: "value" | "skip";
}

/** What a call of the step took could not be told to the shared budgets: its worst case stays charged to them. */
export interface SettlementError extends OfStep {
  readonly type: "settlement-error";
  /** By name. */
  readonly accounts: readonly string[];
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
  | Token
  | PartialAnswer
  | ToolStart
  | ToolEnd
  | ToolRefused
  | HumanAnswered
  | Declassified
  | Endorsed
  | HumanAsked
  | EscalationDeferred
  | ReviewSampled
  | StepRecovered
  | StepCached
  | SettlementError
  | StepEnd
  | RunEnd;

/** An event as its emitter writes it: the run adds its id and the time. */
export type NewEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, keyof Base> : never) : never;
