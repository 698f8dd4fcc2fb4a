import { describe, expect, it } from "vitest";
import { candidate, facts, type CandidateCase } from "../../../test/support/step-cases.ts";
import type { StepFacts } from "../facts.ts";
import { promptCacheRule } from "./prompt-cache.ts";

const dollars = (input: number, output: number, cache: { read?: number; write?: number } = {}) => ({
  inputPerMillionTokensUsd: input,
  outputPerMillionTokensUsd: output,
  ...(cache.read !== undefined && { cacheReadPerMillionTokensUsd: cache.read }),
  ...(cache.write !== undefined && { cacheWritePerMillionTokensUsd: cache.write }),
});

const warm: CandidateCase = { name: "warm", class: "llm", price: dollars(10, 10, { read: 1 }) };
const cold: CandidateCase = { name: "cold", price: dollars(2, 2) };

/** A turn with answers of 100 tokens, in a conversation of so many tokens that `holder` holds. */
function applied(
  ladder: readonly CandidateCase[],
  { holder = "warm", tokens, ...more }: { holder?: string; tokens: number } & Partial<StepFacts>,
) {
  const workload = { inputTokens: { low: 0, high: 0 }, outputTokens: { low: 50, high: 150 } };
  return promptCacheRule.apply(
    ladder.map(candidate),
    facts({ conversation: { endpoint: holder, tokens }, workload, ...more }),
  );
}

const stays = { order: ["warm"], flags: ["warm-cache:warm"] };

describe("inside a conversation", () => {
  // Staying costs 1 x tokens + 10 x 100, changing 2 x tokens + 2 x 100: even at 800 tokens.
  it.each([
    [801, stays],
    [800, {}],
    [799, {}],
    [0, {}],
    [100_000, stays],
  ])(
    "of %i tokens the turn stays where a cold cache would cost more, not where it costs as much",
    (tokens, outcome) => {
      expect(applied([cold, warm], { tokens })).toEqual(outcome);
    },
  );

  it("another endpoint pays the price of writing the cache", () => {
    // 2.5 x 600 + 200 against 600 + 1,000; at the input price, 2 x 600 + 200, it would change.
    const writing = { ...cold, price: dollars(2, 2, { write: 2.5 }) };
    expect(applied([writing, warm], { tokens: 600 })).toEqual(stays);
    expect(applied([cold, warm], { tokens: 600 })).toEqual({});
  });

  it("without a price for the cache staying costs the input price, so only the change of rates counts", () => {
    const plain = { ...warm, price: dollars(10, 10) };
    expect(applied([cold, plain], { tokens: 1_000_000 })).toEqual({});
  });

  it("counts an answer of a quarter of the limit where no workload says more", () => {
    // Of 1,024 tokens: 256 x 10 + tokens against 256 x 2 + 2 x tokens, even at 2,048 tokens.
    for (const [tokens, outcome] of [
      [2_049, stays],
      [2_048, {}],
    ] as const) {
      const step = facts({ conversation: { endpoint: "warm", tokens } });
      expect(promptCacheRule.apply([cold, warm].map(candidate), step)).toEqual(outcome);
    }
  });

  it("compares with the first of the ladder alone, and moves nobody else", () => {
    const between = { ...cold, name: "between", price: dollars(0, 0) };
    expect(applied([cold, between, warm], { tokens: 5_000 })).toEqual(stays);
    expect(applied([between, cold, warm], { tokens: 5_000 })).toEqual({});
  });

  it("stays among models of one class, too", () => {
    const small = { ...warm, class: "slm" } as const;
    expect(applied([cold, small], { tokens: 5_000 })).toEqual(stays);
    const large = { ...cold, class: "llm" } as const;
    expect(applied([large, warm], { tokens: 5_000 })).toEqual(stays);
  });

  it("never keeps a small model where a large one is asked for: planning and repairing want the stronger", () => {
    const small: CandidateCase = { name: "warm", price: dollars(0.1, 0.1, { read: 0.01 }) };
    const large: CandidateCase = { name: "cold", class: "llm", price: dollars(10, 10) };
    expect(applied([large, small], { tokens: 100_000 })).toEqual({});
  });
});

describe("the order stays as it is", () => {
  const unpriced: CandidateCase = { name: "warm", class: "llm" };
  const unpricedCold: CandidateCase = { name: "cold" };

  it.each<[string, readonly CandidateCase[], string]>([
    ["the holder is first already", [warm, cold], "warm"],
    ["the holder may not be asked", [cold], "warm"],
    ["the holder has no price", [cold, unpriced], "warm"],
    ["the first has no price", [unpricedCold, warm], "warm"],
    ["nobody is left", [], "warm"],
  ])("where %s", (_where, ladder, holder) => {
    expect(applied(ladder, { holder, tokens: 100_000 })).toEqual({});
  });

  it("outside of a conversation", () => {
    expect(promptCacheRule.apply([cold, warm].map(candidate), facts())).toEqual({});
  });
});
