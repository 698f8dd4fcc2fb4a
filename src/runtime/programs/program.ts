import type { TierwiseError } from "../../errors.ts";
import type { GraphDefinition } from "../../graph/definition.ts";
import type { EngineEvent } from "../engine.ts";
import type { StepWork } from "../step-work.ts";

/** How a step ended. */
export type Settlement =
  | { readonly type: "value"; readonly value: unknown; /** Kept from an earlier run. */ readonly isCached?: boolean }
  | { readonly type: "failed"; readonly error: TierwiseError };

/** A graph to be run inside the step. */
export interface Child {
  /** Position in the list, or number of the iteration; `undefined` where there is only one. */
  readonly index: number | undefined;
  readonly graph: GraphDefinition;
  readonly input: unknown;
}

/** What a step wants next: actions, graphs to be run inside it, or to be over. */
export type Progress =
  readonly StepWork[] | Settlement | { readonly type: "nest"; readonly children: readonly Child[] };

/**
 * One step as a machine over events. Deterministic in what it is told: everything that depends on time, money or the
 * outside arrives as the result of a work, so that replaying the events replays the step.
 */
export interface StepProgram {
  begin(): Progress;
  /** @param event `done` or `failed` of a work that this program asked for */
  next(event: EngineEvent): Progress;
  /** A graph inside the step is over: what it gave back, or why it failed. */
  childEnded?(index: number, ending: Settlement): Progress;
}

export function value(result: unknown): Settlement {
  return { type: "value", value: result };
}

export function failed(error: TierwiseError): Settlement {
  return { type: "failed", error };
}

export function nest(children: readonly Child[]): Progress {
  return { type: "nest", children };
}
