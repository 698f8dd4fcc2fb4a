import { show } from "../../common/names.ts";
import { OptionReader, type Report } from "../../common/option-reader.ts";

/**
 * How often and how soon an endpoint is asked again after a failure that may pass. The wait before request n + 1 is random,
 * up to `initialDelayMs * backoffFactor ** (n - 1)` and `maxDelayMs`: full jitter, so that callers who failed together do
 * not come back together.
 */
export interface RetryOptions {
  /** Requests to one endpoint for one question, the first one included, 1 to 10. @default 3 */
  readonly maxAttempts?: number;
  /** 0 to 60,000. @default 500 */
  readonly initialDelayMs?: number;
  /** 1 to 10. @default 2 */
  readonly backoffFactor?: number;
  /** 0 to 600,000. @default 8_000 */
  readonly maxDelayMs?: number;
}

export function readRetryOptions(found: unknown, report: Report): Required<RetryOptions> {
  const reader = new OptionReader(found ?? {}, "runtime.retry", report);
  reader.only(["maxAttempts", "initialDelayMs", "backoffFactor", "maxDelayMs"]);
  const factor = reader.get("backoffFactor") ?? 2;
  const isFactor = typeof factor === "number" && factor >= 1 && factor <= 10;
  if (!isFactor) reader.mistake("backoffFactor", `expected a number from 1 to 10, found ${show(factor)}`);
  return Object.freeze({
    maxAttempts: reader.integer("maxAttempts", { fallback: 3, min: 1, max: 10 }),
    initialDelayMs: reader.integer("initialDelayMs", { fallback: 500, min: 0, max: 60_000 }),
    backoffFactor: isFactor ? factor : 2,
    maxDelayMs: reader.integer("maxDelayMs", { fallback: 8_000, min: 0, max: 600_000 }),
  });
}
