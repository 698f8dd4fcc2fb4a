import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  candidates,
  endpointCase,
  exclusionRule,
  label,
  stepFacts,
  workload,
} from "../../test/support/decision-arbitraries.ts";
import { fickle, hostileRules, imageOf, nonsense, thrown, vandal } from "../../test/support/hostile-rules.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import { candidate, facts, ladderOf } from "../../test/support/step-cases.ts";
import type { Candidate } from "../catalog/candidate.ts";
import { flowsTo } from "../tiers/clearance.ts";
import { isAtLeast, join, type Label } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { estimateOf } from "./estimate.ts";
import type { Exclusion, StepFacts } from "./facts.ts";
import { defaultPolicy, defaultRules, withIdentity, type Policy } from "./policy.ts";
import type { Rule } from "./rule.ts";

const policy = defaultPolicy();
/** Nothing but the gates. */
const bare = policyOf([]);

function policyOf(rules: readonly Rule[]): Policy {
  return withIdentity({ name: "own", version: "1", rules, acceptAt: 0.85, routeAt: 0.9 });
}

/** The default policy, alone or with rules of anybody before and after its own. */
const anyPolicy: fc.Arbitrary<Policy> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(policy) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(hostileRules("before", 2), fc.boolean(), hostileRules("after", 3))
      .map(([before, hasDefaults, after]) => policyOf([...before, ...(hasDefaults ? defaultRules : []), ...after])),
  },
);

const outcomes = fc.array(exclusionRule, { minLength: 1, maxLength: 4 });

/**
 * Every decision that a step can come to: each time the head of the ladder failed, was not accepted or could not be paid
 * for, as the outcomes say in turn, until nobody is left.
 */
function untilNobodyIsLeft(
  rules: Policy,
  { all, step, ends }: { all: readonly Candidate[]; step: StepFacts; ends: readonly Exclusion["rule"][] },
): readonly Decision[] {
  const decisions: Decision[] = [];
  let { excluded } = step;
  for (;;) {
    const decision = decide(rules, all, { ...step, excluded });
    decisions.push(decision);
    const [head] = decision.ladder;
    if (head === undefined) return decisions;
    expect(decisions.length, "it goes on for ever").toBeLessThanOrEqual(all.length);
    const rule = ends[(decisions.length - 1) % ends.length]!;
    excluded = [...excluded, { endpoint: head.endpoint, rule, reason: `was ${rule}` }];
  }
}

/** Everybody whom a decision names as one to be asked, now or later. */
function namedIn({ ladder, obligations }: Decision): readonly string[] {
  const obliged = obligations.flatMap((obligation) => {
    if (obligation.type === "sample-for-review") return [];
    return obligation.type === "redact-first" ? [obligation.endpoint] : obligation.endpoints;
  });
  return [...ladder.map(({ endpoint }) => endpoint), ...obliged];
}

function clearedFor(data: Label, all: readonly Candidate[]): readonly string[] {
  return all.filter(({ endpoint }) => flowsTo(data, endpoint.clearance)).map(({ endpoint }) => endpoint.name);
}

function locationsOf(names: readonly string[], all: readonly Candidate[]): ReadonlySet<string> {
  return new Set(all.filter(({ endpoint }) => names.includes(endpoint.name)).map(({ endpoint }) => endpoint.location));
}

const within = (part: readonly string[], whole: readonly string[]): readonly string[] =>
  part.filter((name) => !whole.includes(name));

