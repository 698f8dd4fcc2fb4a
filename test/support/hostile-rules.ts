/** Rules of somebody who means harm, or who writes nonsense. */
import fc from "fast-check";
import type { Candidate } from "../../src/catalog/candidate.ts";
import type { StepFacts } from "../../src/policy/facts.ts";
import { defaultPolicy, defaultRules, withIdentity, type Policy } from "../../src/policy/policy.ts";
import type { Rule } from "../../src/policy/rule.ts";
import { endpointNames } from "./decision-arbitraries.ts";

/** What a rule answers, and whether it first tries to write into everything that it can reach. */
type Behaviour = Pick<Rule, "apply">;

const anyName = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...endpointNames.slice(0, 6)) },
  { weight: 1, arbitrary: fc.constantFrom(...endpointNames, "nobody", "constructor", "__proto__", "") },
);
/** With repeats. */
const names = fc.array(anyName, { maxLength: 12 });
const reason = fc.string({ maxLength: 8 });

const obligation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("escalate-later"), endpoints: names, reason }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("sample-for-review"), ratio: fc.constantFrom(0, 0.05, 1), reason }),
  },
);

/** Of the right shape, so it is carried out as far as it may be. */
const plausible = fc.record(
  {
    removed: fc.array(fc.record({ endpoint: anyName, reason }), { maxLength: 4 }),
    order: names,
    flags: fc.array(fc.string({ maxLength: 8 }), { maxLength: 2 }),
    obligations: fc.array(obligation, { maxLength: 2 }),
    assignments: fc.array(fc.record({ experiment: reason, arm: reason, bucket: fc.constantFrom(0, 0.5, 1) }), {
      maxLength: 1,
    }),
  },
  { requiredKeys: [] },
);

/** No outcome at all: whatever the rule meant, it must open nothing. */
export const nonsense: readonly (readonly [what: string, answer: () => unknown])[] = [
  ["nothing", () => undefined],
  ["null", () => null],
  ["a text", () => "e0"],
  ["a number", () => 7],
  ["a function", () => () => ({})],
  ["a list", () => [{ endpoint: "e0", reason: "" }]],
  ["a promise", () => Promise.resolve({ removed: [] })],
  ["a map", () => new Map([["removed", []]])],
  ["a misspelt member", () => ({ remove: [{ endpoint: "e0", reason: "no" }] })],
  ["a list that is none", () => ({ order: "e0" })],
  ["a list with a hole", () => ({ removed: Array<unknown>(1) })],
  ["a removal without a reason", () => ({ removed: [{ endpoint: "e0" }] })],
  ["a removal of something else", () => ({ removed: [null] })],
  ["a flag that is no text", () => ({ flags: [1n] })],
  [
    "an obligation that nobody knows",
    () => ({ obligations: [{ type: "send-a-copy", endpoints: ["e0"], reason: "" }] }),
  ],
  ["a ratio that is no number", () => ({ obligations: [{ type: "sample-for-review", ratio: NaN, reason: "" }] })],
  ["a bucket above 1", () => ({ assignments: [{ experiment: "x", arm: "a", bucket: 2 }] })],
  ["members that throw", () => ({ get order() { throw new Error("no"); } })], // prettier-ignore
  ["a thing that throws at every touch", () => new Proxy({}, { get: refuse, ownKeys: refuse, getPrototypeOf: refuse })],
];

function refuse(): never {
  throw new Error("no");
}

/** An outcome whose list of removals is empty at the first look, and nonsense at every other. */
export function fickle(): unknown {
  let looks = 0;
  return Object.defineProperty({}, "removed", { enumerable: true, get: () => (looks++ === 0 ? [] : [null]) });
}

