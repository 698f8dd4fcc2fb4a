import { NoEligibleEndpointError, ProviderError, type TierwiseError } from "../errors.ts";
import type { StepOutcome } from "../events/event.ts";
import type { StepDefinition } from "../graph/definition.ts";
import type { StepFactsForTrace, StepTrace } from "../telemetry/run-trace.ts";
import * as names from "../telemetry/semconv.ts";
import { staticName } from "./frame.ts";
import type { Session } from "./session.ts";

export function startStepTrace(session: Session, step: StepDefinition): StepTrace {
  const trace = session.trace.step(() => factsOf(session, step));
  session.stepTraces.set(step.name, trace);
  return trace;
}

function factsOf(session: Session, step: StepDefinition): StepFactsForTrace {
  const { name, kind, index } = step;
  const item = /\[(\d+)\]\/[^/]*$/.exec(name)?.[1];
  return {
    ...{ name, kind, index, staticName: staticName(name), item: item === undefined ? undefined : Number(item) },
    label: session.graph.flows[name]!.input,
    placed: "complexity" in step ? { complexity: step.complexity, privacy: step.privacy } : undefined,
  };
}

export interface StepTraceEnd {
  readonly step: StepDefinition;
  readonly trace: StepTrace;
  readonly outcome: StepOutcome;
  readonly error: TierwiseError | undefined;
}

/** Totals come from the ledger, never from adding up spans: sampling drops spans. */
export function endStepTrace(session: Session, { step, trace, outcome, error }: StepTraceEnd): void {
  const errorType = error === undefined ? undefined : errorTypeOf(error);
  if (!trace.span.isRecording) {
    trace.span.end({ errorType });
    return;
  }
  const { attempts, escalations, endpoints, costUsd, inputTokens, outputTokens } = session.ledger.totals(step.name);
  const attributes = {
    [names.ATTR_STEP_OUTCOME]: outcome,
    ...("complexity" in step && {
      [names.ATTR_STEP_ATTEMPTS]: attempts,
      [names.ATTR_STEP_ESCALATED]: escalations > 0,
      [names.ATTR_STEP_ESCALATION_PATH]: [...endpoints],
      [names.ATTR_STEP_COST_USD]: costUsd,
      [names.ATTR_STEP_TOKENS_INPUT]: inputTokens,
      [names.ATTR_STEP_TOKENS_OUTPUT]: outputTokens,
    }),
  };
  trace.span.end({ attributes, errorType, ...(error && { message: error.code }) });
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
    case "RUN_CANCELLED":
      return "cancelled";
    case "DEADLINE_EXCEEDED":
    case "ATTEMPT_TIMEOUT":
      return "timeout";
    default:
      return error.code.startsWith("PRIVACY_") || error.code === "NO_ELIGIBLE_ENDPOINT" ? "policy_denied" : error.name;
  }
}
