import { StepFailedError, TierwiseError } from "../../errors.ts";

/** Whatever a step's code threw, as one of ours. The author's own error is kept as `cause`, not in the message. */
export function stepError(step: string, thrown: unknown, what: string): TierwiseError {
  if (TierwiseError.isInstance(thrown)) return thrown;
  const kind = thrown instanceof Error ? thrown.name : `a ${typeof thrown} that is no Error`;
  return new StepFailedError("STEP_FAILED", `step "${step}": ${what} threw ${kind}; see cause`, {
    cause: thrown,
    details: { step },
  });
}
