import { describe, expect, it } from "vitest";
import { checkGraphs, perStep, type Checked } from "./support/type-cost.ts";

describe("the types of a graph", () => {
  it.each([false, true])(
    "cost at most 400 instantiations a step up to 300 steps, with tools of LangChain: %s",
    (withTools) => {
      const [at10, at100, at300] = checkGraphs([10, 100, 300], { withTools }) as [Checked, Checked, Checked];
      for (const { problems } of [at10, at100, at300]) expect(problems).toEqual([]);
      const [early, late] = [perStep([10, 100], [at10, at100]), perStep([100, 300], [at100, at300])];
      expect(perStep([10, 300], [at10, at300])).toBeLessThanOrEqual(400);
      // The 300th step costs what the third does.
      expect(late / early).toBeGreaterThan(0.9);
      expect(late / early).toBeLessThan(1.1);
    },
  );
});