describe("any catalog, step and policy", () => {
  it("are such that every kind of decision occurs, or the properties below would say little", () => {
    const sampled = { numRuns: 2_000, seed: 1 };
    const [catalogs, steps] = [fc.sample(candidates, sampled), fc.sample(stepFacts, sampled)];
    const decisions = catalogs.map((all, index) => decide(policy, all, steps[index]!));
    const share = (has: (decision: Decision) => boolean): number => decisions.filter(has).length / decisions.length;
    for (const kind of ["slm", "llm", "hybrid", "human", "refused"] as const)
      expect(
        share((decision) => decision.class === kind),
        kind,
      ).toBeGreaterThan(0.05);
    const gatesAndRules = ["clearance", "excluded", "money", "capability", "deadline", "quality", "domain", "latency"];
    for (const name of [...gatesAndRules, "tier-ladder", "volume", "escalation", "escalation-window"])
      expect(
        share(({ refused }) => refused.some(({ rule }) => rule === name)),
        name,
      ).toBeGreaterThan(0);
    for (const type of ["judge", "redact-first", "escalate-later"] as const)
      expect(
        share(({ obligations }) => obligations.some((one) => one.type === type)),
        type,
      ).toBeGreaterThan(0.01);
    for (const flag of ["no-llm", "no-slm", "no-domain-model", "warm-cache", "cost-guard", "unhealthy"])
      expect(
        share(({ flags }) => flags.some((one) => one.startsWith(flag))),
        flag,
      ).toBeGreaterThan(0);
    expect(share(({ estimate }) => estimate !== "unknown")).toBeGreaterThan(0.2);
    expect(share(({ ladder }) => ladder.length > 8)).toBeGreaterThan(0.01);
  });

  it("name nobody who may not see the data, now or later, however often they are asked, and come to an end", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, outcomes, (rules, all, step, ends) => {
        const cleared = clearedFor(step.label, all);
        for (const decision of untilNobodyIsLeft(rules, { all, step, ends })) {
          expect(within(namedIn(decision), cleared)).toEqual([]);
          expect(decision.label).toEqual(step.label);
          if (decision.class === "human") expect(step.human && flowsTo(step.label, step.human)).toBe(true);
        }
      }),
      propertyRuns,
    );
  });

  it("ask nobody twice, nobody who was tried, and nobody without a worst case under a money cap", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const ladder = ladderOf(decide(rules, all, step));
        expect(new Set(ladder).size).toBe(ladder.length);
        for (const name of ladder) {
          const { endpoint, capabilities } = all.find((one) => one.endpoint.name === name)!;
          expect(step.excluded.some((exclusion) => exclusion.endpoint === name)).toBe(false);
          if (step.moneyCapped) expect(endpoint.price !== undefined && capabilities.outputLimit).toBe(true);
        }
      }),
      propertyRuns,
    );
  });

  it("account for every candidate once: on the ladder, or refused with the rule that did it", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const { ladder, refused } = decide(rules, all, step);
        const placed = [...ladder, ...refused].map(({ endpoint }) => endpoint);
        expect(placed.toSorted()).toEqual(all.map(({ endpoint }) => endpoint.name).toSorted());
        const known = ["clearance", "excluded", "money", ...rules.rules.map(({ name }) => name)];
        expect(
          within(
            refused.map(({ rule }) => rule),
            known,
          ),
        ).toEqual([]);
        const byClearance = refused.filter(({ rule }) => rule === "clearance").map(({ endpoint }) => endpoint);
        const uncleared = all.filter(({ endpoint }) => !flowsTo(step.label, endpoint.clearance));
        expect(byClearance.toSorted()).toEqual(uncleared.map(({ endpoint }) => endpoint.name).toSorted());
      }),
      propertyRuns,
    );
  });

  it("give a class that fits the ladder, who follows it later, and the person", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const decision = decide(rules, all, step);
        const { endpoint: later } = Object.groupBy(decision.obligations, ({ type }) =>
          type === "escalate-later" ? "endpoint" : "other",
        ) as { endpoint?: readonly { endpoints: readonly string[] }[] };
        const classOf = (name: string) => all.find(({ endpoint }) => endpoint.name === name)!.endpoint.class;
        const asked = decision.ladder.map((rung) => rung.class);
        const classes = new Set([...asked, ...(later ?? []).flatMap(({ endpoints }) => endpoints.map(classOf))]);
        if (asked.length > 0) expect(decision.class).toBe(classes.size === 2 ? "hybrid" : asked[0]);
        else expect(["human", "refused"]).toContain(decision.class);
      }),
      propertyRuns,
    );
  });

  it("give frozen data that survives JSON, and the same again for the same", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const first = decide(rules, all, step);
        const second = decide(rules, all, step);
        expect(unfrozenIn(first)).toEqual([]);
        expect(JSON.parse(JSON.stringify(first))).toStrictEqual({ ...first });
        expect({ ...second }).toStrictEqual({ ...first });
      }),
      propertyRuns,
    );
  });

  it("are left as they were, and unfrozen, by deciding", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const before = imageOf(all, step);
        const unfrozen = unfrozenIn([all, step]).length;
        decide(rules, all, step);
        expect(imageOf(all, step)).toBe(before);
        expect(unfrozenIn([all, step])).toHaveLength(unfrozen);
      }),
      propertyRuns,
    );
  });
});

