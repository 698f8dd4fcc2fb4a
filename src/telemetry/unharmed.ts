import { diag } from "@opentelemetry/api";

/** What the host's providers throw goes to OpenTelemetry's diagnostics: telemetry never breaks a run. */
export function unharmed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    diag.error("tierwise: a telemetry provider threw", error);
    return undefined;
  }
}
