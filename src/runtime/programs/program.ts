import type { TierwiseError } from "../../errors.ts";
import type { EngineEvent } from "../engine.ts";
import type { StepWork } from "../step-work.ts";

/** How a step ended. */
export type Settlement =
  { readonly type: "value"; readonly value: unknown } | { readonly type: "failed"; readonly error: TierwiseError };

/** What a step wants next: actions, or to be over. */
export type Progress = readonly StepWork[] | Settlement;

/**
 * One step as a machine over events. Deterministic in what it is told: everything that depends on time, money or the
 * outside arrives as the result of a work, so that replaying the events replays the step.
 */
export interface StepProgram {
  begin(): Progress;
  /** @param event `done` or `failed` of a work that this program asked for */
  next(event: EngineEvent): Progress;
}

export function value(result: unknown): Settlement {
  return { type: "value", value: result };
}

export function failed(error: TierwiseError): Settlement {
  return { type: "failed", error };
}

export function isSettlement(progress: Progress): progress is Settlement {
  return "type" in progress;
}
