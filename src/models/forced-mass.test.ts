import { describe, expect, it } from "vitest";
import { forcedMass } from "./forced-mass.ts";

type Alternatives = Readonly<Record<string, number>>;

function token(text: string, probability: number, alternatives: Alternatives = {}) {
  const listed = Object.entries({ [text]: probability, ...alternatives });
  return {
    token: text,
    logprob: Math.log(probability),
    alternatives: listed.map(([other, p]) => ({ token: other, logprob: Math.log(p) })),
  };
}

describe("forcedMass", () => {
  const cases: [string, ReturnType<typeof token>[], number | undefined][] = [
    ["a label of one token", [token('{"a":"', 1), token("walrus", 0.2), token('"}', 1)], 0.2],
    ["the first token of several", [token('{"a":"', 1), token("w", 0.3), token("alrus", 0.9)], 0.3],
    [
      "spellings of the label, not of others",
      [token("wal", 0.3, { w: 0.2, walrus: 0.1, wa: 0.05, "8": 0.3 })],
      undefined,
    ],
    ["the same, spelt to its end", [token("wal", 0.3, { w: 0.2, "8": 0.3 }), token("rus", 1)], 0.5],
    [
      "a token that begins before the label",
      [token('{"a":', 1), token('"wal', 0.1, { '"': 0.85 }), token("rus", 1)],
      0.95,
    ],
    ["a token that goes on after it", [token('walrus"}', 0.4)], 0.4],
    ["an end of the text, which leads nowhere", [token("walrus", 0.1, { "": 0.8 })], 0.1],
    ["thinking that named the label before", [token("walrus", 0.99), token('{"', 1), token("walrus", 0.01)], 0.01],
    ["no tokens", [], undefined],
    ["tokens of another text", [token("eight", 1)], undefined],
    ["a probability that is none", [token("walrus", Number.NaN)], undefined],
    ["a probability above 1", [token("walrus", 1.5)], undefined],
  ];

  it.each(cases)("measures %s", (_what, tokens, expected) => {
    const mass = forcedMass(tokens, "walrus");
    if (expected === undefined) expect(mass).toBeUndefined();
    else expect(mass).toBeCloseTo(expected, 6);
  });

  it("is never above 1, however a server rounds", () => {
    expect(forcedMass([token("walrus", 1, { w: 0.2 })], "walrus")).toBe(1);
  });
});
