import { NoEligibleEndpointError, ProviderError, type TierwiseError } from "../errors.ts";
import type { StepOutcome } from "../events/event.ts";
import type { StepDefinition } from "../graph/definition.ts";
import type { StepFactsForTrace, StepTrace } from "../telemetry/step-trace.ts";
import * as names from "../telemetry/semconv.ts";
import type { LedgerTotals } from "./budget/ledger.ts";
import { staticName } from "./frame.ts";
import { needValues, type Session } from "./session.ts";

export function startStepTrace(session: Session, step: StepDefinition): StepTrace {
  const trace = session.trace.step(() => factsOf(session, step));
  const startedMs = session.services.clock.nowMs();
  session.runningSteps.set(step.name, { trace, startedMs, budget: undefined, announced: undefined });
  if (step.kind === "map" && trace.span.isRecording) session.ledger.beginList(step.name);
  return trace;
}

function factsOf(session: Session, step: StepDefinition): StepFactsForTrace {
  const { name, kind, index } = step;
  const item = /\[(\d+)\]\/[^/]*$/.exec(name)?.[1];
  return {
    size: step.kind === "map" ? sizeOf(needValues(session, step)["input"]) : undefined,
    ...{ name, kind, index, staticName: staticName(name), item: item === undefined ? undefined : Number(item) },
    label: session.graph.flows[name]!.input,
    placed: "complexity" in step ? { complexity: step.complexity, privacy: step.privacy } : undefined,
  };
}

function sizeOf(list: unknown): number | undefined {
  return Array.isArray(list) ? list.length : undefined;
}

export interface StepTraceEnd {
  readonly step: StepDefinition;
  readonly trace: StepTrace;
  readonly outcome: StepOutcome;
  readonly isCached: boolean;
  readonly error: TierwiseError | undefined;
}

/** Totals come from the ledger, never from adding up spans: sampling drops spans. */
export function endStepTrace(session: Session, { step, trace, outcome, isCached, error }: StepTraceEnd): void {
  const errorType = error === undefined ? undefined : errorTypeOf(error);
  if (!trace.span.isRecording) {
    trace.span.end({ errorType });
    return;
  }
  const attributes = {
    [names.ATTR_STEP_OUTCOME]: outcome,
    ...(isCached && { [names.ATTR_STEP_CACHED]: true }),
    ...("complexity" in step && {
      ...totalAttributes(session.ledger.totals(step.name)),
      [names.ATTR_STEP_ESCALATION_PATH]: [...session.ledger.escalationPath(step.name)],
      [names.ATTR_STEP_QUEUE_MS]: trace.queueMs,
    }),
    ...(step.kind === "map" && totalAttributes(session.ledger.endList(step.name))),
  };
  trace.span.end({ attributes, errorType, ...(error && { message: error.code }) });
}

function totalAttributes({ attempts, escalations, costUsd, inputTokens, outputTokens }: LedgerTotals) {
  return {
    [names.ATTR_STEP_COST_USD]: costUsd,
    [names.ATTR_STEP_TOKENS_INPUT]: inputTokens,
    [names.ATTR_STEP_TOKENS_OUTPUT]: outputTokens,
    [names.ATTR_STEP_ATTEMPTS]: attempts,
    [names.ATTR_STEP_ESCALATED]: escalations > 0,
  };
}

export function measureStep(
  { metrics }: Session,
  { step, outcome, error, durationMs }: Omit<StepTraceEnd, "trace" | "isCached"> & { readonly durationMs: number },
): void {
  const { name, kind } = step;
  metrics.step(() => ({
    ...{ step: staticName(name), kind, isPlaced: "complexity" in step, outcome, durationMs },
    errorType: error === undefined ? undefined : errorTypeOf(error),
  }));
}

/** Value of `error.type`: the operation's own word where there is one, else the class of the error. */
export function errorTypeOf(error: TierwiseError): string {
  if (error instanceof ProviderError) return error.errorType;
  // Nobody denied it: those who may are down.
  if (error instanceof NoEligibleEndpointError && error.cause instanceof ProviderError) return error.cause.errorType;
  switch (error.code) {
    case "BUDGET_EXCEEDED":
      return "budget_exceeded";
    case "OUTPUT_INVALID":
      return "schema_invalid";
    case "HUMAN_REQUIRED":
      return "policy_denied";
    case "RUN_CANCELLED":
      return "cancelled";
    case "DEADLINE_EXCEEDED":
    case "ATTEMPT_TIMEOUT":
      return "timeout";
    default:
      return error.code.startsWith("PRIVACY_") || error.code === "NO_ELIGIBLE_ENDPOINT" ? "policy_denied" : error.name;
  }
}
