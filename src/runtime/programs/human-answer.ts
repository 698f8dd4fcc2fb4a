import { StepFailedError } from "../../errors.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import { failed, value, type Settlement } from "./program.ts";

/** What a person answered, checked like any model's answer: a label of the closed set, or a value of the output schema. */
export function humanAnswer(step: PlacedStep, answer: unknown): Settlement {
  if (step.kind === "classify") {
    return step.labels.some((label) => label === answer)
      ? value({ label: answer })
      : unusable(step, ["it is not one of the labels"]);
  }
  const parsed = step.output.parse(answer);
  return parsed.ok ? value(parsed.value) : unusable(step, parsed.problems);
}

function unusable({ name }: PlacedStep, problems: readonly string[]): Settlement {
  const message = `step "${name}": the answer of onHuman does not fit: ${problems.join("; ")}`;
  return failed(new StepFailedError("OUTPUT_INVALID", message, { details: { step: name } }));
}