/** Paths of plain objects and arrays that can be written to. */
function unfrozenIn(value: unknown, path = "decision"): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const inside = Object.entries(value).flatMap(([key, member]) => unfrozenIn(member, `${path}.${key}`));
  return Object.isFrozen(value) ? inside : [path, ...inside];
}

describe("a rule", () => {
  it("that writes into everything it is shown changes nothing, in its decision and in the next", () => {
    const rules = [vandal("first"), ...defaultRules, vandal("last")];
    const vandals = policyOf(rules);
    const harmless = policyOf(
      rules.map((rule) => (defaultRules.includes(rule) ? rule : { ...rule, apply: () => ({}) })),
    );
    fc.assert(
      fc.property(candidates, stepFacts, (all, step) => {
        const expected = { ...decide(harmless, all, step) };
        expect({ ...decide(vandals, all, step) }).toStrictEqual(expected);
        expect({ ...decide(harmless, all, step) }).toStrictEqual(expected);
      }),
      propertyRuns,
    );
  });

  it("adds nobody, wherever it stands: not past a gate, nor past the bounds of another", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const passed = ladderOf(decide(bare, all, step));
        const inside = all.filter(({ endpoint }) =>
          rules.rules.every(
            ({ only }) =>
              (only?.classes ?? [endpoint.class]).includes(endpoint.class) &&
              (only?.locations ?? [endpoint.location]).includes(endpoint.location),
          ),
        );
        const named = namedIn(decide(rules, all, step));
        expect(within(named, passed)).toEqual([]);
        expect(
          within(
            named,
            inside.map(({ endpoint }) => endpoint.name),
          ),
        ).toEqual([]);
      }),
      propertyRuns,
    );
  });

  it("after the others adds nobody to what they left", () => {
    fc.assert(
      fc.property(candidates, stepFacts, hostileRules("after", 2), (all, step, after) => {
        const left = ladderOf(decide(policy, all, step));
        expect(within(ladderOf(decide(policyOf([...defaultRules, ...after]), all, step)), left)).toEqual([]);
      }),
      propertyRuns,
    );
  });

  const everyone = [candidate({ name: "a" }), candidate({ name: "b", class: "llm" })];

  it.each(nonsense)("that answers %s refuses all that it was shown, and says so", (_what, answer) => {
    const decision = decide(
      policyOf([{ name: "broken", version: "1", apply: () => answer() as never }]),
      everyone,
      facts(),
    );
    expect(decision.ladder).toEqual([]);
    expect(decision.refused.map(({ endpoint, rule }) => `${endpoint}: ${rule}`)).toEqual(["a: broken", "b: broken"]);
  });

  it.each(thrown.map((error, index) => [index, error]))("that throws anything (%i) does as well", (_index, error) => {
    const apply = () => {
      throw error; // eslint-disable-line @typescript-eslint/only-throw-error -- rules do this
    };
    const decision = decide(policyOf([{ name: "broken", version: "1", apply }]), everyone, facts());
    expect(decision.refused.map(({ endpoint, rule }) => `${endpoint}: ${rule}`)).toEqual(["a: broken", "b: broken"]);
    expect(decision.refused[0]?.reason).toMatch(/^the rule threw/);
    expect(JSON.stringify(decision)).not.toContain("CANARY");
  });

  it("that answers differently at every look is taken at its first word", () => {
    const decision = decide(
      policyOf([{ name: "fickle", version: "1", apply: () => fickle() as never }]),
      everyone,
      facts(),
    );
    expect(ladderOf(decision)).toEqual(["a", "b"]);
  });

  it("that answers with a hundred thousand flags is no reason to throw", () => {
    const flags = Array<string>(200_000).fill("f");
    const decision = decide(policyOf([{ name: "loud", version: "1", apply: () => ({ flags }) }]), everyone, facts());
    expect(decision.flags).toHaveLength(200_000);
  });
});

