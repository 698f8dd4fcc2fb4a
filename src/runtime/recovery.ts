import type { TierwiseError } from "../errors.ts";

/** Money, time, privacy and the caller's wish end a run whatever a step says about its errors. */
export function isRecoverable({ code }: TierwiseError): boolean {
  const isFinal = ["DEADLINE_EXCEEDED", "RUN_CANCELLED", "INTERNAL"].some((own) => own === code);
  return !isFinal && !code.startsWith("BUDGET_") && !code.startsWith("PRIVACY_");
}
