import { describe, expect, it } from "vitest";
import { ProviderError } from "../../errors.ts";
import { retryDelayMs } from "./attempts.ts";

const retry = { maxAttempts: 4, initialDelayMs: 500, backoffFactor: 2, maxDelayMs: 1_500 };
const error = (errorType: string, retryable = true) => new ProviderError("no", { retryable, errorType });
const [down, malformed, wrong] = [error("503"), error("malformed_reply"), error("400", false)];

describe("the wait before another request", () => {
  it.each([
    ["grows with the failures up to its limit", [500, 1_000, 1_500], 1],
    ["is anything below that, by chance", [250, 500, 750], 0.5],
    ["may be nothing", [0, 0, 0], 0],
  ])("%s", (_what, expected, chance) => {
    const waits = [1, 2, 3].map((count) => retryDelayMs(Array<ProviderError>(count).fill(down), retry, () => chance));
    expect(waits).toEqual(expected);
  });

  it.each<[string, ProviderError[], boolean]>([
    ["fewer requests than allowed", [down, down, down], true],
    ["as many requests as allowed", [down, down, down, down], false],
    ["a failure that does not pass", [down, wrong], false],
    ["a reply that cannot be read", [malformed], true],
    ["a second one", [malformed, malformed], false],
    ["a second one, with another failure between", [malformed, down, malformed], false],
    ["another failure after one", [malformed, down], true],
  ])("after %s: %j is followed by another: %s", (_what, errors, expected) => {
    expect(retryDelayMs(errors, retry, () => 0) !== undefined).toBe(expected);
  });
});
