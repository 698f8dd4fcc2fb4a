import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  candidates,
  endpointCase,
  exclusionRule,
  label,
  oneMore,
  stepFacts,
} from "../../test/support/decision-arbitraries.ts";
import { anyPolicy, imageOf, policyOf } from "../../test/support/hostile-rules.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import { beyond, candidate, ladderOf, namedIn } from "../../test/support/step-cases.ts";
import type { Candidate } from "../catalog/candidate.ts";
import { flowsTo } from "../tiers/clearance.ts";
import { isAtLeast, join, type Label } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { Exclusion, StepFacts } from "./facts.ts";
import { defaultPolicy, defaultRules, type Policy } from "./policy.ts";

const policy = defaultPolicy();
/** Nothing but the gates. */
const bare = policyOf([]);

/** A step, and what became in turn of everybody who was asked. */
const asked = fc.record({ step: stepFacts, ends: fc.array(exclusionRule, { minLength: 1, maxLength: 4 }) });

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

function nameOf({ endpoint }: Candidate): string {
  return endpoint.name;
}

function clearedFor(data: Label, all: readonly Candidate[]): readonly string[] {
  return all.filter(({ endpoint }) => flowsTo(data, endpoint.clearance)).map(nameOf);
}

function locationsOf(names: readonly string[], all: readonly Candidate[]): ReadonlySet<string> {
  return new Set(all.filter(({ endpoint }) => names.includes(endpoint.name)).map(({ endpoint }) => endpoint.location));
}

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
      ).toBeGreaterThan(0.003);
    for (const flag of ["no-llm", "no-slm", "no-domain-model", "warm-cache", "cost-guard", "unhealthy"])
      expect(
        share(({ flags }) => flags.some((one) => one.startsWith(flag))),
        flag,
      ).toBeGreaterThan(0);
    expect(share(({ estimate }) => estimate !== "unknown")).toBeGreaterThan(0.2);
    expect(share(({ ladder }) => ladder.length > 8)).toBeGreaterThan(0.003);
  });

  it("name nobody who may not see the data, now or later, however often they are asked, and come to an end", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, asked, (rules, all, { step, ends }) => {
        const cleared = clearedFor(step.label, all);
        for (const decision of untilNobodyIsLeft(rules, { all, step, ends })) {
          expect(beyond(namedIn(decision), cleared)).toEqual([]);
          expect(decision.label).toEqual(step.label);
          if (decision.class === "human") expect(step.human && flowsTo(step.label, step.human)).toBe(true);
        }
      }),
      propertyRuns,
    );
  });

  it("keep every gate, account for everybody, and say which class it is", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const decision = decide(rules, all, step);
        expectGatesKept(decision, all, step);
        expectEverybodyAccountedFor(decision, all, step);
        const known = ["clearance", "excluded", "money", ...rules.rules.map(({ name }) => name)];
        expect(decision.refused.filter(({ rule }) => !known.includes(rule))).toEqual([]);
        expectClassFits(decision, all);
      }),
      propertyRuns,
    );
  });

  it("give frozen data that survives JSON, the same for the same, and leave what they were given as it was", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, stepFacts, (rules, all, step) => {
        const before = imageOf(all, step);
        const first = decide(rules, all, step);
        expect(unfrozenIn(first)).toEqual([]);
        const text = JSON.stringify(first);
        if (!isDeepStrictEqual(JSON.parse(text), { ...first })) expect(JSON.parse(text)).toStrictEqual({ ...first });
        expect(JSON.stringify(decide(rules, all, step))).toBe(text);
        expect(imageOf(all, step)).toBe(before);
        const found = all.flatMap(({ capabilities, measured }) => [capabilities, capabilities.languages, measured]);
        const given = [step, step.needs, step.tags, step.excluded, step.workload, step.workload?.inputTokens, ...found];
        expect(given.filter((one) => one !== undefined && Object.isFrozen(one))).toEqual([]);
      }),
      propertyRuns,
    );
  });

  it("have endpoints that are frozen all the way down, but for what calls the model", () => {
    for (const { endpoint } of fc.sample(candidates, { numRuns: 100, seed: 1 }).flat())
      expect(unfrozenIn({ ...endpoint, model: undefined })).toEqual(["decision"]);
  });
});