/** What a rule may throw; the last ones throw again when they are looked at. */
export const thrown: readonly unknown[] = [
  new TypeError("CANARY"),
  "a text",
  undefined,
  null,
  Object.assign(new Error("x"), { name: Symbol("name") }),
  Object.defineProperty(new Error("x"), "name", { get: refuse }),
  new Proxy({}, { get: refuse, getPrototypeOf: refuse }),
];

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 6, arbitrary: plausible.map((outcome): Behaviour => ({ apply: () => outcome })) },
  {
    weight: 2,
    arbitrary: plausible.map((outcome): Behaviour => {
      let answered: unknown;
      return {
        // What it answered last time it goes on writing into, too.
        apply(shown, about) {
          vandalise([shown, about, answered]);
          answered = structuredClone(outcome);
          return answered as never;
        },
      };
    }),
  },
  { weight: 1, arbitrary: fc.constant<Behaviour>({ apply: () => fickle() as never }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...nonsense).map(([, answer]): Behaviour => ({ apply: () => answer() as never })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...thrown).map((error): Behaviour => ({
      apply() {
        throw error;
      },
    })),
  },
);

const bounds: fc.Arbitrary<Rule["only"]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        classes: fc.subarray(["slm" as const, "llm" as const]),
        locations: fc.subarray(["in-process" as const, "edge" as const, "on-prem" as const, "cloud" as const]),
      },
      { requiredKeys: [] },
    ),
  },
);

/** A list of up to `maxLength` rules, each with its own name. */
function rulesOf(prefix: string, maxLength: number): fc.Arbitrary<readonly Rule[]> {
  return fc.array(fc.tuple(behaviour, bounds), { maxLength }).map((rules) =>
    rules.map(([own, only], index): Rule => ({
      name: `${prefix}${index}`,
      version: "1",
      ...(only && { only }),
      ...own,
    })),
  );
}

/** Unchecked: `createPolicy` would refuse some of the rules here. */
export function policyOf(rules: readonly Rule[]): Policy {
  return withIdentity({ name: "own", version: "1", rules, acceptAt: 0.85, routeAt: 0.9 });
}

/** Rules and policies are drawn once, as endpoints are. */
const drawn = 500;

function oneOf<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.constantFrom(...fc.sample(arbitrary, { numRuns: drawn, seed: 1 }));
}

/** The default policy, or its rules and anybody's before and after them, or anybody's alone. */
export const anyPolicy: fc.Arbitrary<Policy> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(defaultPolicy()) },
  {
    weight: 3,
    arbitrary: oneOf(
      fc
        .tuple(rulesOf("before", 2), fc.boolean(), rulesOf("after", 3))
        .map(([before, hasDefaults, after]) => policyOf([...before, ...(hasDefaults ? defaultRules : []), ...after])),
    ),
  },
);

/** Up to two rules of anybody, for the end of a policy. */
export const lastRules: fc.Arbitrary<readonly Rule[]> = oneOf(rulesOf("after", 2));

/** Like every rule that answers nothing, but for what it writes. */
export function vandal(name: string): Rule {
  return {
    name,
    version: "1",
    apply(shown, about) {
      vandalise([shown, about]);
      return {};
    },
  };
}

/** Writes into every plain object and array that can be reached, wherever that is possible. */
export function vandalise(value: unknown, seen = new Set<unknown>()): void {
  if (!isPlain(value) || seen.has(value)) return;
  seen.add(value);
  const members = Object.entries(value);
  for (const [, member] of members) vandalise(member, seen);
  // Says no where an assignment would throw, which is slow.
  for (const [key, member] of members) Reflect.set(value, key, worse(key, member));
  Reflect.set(value, "added", 1n);
  if (Array.isArray(value)) Reflect.set(value, "length", 0);
}

/** What would open most: data that looks harmless, endpoints that look trusted and free, nothing asked before. */
function worse(key: string, member: unknown): unknown {
  if (key === "level") return member === "public" ? "classified" : "public";
  if (key === "name") return "evil";
  if (key === "outputLimit" || key === "logprobs") return true;
  if (key === "moneyCapped") return false;
  if (typeof member === "number") return Number.NaN;
  return typeof member === "string" ? "evil" : undefined;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** Everything of a catalog and a step that could be written to, as text; endpoints are frozen. */
export function imageOf(all: readonly Candidate[], step: StepFacts): string {
  return JSON.stringify([all.map(({ endpoint, ...rest }) => ({ ...rest, endpoint: endpoint.name })), step]);
}
