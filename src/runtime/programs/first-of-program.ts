import { StepFailedError } from "../../errors.ts";
import type { FirstOfStep, NeedValues } from "../../graph/definition.ts";
import type { RefNode } from "../../graph/ref.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";

/** Joins alternatives: the first listed that was not skipped. */
export class FirstOfProgram implements StepProgram {
  readonly #step: FirstOfStep;
  readonly #values: NeedValues;
  readonly #wasSkipped: (ref: RefNode) => boolean;

  constructor(step: FirstOfStep, values: NeedValues, wasSkipped: (ref: RefNode) => boolean) {
    this.#step = step;
    this.#values = values;
    this.#wasSkipped = wasSkipped;
  }

  begin(): Progress {
    const chosen = Object.entries(this.#step.needs).find(([, ref]) => !this.#wasSkipped(ref));
    if (chosen !== undefined) return value(this.#values[chosen[0]]);
    const message = `step "${this.#step.name}": every alternative was skipped; add one without "when", or read it with g.orElse`;
    return failed(new StepFailedError("STEP_FAILED", message, { details: { step: this.#step.name } }));
  }

  next(): Progress {
    return [];
  }
}
