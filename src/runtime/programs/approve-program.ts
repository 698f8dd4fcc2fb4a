import { StepFailedError } from "../../errors.ts";
import type { ApproveStep, NeedValues } from "../../graph/definition.ts";
import type { Approval } from "../../graph/types/steps.ts";
import type { Label } from "../../tiers/label.ts";
import type { EngineEvent } from "../engine.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";
import { stepError } from "./step-error.ts";

/** A person decides whether the run goes on as planned. */
export class ApproveProgram implements StepProgram {
  readonly #step: ApproveStep;
  readonly #values: NeedValues;
  readonly #label: Label;

  constructor(step: ApproveStep, values: NeedValues, label: Label) {
    this.#step = step;
    this.#values = values;
    this.#label = label;
  }

  begin(): Progress {
    const { name, question } = this.#step;
    try {
      const prompt = question(this.#values);
      return [
        { key: `${name}#0/0/human`, kind: "human", input: { step: name, ask: "approval", prompt, label: this.#label } },
      ];
    } catch (error) {
      return failed(stepError(name, error, "question"));
    }
  }

  next(event: EngineEvent): Progress {
    const { name } = this.#step;
    if (event.type === "failed") return failed(stepError(name, event.value, "onHuman"));
    const approval = readApproval(event.value);
    if (approval !== undefined) return value(approval);
    const message = `step "${name}": onHuman answered an approval with something else than true, false or { approved, by, reason }`;
    return failed(new StepFailedError("OUTPUT_INVALID", message, { details: { step: name } }));
  }
}

/** `true`, `false`, or an object that says more. Only what is declared gets on. */
export function readApproval(answer: unknown): Approval | undefined {
  if (typeof answer === "boolean") return { approved: answer };
  const { approved, by, reason } = (answer ?? {}) as Partial<Record<keyof Approval, unknown>>;
  if (typeof approved !== "boolean") return undefined;
  return {
    approved,
    ...(typeof by === "string" && { by }),
    ...(typeof reason === "string" && { reason }),
  };
}
