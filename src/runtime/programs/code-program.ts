import type { CodeStep, RedactStep } from "../../graph/definition.ts";
import type { EngineEvent } from "../engine.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";
import { stepError } from "./step-error.ts";

/** A step that is one piece of the author's code. */
export class CodeProgram implements StepProgram {
  readonly #step: CodeStep | RedactStep;

  constructor(step: CodeStep | RedactStep) {
    this.#step = step;
  }

  begin(): Progress {
    return [{ key: `${this.#step.name}#0/0/0`, kind: "code", input: { step: this.#step.name } }];
  }

  next(event: EngineEvent): Progress {
    if (event.type === "done") return value(event.value);
    return failed(stepError(this.#step.name, event.value, this.#step.kind === "code" ? "run" : "map"));
  }
}
