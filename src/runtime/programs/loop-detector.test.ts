import { describe, expect, it } from "vitest";
import { LoopDetector, type Loop, type ObservedCall } from "./loop-detector.ts";

type Turn = readonly Partial<ObservedCall>[];

/** Turns as letters: each letter is one call whose arguments and result depend on it alone. */
const letters = (text: string): Turn[] => Array.from(text, (letter) => [{ args: { letter }, result: `of ${letter}` }]);

/** The number of the turn in which a loop was seen, from 1, and its rule. */
function seen(turns: readonly Turn[]): { turn: number; rule: Loop["rule"]; tool: string } | undefined {
  const detector = new LoopDetector();
  for (const [index, calls] of turns.entries()) {
    const whole = calls.map((call) => ({ tool: "look", args: {}, result: "", hasEffect: false, ...call }));
    const { loop } = detector.observe(whole);
    if (loop !== undefined) return { turn: index + 1, rule: loop.rule, tool: loop.call.tool };
  }
  return undefined;
}

describe("a tool loop that goes nowhere", () => {
  it.each<[string, string, number, Loop["rule"]]>([
    ["one call", "AAAA", 3, "repeat"],
    ["one call, after others", "BCAAAA", 5, "repeat"],
    ["one call between others", "ABCADEA", 7, "repeat"],
    ["two in turns", "ABABAB", 5, "cycle"],
    ["two in turns, after others", "CDABABAB", 7, "cycle"],
    ["three in turns", "ABCABCABC", 7, "cycle"],
    ["two in turns, with a break", "ABABCA", 6, "repeat"],
    ["two of which one comes twice", "AABAAB", 4, "repeat"],
    ["four in turns", "ABCDABCDABCD", 9, "repeat"],
  ])("is seen: %s (%s)", (...[, text, turn, rule]) => {
    expect(seen(letters(text))).toEqual({ turn, rule, tool: "look" });
  });

  it("is not seen where each call is new, or comes only twice", () => {
    expect(seen(letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))).toBeUndefined();
    expect(seen(letters("ABCDEFABCDEF"))).toBeUndefined();
  });

  it("is seen whatever the order of an argument's members", () => {
    const args = [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
      { a: 1, b: 2 },
    ];
    expect(seen(args.map((one) => [{ args: one }]))).toMatchObject({ turn: 3, rule: "repeat" });
  });

  it("is not seen while the result changes, nor for another tool", () => {
    expect(seen(Array.from({ length: 9 }, (_turn, index) => [{ result: String(index) }]))).toBeUndefined();
    expect(seen(["a", "b", "c", "d"].map((tool) => [{ tool }]))).toBeUndefined();
  });

  it("counts turns, not the calls of one turn, which were written before any result was read", () => {
    const same = Array.from({ length: 5 }, () => ({}));
    expect(seen([same, same])).toBeUndefined();
    expect(seen([same, same, same])).toMatchObject({ turn: 3, rule: "repeat" });
  });
});

describe("one result for changing arguments", () => {
  const asked = (results: readonly string[], more: Partial<ObservedCall> = {}): Turn[] =>
    results.map((result, index) => [{ args: { index }, result, ...more }]);

  it("is seen in the fifth turn in a row", () => {
    expect(seen(asked(["none", "none", "none", "none"]))).toBeUndefined();
    expect(seen(asked(Array(9).fill("none")))).toEqual({ turn: 5, rule: "same-result", tool: "look" });
  });

  it("starts again after another result", () => {
    expect(seen(asked(["none", "none", "none", "none", "one", "none", "none", "none", "none"]))).toBeUndefined();
  });

  it("is counted for each tool, whatever other tools say in between", () => {
    const turns = asked(Array(5).fill("none")).flatMap((turn, index) => [
      turn,
      [{ tool: "other", args: { index }, result: `found ${index}` }],
    ]);
    expect(seen(turns)).toEqual({ turn: 9, rule: "same-result", tool: "look" });
  });

  it("is a turn once, and none when the calls of the turn differ", () => {
    const many = (results: readonly string[]): Turn => results.map((result, index) => ({ args: { index }, result }));
    const fresh = (start: number, turn: Turn): Turn => turn.map((call, index) => ({ ...call, args: { start, index } }));
    const alike = many(["none", "none", "none"]);
    expect(seen([1, 2, 3, 4].map((start) => fresh(start, alike)))).toBeUndefined();
    expect(seen([1, 2, 3, 4, 5].map((start) => fresh(start, alike)))).toMatchObject({ rule: "same-result" });
    const mixed = many(["none", "one"]);
    expect(seen([1, 2, 3, 4, 5, 6].map((start) => fresh(start, mixed)))).toBeUndefined();
  });

  it("is progress where the calls change something: `done`, for seven orders", () => {
    expect(seen(asked(Array(7).fill("done"), { hasEffect: true }))).toBeUndefined();
  });
});
