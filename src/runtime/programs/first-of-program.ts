import { StepFailedError } from "../../errors.ts";
import type { FirstOfStep, NeedValues } from "../../graph/definition.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";

/** Joins alternatives: the first listed that has a value. */
export class FirstOfProgram implements StepProgram {
  readonly #step: FirstOfStep;
  readonly #values: NeedValues;

  constructor(step: FirstOfStep, values: NeedValues) {
    this.#step = step;
    this.#values = values;
  }

  begin(): Progress {
    const chosen = Object.keys(this.#step.needs).find((key) => this.#values[key] !== undefined);
    if (chosen !== undefined) return value(this.#values[chosen]);
    const message = `step "${this.#step.name}": every alternative was skipped or has no value; add one without "when", or read it with g.orElse`;
    return failed(new StepFailedError("STEP_FAILED", message, { details: { step: this.#step.name } }));
  }

  next(): Progress {
    return [];
  }
}