/** Nobody twice, nobody who was tried, and nobody without a worst case under a money cap. */
function expectGatesKept(decision: Decision, all: readonly Candidate[], step: StepFacts): void {
  const ladder = ladderOf(decision);
  expect(new Set(ladder).size).toBe(ladder.length);
  const tried = step.excluded.map(({ endpoint }) => endpoint);
  expect(ladder.filter((name) => tried.includes(name))).toEqual([]);
  if (!step.moneyCapped) return;
  const bounded = all.filter(({ endpoint, capabilities }) => endpoint.price !== undefined && capabilities.outputLimit);
  expect(beyond(ladder, bounded.map(nameOf))).toEqual([]);
}

/** Each candidate once: on the ladder, or refused; and by the clearance gate exactly who is not cleared. */
function expectEverybodyAccountedFor({ ladder, refused }: Decision, all: readonly Candidate[], step: StepFacts): void {
  const placed = [...ladder, ...refused].map(({ endpoint }) => endpoint);
  const names = all.map(nameOf);
  expect(placed.sort()).toEqual(names.toSorted());
  const byClearance = refused.filter(({ rule }) => rule === "clearance").map(({ endpoint }) => endpoint);
  expect(byClearance.sort()).toEqual(beyond(names, clearedFor(step.label, all)).toSorted());
}

/** That of the ladder and of whoever follows it later; without a ladder a person, or nobody. */
function expectClassFits({ ladder, obligations, class: found }: Decision, all: readonly Candidate[]): void {
  const later = obligations.flatMap((one) => (one.type === "escalate-later" ? one.endpoints : []));
  const classOf = (name: string) => all.find(({ endpoint }) => endpoint.name === name)!.endpoint.class;
  const asked = ladder.map((rung) => rung.class);
  const isMixed = new Set([...asked, ...later.map(classOf)]).size === 2;
  if (asked.length > 0) expect(found).toBe(isMixed ? "hybrid" : asked[0]);
  else expect(["human", "refused"]).toContain(found);
}

/** Paths of plain objects and arrays that can be written to. */
function unfrozenIn(value: unknown, path = "decision"): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const inside = Object.entries(value).flatMap(([key, member]) => unfrozenIn(member, `${path}.${key}`));
  return Object.isFrozen(value) ? inside : [path, ...inside];
}

describe("more private data", () => {
  it("lets nobody new through the gates", () => {
    fc.assert(
      fc.property(candidates, stepFacts, label, (all, step, raise) => {
        const higher = join(step.label, raise);
        expect(isAtLeast(higher, step.label)).toBe(true);
        const before = ladderOf(decide(bare, all, step));
        expect(beyond(ladderOf(decide(bare, all, { ...step, label: higher })), before)).toEqual([]);
      }),
      propertyRuns,
    );
  });

  // Not: the ladder only shrinks. Soft rules act on what is not sensitive, so a higher label may keep what they removed.
  it("goes nowhere, over everything that can be asked, where the less private data might not have gone", () => {
    fc.assert(
      fc.property(anyPolicy, candidates, fc.tuple(asked, label), (rules, all, [{ step, ends }, raise]) => {
        const raised = { ...step, label: join(step.label, raise) };
        const named = untilNobodyIsLeft(rules, { all, step: raised, ends }).flatMap(namedIn);
        const cleared = clearedFor(step.label, all);
        expect(beyond(named, cleared)).toEqual([]);
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
      fc.property(anyPolicy, refusedByClearance, oneMore, (rules, { all, step }, added) => {
        expect(decide(rules, all, step).ladder).toEqual([]);
        const { ladder, refused } = decide(rules, [...all, added], step);
        const others = refused.filter(({ endpoint }) => endpoint !== "added");
        expect(others.filter(({ rule }) => rule !== "clearance")).toEqual([]);
        if (ladder.length > 0)
          expect([ladder.map(({ endpoint }) => endpoint), clearedFor(step.label, [added])]).toEqual([
            ["added"],
            ["added"],
          ]);
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
        const names = cheapIsFirst ? (["a", "z"] as const) : (["z", "a"] as const);
        const cheap = candidate({ ...shape, name: names[0], price: priceOf(input, output) });
        const dear = candidate({ ...shape, name: names[1], price: priceOf(input + dearer[0], output + dearer[1]) });
        const unpriced = { ...dear, endpoint: { ...dear.endpoint, price: undefined } };
        return { cheap, dear: isPriced ? dear : unpriced, at };
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
        const expected = JSON.stringify(decide(policy, all, step));
        expect(JSON.stringify(decide(policy, other, step))).toBe(expected);
        expect(JSON.stringify(decide(policy, all.map(backwards), backwards(step)))).toBe(expected);
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
