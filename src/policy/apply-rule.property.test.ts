import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidates, stepFacts } from "../../test/support/decision-arbitraries.ts";
import { anyPolicy, lastRules, policyOf, vandal } from "../../test/support/hostile-rules.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import { beyond, ladderOf, namedIn } from "../../test/support/step-cases.ts";
import { decide } from "./decide.ts";
import { defaultPolicy, defaultRules } from "./policy.ts";
import type { Rule } from "./rule.ts";

const policy = defaultPolicy();
/** Nothing but the gates. */
const bare = policyOf([]);

describe("any rule", () => {
  it("that writes into everything it is shown changes nothing, in its decision and in the next", () => {
    const around = (apply: Rule["apply"] | undefined): readonly Rule[] =>
      ["first", "last"].map((name) => ({ ...vandal(name), ...(apply && { apply }) }));
    const between = ([first, last]: readonly Rule[]) => policyOf([first!, ...defaultRules, last!]);
    const vandals = between(around(undefined));
    const harmless = between(around(() => ({})));
    fc.assert(
      fc.property(candidates, stepFacts, (all, step) => {
        const expected = JSON.stringify(decide(harmless, all, step));
        expect(JSON.stringify(decide(vandals, all, step))).toBe(expected);
        expect(JSON.stringify(decide(harmless, all, step))).toBe(expected);
      }),
      propertyRuns,
    );
  });

  it("adds nobody, wherever it stands: not past a gate, nor past the bounds of another", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const named = namedIn(decide(rules, all, step));
        expect(beyond(named, ladderOf(decide(bare, all, step)))).toEqual([]);
        for (const { only } of rules.rules) {
          const inside = all.filter(
            ({ endpoint }) =>
              (only?.classes ?? [endpoint.class]).includes(endpoint.class) &&
              (only?.locations ?? [endpoint.location]).includes(endpoint.location),
          );
          if (only !== undefined) expect(beyond(named, inside.map(nameOf))).toEqual([]);
        }
      }),
      propertyRuns,
    );
  });

  it("after the others adds nobody to what they left", () => {
    fc.assert(
      fc.property(candidates, stepFacts, lastRules, (all, step, after) => {
        const left = ladderOf(decide(policy, all, step));
        expect(beyond(ladderOf(decide(policyOf([...defaultRules, ...after]), all, step)), left)).toEqual([]);
      }),
      propertyRuns,
    );
  });
});

function nameOf({ endpoint }: { readonly endpoint: { readonly name: string } }): string {
  return endpoint.name;
}