describe("more private data", () => {
  it("lets nobody new through the gates", () => {
    fc.assert(
      fc.property(candidates, stepFacts, label, (all, step, raise) => {
        const higher = join(step.label, raise);
        expect(isAtLeast(higher, step.label)).toBe(true);
        const before = ladderOf(decide(bare, all, step));
        expect(within(ladderOf(decide(bare, all, { ...step, label: higher })), before)).toEqual([]);
      }),
      propertyRuns,
    );
  });

  // Not: the ladder only shrinks. Soft rules act on what is not sensitive, so a higher label may keep what they removed.
  it("goes nowhere, over everything that can be asked, where the less private data might not have gone", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, fc.tuple(label, outcomes), (rules, all, step, [raise, ends]) => {
        const raised = { ...step, label: join(step.label, raise) };
        const named = untilNobodyIsLeft(rules, { all, step: raised, ends }).flatMap(namedIn);
        const cleared = clearedFor(step.label, all);
        expect(within(named, cleared)).toEqual([]);
        expect([...locationsOf(named, all)].filter((place) => !locationsOf(cleared, all).has(place))).toEqual([]);
      }),
      propertyRuns,
    );
  });
});

describe("one endpoint more", () => {
  it("for data that nobody could see is asked only if it may see it, and changes nothing otherwise", () => {
    const refusedByClearance = fc
      .tuple(candidates, stepFacts)
      .map(([all, step]) => ({ all: all.filter(({ endpoint }) => !flowsTo(step.label, endpoint.clearance)), step }));
    fc.assert(
      fc.property(anyPolicy, refusedByClearance, endpointCase, (rules, { all, step }, more) => {
        expect(decide(rules, all, step).ladder).toEqual([]);
        const added = candidate({ name: "added", ...more });
        const decision = decide(rules, [...all, added], step);
        expect(within(ladderOf(decision), flowsTo(step.label, added.endpoint.clearance) ? ["added"] : [])).toEqual([]);
        for (const { endpoint, rule } of decision.refused) if (endpoint !== "added") expect(rule).toBe("clearance");
      }),
      propertyRuns,
    );
  });

  it("of equal merit is asked first if it is cheaper for a typical request", () => {
    const usd = fc.integer({ min: 0, max: 20 });
    const twins = fc
      .record({
        shape: endpointCase,
        input: usd,
        output: usd,
        dearer: fc.tuple(usd, usd).filter(([input, output]) => input + output > 0),
        isPriced: fc.boolean(),
        cheapIsFirst: fc.boolean(),
        at: fc.nat(30),
      })
      .map(({ shape, input, output, dearer, isPriced, cheapIsFirst, at }) => {
        const priceOf = (inputUsd: number, outputUsd: number) => ({
          inputPerMillionTokensUsd: inputUsd / 10,
          outputPerMillionTokensUsd: outputUsd / 10,
        });
        const { price: _own, ...rest } = shape;
        const names = cheapIsFirst ? (["a", "z"] as const) : (["z", "a"] as const);
        const cheap = candidate({ ...rest, name: names[0], price: priceOf(input, output) });
        const dear = isPriced ? { price: priceOf(input + dearer[0], output + dearer[1]) } : {};
        return { cheap, dear: candidate({ ...rest, name: names[1], ...dear }), at };
      });
    fc.assert(
      fc.property(candidates, stepFacts, twins, (all, step, { cheap, dear, at }) => {
        const ladder = ladderOf(decide(policy, [dear, ...all].toSpliced(at, 0, cheap), step));
        const places = [cheap, dear].map(({ endpoint }) => ladder.indexOf(endpoint.name));
        if (places[1] !== -1) expect(places[0]).toSatisfy((place: number) => place >= 0 && place < places[1]!);
      }),
      propertyRuns,
    );
  });
});

