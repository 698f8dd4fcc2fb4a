/** How runs and steps end, and what a failure makes of them. */
import {
  BudgetExceededError,
  ProviderError,
  RunCancelledError,
  type CancelledBy,
  type TierwiseError,
} from "../errors.ts";
import type { RunOutcome } from "../events/event.ts";
import type { StepDefinition } from "../graph/definition.ts";
import { failed, type Settlement } from "./programs/program.ts";
import { isRecoverable } from "./recovery.ts";

/** How a run ended, before it is turned into a result. */
export type Conclusion =
  | { readonly outcome: "completed" }
  | { readonly outcome: Exclude<RunOutcome, "completed">; readonly error: TierwiseError };

/** Of a run that gives nothing back. */
export type Unfinished = Exclude<Conclusion, { outcome: "completed" }>;

/** How a step ended. */
export type Ending =
  Settlement | { readonly type: "cancelled" } | { readonly type: "recovered"; readonly error: TierwiseError };

export function runCancelled(reason: unknown, by: CancelledBy): RunCancelledError {
  const who = by === "caller" ? "its caller" : "the shutdown of its runtime";
  const message = `the run was cancelled by ${who}; see cause`;
  return new RunCancelledError("RUN_CANCELLED", message, { details: { by }, cause: reason });
}

/** Of the event that an engine delivers: this runtime sends the error itself, others may send any reason. */
export function cancellation(sent: unknown): RunCancelledError {
  return sent instanceof RunCancelledError ? sent : runCancelled(sent, "caller");
}

/** What a run is that fails with this. */
export function failure(error: TierwiseError): Unfinished {
  if (error instanceof BudgetExceededError) return { outcome: "budget_exceeded", error };
  // A work that was cut short may come back before the event that says why.
  if (error instanceof RunCancelledError) return { outcome: "cancelled", error };
  // Nobody eligible because those who are eligible are down is a failure of theirs.
  const nobody = error.code === "NO_ELIGIBLE_ENDPOINT" && !(error.cause instanceof ProviderError);
  const denied = error.code.startsWith("PRIVACY_") || nobody || error.code === "HUMAN_REQUIRED";
  return { outcome: denied ? "denied" : "failed", error };
}

/** Its caller is not kept waiting. */
export function isCutShort(conclusion: Conclusion): boolean {
  if (conclusion.outcome === "completed") return false;
  return conclusion.error.code === "RUN_CANCELLED" || conclusion.error.code === "DEADLINE_EXCEEDED";
}

/** What a step's `onError` makes of its failure. */
export function recovered(step: StepDefinition, error: TierwiseError): Ending {
  const canRecover = "onError" in step && step.onError.kind !== "fail" && isRecoverable(error);
  return canRecover ? { type: "recovered", error } : failed(error);
}

export function recoveryOf(step: StepDefinition): "value" | "skip" {
  return "onError" in step && step.onError.kind === "value" ? "value" : "skip";
}

export function recoveredValue(step: StepDefinition): unknown {
  return "onError" in step && step.onError.kind === "value" ? step.onError.value : undefined;
}
