import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { labelMargin, type TokenLogprob } from "./label-margin.ts";

type Alternatives = Readonly<Record<string, number>>;

/** A token with its probability and those of its alternatives, itself included as servers do. */
function token(text: string, probability: number, alternatives: Alternatives = {}): TokenLogprob {
  const listed = Object.entries({ [text]: probability, ...alternatives });
  return {
    token: text,
    logprob: Math.log(probability),
    alternatives: listed.map(([rival, p]) => ({ token: rival, logprob: Math.log(p) })),
  };
}

const labels = ["refund", "bug", "other", "uncertain"];
const sharing = ["refund", "refuse", "bug"];

describe("labelMargin", () => {
  it.each<[string, readonly TokenLogprob[], readonly string[], number]>([
    ["one token against its best rival", [token("refund", 0.7, { bug: 0.2, other: 0.05 })], labels, 0.5],
    ["the third answer as a rival", [token("refund", 0.5, { uncertain: 0.45 })], labels, 0.05],
    ["uncertainty itself, when it was answered", [token("uncertain", 0.6, { bug: 0.3 })], labels, 0.3],
    ["nothing, where no other label is in sight", [token("refund", 0.9, { "!": 0.05 })], labels, 0.9],
    ["no rival, where no alternatives were sent", [{ ...token("bug", 0.8), alternatives: [] }], labels, 0.8],
    [
      "a label in several tokens, at the first that decides",
      [token("re", 0.8, { bug: 0.1 }), token("fund", 1)],
      labels,
      0.7,
    ],
    ["a rival whose first letters are a token", [token("bug", 0.6, { ot: 0.3 })], labels, 0.3],
    ["the same label spelled otherwise not as a rival", [token("refund", 0.6, { ref: 0.3, bug: 0.1 })], labels, 0.5],
    ["a token with white space around it", [token(" bug", 0.9, { " other": 0.1 }), token("\n", 1)], labels, 0.8],
    ["white space before the label", [token("\n", 1), token("bug", 0.9, { other: 0.05 })], labels, 0.85],
    ["labels of one beginning where they part", [token("ref", 1), token("und", 0.7, { use: 0.3 })], sharing, 0.4],
    [
      "labels of one beginning with the doubt about the beginning",
      [token("ref", 0.8, { bug: 0.2 }), token("und", 0.75, { use: 0.25 })],
      sharing,
      0.6 - 0.2,
    ],
    [
      "the later doubt, where the first token was sure",
      [token("ref", 0.9, { bug: 0.05 }), token("und", 0.51, { use: 0.49 })],
      sharing,
      0.9 * 0.02,
    ],
    [
      "a label that begins another, by the rivals that show",
      [token("bug", 0.7, { other: 0.2 })],
      ["bug", "bug fix", "other"],
      0.5,
    ],
    ["a rival above the answer as no margin", [token("bug", 0.3, { other: 0.6 })], labels, 0],
  ])("measures %s", (...[, tokens, closedSet, raw]) => {
    const margin = labelMargin(tokens, closedSet);
    expect(margin.kind).toBe("label-margin");
    expect(margin.raw).toBeCloseTo(raw, 9);
    expect(margin.calibrated).toBeUndefined();
  });

  it.each<[string, readonly TokenLogprob[], readonly string[]]>([
    ["no tokens", [], labels],
    ["a text that is no label", [token("I", 0.9, { bug: 0.1 }), token(" think", 0.9)], labels],
    ["a label that is cut off while two are possible", [token("ref", 0.9)], sharing],
    ["a label in other letters", [token("BUG", 0.9, { bug: 0.1 })], labels],
    ["only white space", [token(" ", 1), token("\n", 1)], labels],
    ["an answer that begins another label, without a rival in sight", [token("bug", 0.9)], ["bug", "bug fix"]],
  ])("is unavailable for %s", (_name, tokens, closedSet) => {
    expect(labelMargin(tokens, closedSet)).toEqual({ kind: "unavailable" });
  });

  it.each<[string, TokenLogprob]>([
    ["is no number", { ...token("bug", 0.9), logprob: NaN }],
    ["is above 1", { ...token("bug", 0.9), logprob: 0.5 }],
    ["is no number for a rival", token("bug", 0.9, { other: NaN })],
  ])("is no confidence, which is less than no signal, where a probability %s", (_name, broken) => {
    expect(labelMargin([broken], labels)).toEqual({ kind: "label-margin", raw: 0 });
  });

  it("reads past a label what follows it, and lets it change nothing", () => {
    const answer = [token("bug", 0.9, { other: 0.1 })];
    expect(labelMargin([...answer, token("\n", 0.2, { other: 0.8 })], labels)).toEqual(labelMargin(answer, labels));
  });

  it("is a ratio for any log-probabilities, or unavailable", () => {
    const logprob = fc.oneof(fc.double({ max: 0, noNaN: true }), fc.double());
    const piece = fc.constantFrom("", " ", "re", "ref", "und", "use", "refund", "bug", "x", "uncertain");
    const item = fc.record({
      token: piece,
      logprob,
      alternatives: fc.array(fc.record({ token: piece, logprob }), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 4 }), (tokens) => {
        const margin = labelMargin(tokens, [...sharing, "uncertain"]);
        if (margin.kind === "unavailable") expect(margin.raw).toBeUndefined();
        else expect(margin.raw).toSatisfy((raw: number) => raw >= 0 && raw <= 1);
      }),
    );
  });

  it("never grows when a rival becomes likelier", () => {
    const probability = fc.double({ min: 0.01, max: 0.9, noNaN: true });
    fc.assert(
      fc.property(probability, probability, probability, (chosen, rival, more) => {
        const margin = (p: number) => labelMargin([token("bug", chosen, { other: p })], labels).raw!;
        expect(margin(Math.max(rival, more))).toBeLessThanOrEqual(margin(Math.min(rival, more)));
      }),
    );
  });
});
