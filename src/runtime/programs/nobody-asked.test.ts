import { describe, expect, it } from "vitest";
import { ProviderError, type ErrorCode } from "../../errors.ts";
import { nobodyAsked } from "./nobody-asked.ts";

type Result = Parameters<typeof nobodyAsked>[1][number];

function refused(endpoint: string, code: ErrorCode, retryAfterMs?: number): Result & { type: "failed" } {
  const options = { code, retryable: true, errorType: code.toLowerCase(), retryAfterMs };
  return { type: "failed", endpoint, requests: 0, error: new ProviderError(`${endpoint} refuses`, options) };
}

const open = (endpoint: string, retryAfterMs: number) => refused(endpoint, "CIRCUIT_OPEN", retryAfterMs);
const full = refused("full", "BACKPRESSURE");
const broken: Result = { ...refused("broken", "PROVIDER_ERROR"), requests: 1 };
const rejected: Result = {
  ...{ type: "rejected", endpoint: "weak", reason: "validator", text: "", problems: [] },
  requests: 1,
};

describe("a question that nobody was asked", () => {
  it("ends without an eligible endpoint when all circuits are open, and says which and when one is tried", () => {
    const [late, soon] = [open("late", 9_000.4), open("soon", 1_200.2)];
    for (const results of [
      [late, soon],
      [soon, late],
    ]) {
      const error = nobodyAsked("reply", results);
      expect(error).toMatchObject({ name: "NoEligibleEndpointError", code: "NO_ELIGIBLE_ENDPOINT", cause: soon.error });
      expect(error?.details).toMatchObject({ step: "reply", retryAfterMs: 1_201 });
      expect(error?.message).toContain(results.map(({ endpoint }) => endpoint).join(", "));
      expect(error?.message).toContain("a request may try one in 1201 ms");
    }
  });

  it("says so when one request is finding out", () => {
    expect(nobodyAsked("reply", [open("late", 9_000), open("half", 0)])?.message).toContain("is trying it now");
  });

  it("is an overload when one of them is full or paused, in whatever order they were turned to", () => {
    expect(nobodyAsked("reply", [full])).toBe(full.error);
    expect(nobodyAsked("reply", [open("late", 9_000), full])).toBe(full.error);
    expect(nobodyAsked("reply", [full, open("late", 9_000)])).toBe(full.error);
  });

  it("is none when somebody was asked, or nobody was turned to", () => {
    expect(nobodyAsked("reply", [])).toBeUndefined();
    expect(nobodyAsked("reply", [broken, open("late", 9_000)])).toBeUndefined();
    expect(nobodyAsked("reply", [rejected, full])).toBeUndefined();
  });
});
