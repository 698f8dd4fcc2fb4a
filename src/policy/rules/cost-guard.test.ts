import { describe, expect, it } from "vitest";
import type { Candidate } from "../../catalog/candidate.ts";
import { makeLabel } from "../../tiers/label.ts";
import type { StepFacts } from "../facts.ts";
import { costGuardRule } from "./cost-guard.ts";

/** Costs of a typical request, in pico-dollars; `undefined` for an endpoint without a price. */
function candidate(name: string, endpointClass: "slm" | "llm", cost: number | undefined): Candidate {
  const price = cost === undefined ? undefined : { inputPicoPerToken: 0n, outputPicoPerToken: BigInt(cost) };
  return { endpoint: { name, class: endpointClass, price } } as Candidate;
}

const small = candidate("small", "slm", 10);
const large = candidate("large", "llm", 100);

function factsWith(answers: number, rejected: number, more: Partial<StepFacts> = {}): StepFacts {
  return { label: makeLabel("public"), observed: { small: { answers, rejected } }, ...more } as StepFacts;
}

const flipped = { order: ["large", "small"], flags: ["cost-guard"] };

interface Row {
  readonly what: string;
  /** Of the small and the large model. */
  readonly costs: readonly [number | undefined, number | undefined];
  /** Answers of the small one, and rejected ones. */
  readonly seen: readonly [number, number];
  readonly flips: boolean;
}

describe("the cost guard", () => {
  it.each<Row>([
    // A cascade of 10 and 100 saves while less than 90 % of the answers go on.
    { what: "saves", costs: [10, 100], seen: [100, 89], flips: false },
    { what: "costs as much", costs: [10, 100], seen: [100, 90], flips: true },
    { what: "costs more", costs: [10, 100], seen: [100, 91], flips: true },
    { what: "saves, of 29 answers", costs: [10, 100], seen: [29, 29], flips: false },
    { what: "costs as much, of 30", costs: [10, 100], seen: [30, 27], flips: true },
    { what: "saves, of 30", costs: [10, 100], seen: [30, 26], flips: false },
    { what: "has a free small model", costs: [0, 100], seen: [100, 99], flips: false },
    { what: "has a free small model that is never sure", costs: [0, 100], seen: [100, 100], flips: true },
    { what: "has models of one price", costs: [100, 100], seen: [100, 0], flips: true },
    { what: "has a small model that is dearer", costs: [200, 100], seen: [100, 0], flips: true },
    { what: "has a free large model", costs: [10, 0], seen: [100, 100], flips: false },
    { what: "has two free models", costs: [0, 0], seen: [100, 100], flips: false },
    { what: "has a large model without a price", costs: [10, undefined], seen: [100, 100], flips: false },
    { what: "has a small model without a price", costs: [undefined, 100], seen: [100, 100], flips: false },
    // A third, where no float equals the bound.
    { what: "costs as much at two thirds", costs: [1, 3], seen: [99, 66], flips: true },
    { what: "saves below two thirds", costs: [1, 3], seen: [99, 65], flips: false },
  ])("knows a cascade that $what", ({ costs, seen, flips }) => {
    const shown = [candidate("small", "slm", costs[0]), candidate("large", "llm", costs[1])];
    expect(costGuardRule.apply(shown, factsWith(...seen))).toEqual(flips ? flipped : {});
  });

  it("asks all large models before the small ones, each in the order they had", () => {
    const shown = [small, candidate("other", "slm", 20), large, candidate("dear", "llm", 900)];
    const { order } = costGuardRule.apply(shown, factsWith(100, 100));
    expect(order).toEqual(["large", "dear", "small", "other"]);
  });

  it.each<[string, readonly Candidate[], StepFacts]>([
    ["nothing was observed", [small, large], { label: makeLabel("public") } as StepFacts],
    ["the data is regulated", [small, large], factsWith(30, 30, { label: makeLabel("regulated") })],
    ["another small model is asked first", [candidate("new", "slm", 1), small, large], factsWith(100, 100)],
    ["a large model is asked first", [large, small, candidate("dear", "llm", 900)], factsWith(100, 100)],
    ["there is no large model", [small], factsWith(100, 100)],
    ["there is no small model", [large], factsWith(100, 100)],
    ["there is nothing", [], factsWith(100, 100)],
    ["a weak answer ends the step", [small, large], factsWith(100, 100, { escalation: "never" })],
    ["a weak answer goes to a person", [small, large], factsWith(100, 100, { escalation: "human" })],
    ["its name is one of JavaScript's own", [candidate("constructor", "slm", 10), large], factsWith(100, 100)],
  ])("leaves the order where %s", (_where, shown, facts) => {
    expect(costGuardRule.apply(shown, facts)).toEqual({});
  });

  it("acts where the author allows the escalation by name", () => {
    expect(costGuardRule.apply([small, large], factsWith(100, 100, { escalation: "allowed" }))).toEqual(flipped);
  });
});
