import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createExtractor } from "./features.ts";
import { wordsOf } from "./tokenize.ts";

describe("wordsOf", () => {
  it.each<[string, string, readonly string[]]>([
    ["lower-cases and drops punctuation", "Hello, World!", ["hello", "world"]],
    ["splits at apostrophes and hyphens", "don't re-send", ["don", "t", "re", "send"]],
    ["keeps emoji and currency", "👍 costs €5", ["👍", "costs", "€5"]],
    ["keeps scripts without spaces", "你好，世界", ["你好", "世界"]],
    ["joins decomposed accents", "cafe\u0301", ["café"]],
    ["finds nothing in nothing", " … ", []],
  ])("%s", (_what, text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });
});

describe("createExtractor", () => {
  it("gives a vector of length 1 with each bucket once, or an empty one", () => {
    const extract = createExtractor(128);
    const check = (text: string): void => {
      const { buckets, values } = extract(text);
      const squares = values.reduce((sum, value) => sum + value * value, 0);
      expect(squares).toBeCloseTo(buckets.length === 0 ? 0 : 1, 5);
      expect(new Set(buckets).size).toBe(buckets.length);
      expect(buckets.every((bucket) => bucket < 128)).toBe(true);
    };
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), check), { seed: 1, numRuns: 50 });
  });

  it("leaves nothing of one text in the next", () => {
    const extract = createExtractor(512);
    extract("a long text about something else entirely");
    expect(extract("card lost")).toEqual(createExtractor(512)("card lost"));
  });

  it("counts a word, its neighbours and its parts of 3 and 4 characters", () => {
    // "abc": the word, start-abc, abc-end, and of " abc " the grams " ab", "abc", "bc ", " abc", "abc ".
    expect(createExtractor(2 ** 20)("abc").buckets).toHaveLength(8);
    // "a": the word, two pairs and " a ".
    expect(createExtractor(2 ** 20)("a").buckets).toHaveLength(4);
  });

  it("notices the order of words", () => {
    const extract = createExtractor(2 ** 16);
    expect(extract("man bites dog").buckets).not.toEqual(extract("dog bites man").buckets);
  });
});
