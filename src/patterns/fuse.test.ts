import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fuseRankings } from "./fuse.ts";

const fuse = (...rankings: readonly (readonly string[])[]) => fuseRankings(rankings, (item) => item);

describe("fuseRankings", () => {
  it("orders as worked out by hand", () => {
    // a: 1/61 + 1/63 = 0.03227; b: 1/62 + 1/61 = 0.03252; c: 1/63 + 1/64 = 0.03150; d: 1/62 = 0.01613.
    expect(fuse(["a", "b", "c"], ["b", "d", "a", "c"])).toEqual(["b", "a", "c", "d"]);
  });

  it("puts what two rankings have third above what one has first", () => {
    // c: 2/63 = 0.0317; a and x: 1/61 = 0.0164.
    expect(fuse(["a", "b", "c"], ["x", "y", "c"])).toEqual(["c", "a", "x", "b", "y"]);
  });

  it("counts an item once in a ranking, at its better place", () => {
    expect(fuse(["a", "b", "b", "b"], ["a"])).toEqual(["a", "b"]);
    expect(fuse(["b", "a", "a"], ["c", "b"])).toEqual(["b", "c", "a"]);
  });

  it("keeps every item once, and a single ranking as it is", () => {
    const ranking = fc.uniqueArray(fc.string({ maxLength: 2 }), { maxLength: 8 });
    const check = (rankings: readonly string[][]): void => {
      expect(fuse(...rankings).toSorted()).toEqual([...new Set(rankings.flat())].toSorted());
      if (rankings[0] !== undefined) expect(fuse(rankings[0])).toEqual(rankings[0]);
    };
    fc.assert(fc.property(fc.array(ranking, { maxLength: 4 }), check), { seed: 1 });
  });
});