describe("the default policy", () => {
  it("decides the same for the same catalog in another order, and facts with their members in another order", () => {
    const shuffled = candidates.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length, maxLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, stepFacts, ([all, other], step) => {
        const expected = { ...decide(policy, all, step) };
        expect({ ...decide(policy, other, step) }).toStrictEqual(expected);
        expect({ ...decide(policy, all.map(backwards), backwards(step)) }).toStrictEqual(expected);
        expect(decide(policy, other.map(backwards), backwards(step)).id).toBe(expected.id);
      }),
      propertyRuns,
    );
  });

  it("leaves no step without an endpoint for a preference of field or volume", () => {
    const soft = new Set([
      "domain",
      "volume",
      "sensitive-first",
      "domain-first",
      "local-first",
      "cost-guard",
      "health",
    ]);
    const hard = policyOf(defaultRules.filter(({ name }) => !soft.has(name)));
    fc.assert(
      fc.property(candidates, stepFacts, (all, step) => {
        if (decide(hard, all, step).ladder.length > 0) expect(decide(policy, all, step).ladder).not.toEqual([]);
      }),
      propertyRuns,
    );
  });

  it("asks a large model first in a planning turn, and after a weak answer, wherever one is left", () => {
    fc.assert(
      fc.property(candidates, stepFacts, (all, step) => {
        const { ladder } = decide(policy, all, step);
        const healthy = (name: string) =>
          (all.find(({ endpoint }) => endpoint.name === name)!.measured?.failureRatio ?? 0) < 0.5;
        const isWeak = step.excluded.some(({ rule }) => rule === "rejected");
        if (step.role !== "plan" && !isWeak) return;
        if (ladder.some((rung) => rung.class === "llm" && healthy(rung.endpoint))) expect(ladder[0]?.class).toBe("llm");
      }),
      propertyRuns,
    );
  });
});

/** The same data with the members of every plain object in reverse. */
function backwards<T>(value: T): T {
  if (Array.isArray(value)) return value.map(backwards) as T;
  if (typeof value !== "object" || value === null) return value;
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, backwards(member)]),
  ) as T;
}

describe("an estimate", () => {
  const estimated = fc.record({ all: candidates, step: stepFacts, load: workload });
  const bounds = ["costUsd", "monthlyUsd", "latencyMs"] as const;

  it("is never negative or no number, and its expected cost lies between its ends", () => {
    fc.assert(
      fc.property(estimated, ({ all, step, load }) => {
        const estimate = estimateOf(all, { ...step, workload: load });
        if (estimate === "unknown") {
          expect(all).toEqual([]);
          return;
        }
        for (const interval of bounds.map((name) => estimate[name])) {
          if (interval === "unknown") continue;
          expect(interval.low).toBeGreaterThanOrEqual(0);
          expect(interval.high).toBeGreaterThanOrEqual(interval.low);
          expect(interval.high).toBeLessThan(Infinity);
        }
        const { costUsd, expectedCostUsd } = estimate;
        if (expectedCostUsd === "unknown" || costUsd === "unknown") return;
        expect(expectedCostUsd).toBeGreaterThanOrEqual(costUsd.low);
        expect(expectedCostUsd).toBeLessThanOrEqual(costUsd.high);
      }),
      propertyRuns,
    );
  });

  it("does not fall when a request grows", () => {
    const more = fc.record({ inputTokens: fc.nat(1_000), outputTokens: fc.nat(1_000) });
    fc.assert(
      fc.property(estimated, more, ({ all, step, load }, growth) => {
        const longer = (name: keyof typeof growth) => ({
          low: load[name].low + growth[name],
          high: load[name].high + growth[name],
        });
        const grown = { ...load, inputTokens: longer("inputTokens"), outputTokens: longer("outputTokens") };
        const before = estimateOf(all, { ...step, workload: load });
        const after = estimateOf(all, { ...step, workload: grown });
        if (before === "unknown" || after === "unknown") {
          expect(after).toBe(before);
          return;
        }
        for (const name of bounds) {
          const [was, is] = [before[name], after[name]];
          if (was === "unknown" || is === "unknown") {
            expect(is).toBe(was);
            continue;
          }
          expect(is.low).toBeGreaterThanOrEqual(was.low);
          expect(is.high).toBeGreaterThanOrEqual(was.high);
        }
        if (before.expectedCostUsd === "unknown") expect(after.expectedCostUsd).toBe("unknown");
        else expect(after.expectedCostUsd).toBeGreaterThanOrEqual(before.expectedCostUsd);
      }),
      propertyRuns,
    );
  });
});
