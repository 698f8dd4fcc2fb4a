import { describe, expect, it } from "vitest";
import {
  BudgetExceededError,
  InputError,
  NoEligibleEndpointError,
  ProviderError,
  RunCancelledError,
  TierwiseError,
} from "./errors.ts";

describe("fields of errors", () => {
  it("say which budget had no room", () => {
    const details = { step: "reply", scope: "shared", dimension: "tokens", limit: 5_000, account: "acme" };
    const error = new BudgetExceededError("BUDGET_EXCEEDED", "m", { details: { ...details, retryAfterMs: 1_500 } });
    const { step, scope, dimension, limit, account, retryAfterMs } = error;
    expect({ step, scope, dimension, limit, account }).toEqual(details);
    expect(retryAfterMs).toBe(1_500);
  });

  it("say what is wrong with an input; nothing where nobody said", () => {
    const problems = ["ticket: expected string"];
    expect(new InputError("INPUT_INVALID", "m", { details: { problems } }).problems).toEqual(problems);
    expect(new InputError("INPUT_INVALID", "m").problems).toEqual([]);
  });

  it("say who cancelled", () => {
    expect(new RunCancelledError("RUN_CANCELLED", "m", { details: { by: "shutdown" } }).by).toBe("shutdown");
    expect(new RunCancelledError("RUN_CANCELLED", "m").by).toBe("caller");
  });

  it.each<[string, TierwiseError, number | undefined]>([
    [
      "a provider's",
      new ProviderError("m", { retryable: true, errorType: "429", retryAfterMs: 0, code: "BACKPRESSURE" }),
      0,
    ],
    [
      "that of closed doors",
      new NoEligibleEndpointError("NO_ELIGIBLE_ENDPOINT", "m", { details: { retryAfterMs: 7 } }),
      7,
    ],
    ["none of a provider that named none", new ProviderError("m", { retryable: true, errorType: "500" }), undefined],
    ["none of an error that is about something else", new TierwiseError("INTERNAL", "m"), undefined],
  ])("hold the wait: %s", (_what, error, expected) => {
    expect(error.retryAfterMs).toBe(expected);
    expect(error.details["retryAfterMs"]).toBe(expected);
  });
});
