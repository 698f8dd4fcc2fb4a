import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { rows } from "../../test/support/framework-rows.ts";
import {
  candidate,
  facts,
  ladderOf,
  price,
  refusedOf as refusedInOrder,
  type CandidateCase,
} from "../../test/support/step-cases.ts";
import type { Candidate } from "../catalog/candidate.ts";
import { locationClearance } from "../catalog/location-clearance.ts";
import { pilotVerdict } from "../evaluation/pilot.ts";
import { makeClearance } from "../tiers/clearance.ts";
import { complexityTiers, type Complexity } from "../tiers/complexity.ts";
import { latencyBoundMs, toVolume, type LatencyClass } from "../tiers/demands.ts";
import { makeLabel, type LabelSpec, type Privacy } from "../tiers/label.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { Exclusion, StepFacts } from "./facts.ts";
import { createPolicy, defaultPolicy } from "./policy.ts";
import type { Rule } from "./rule.ts";
import { sensitiveFirstRule } from "./rules/sensitive-first.ts";
import { defaultVolumeBands } from "./rules/volume.ts";
import { stepScorecard } from "./step-scorecard.ts";
import { useCaseTiers, type UseCase } from "./use-cases.ts";

const everything = { level: "classified", compartments: ["pii", "phi", "pci", "secret"] } as const;
const agreement = { by: "legal", reason: "contract of 2026-03-01" };
const anonymiser = { name: "digits", redact: (text: string) => text.replaceAll(/\d/g, "#") };
const inside = { clientConfig: { baseURL: "http://models.internal/v1" }, invoke: () => Promise.resolve(0) };

/** Price and latency of each tell which of the two an order came from. */
const tiny: CandidateCase = { name: "tiny", location: "edge", price: price(0.05), latency: { p95Ms: 30 } };
const phi4: CandidateCase = { name: "phi4", price: price(0.2), latency: { p95Ms: 350 } };
const flash: CandidateCase = { name: "flash", location: "cloud", price: price(0.1), latency: { p95Ms: 300 } };
const llama: CandidateCase = { name: "llama", class: "llm", price: price(0.9), latency: { p95Ms: 1_500 } };
const gpt: CandidateCase = {
  ...{ name: "gpt", class: "llm", location: "cloud" },
  ...{ price: price(10), latency: { p95Ms: 1_400 } },
};
const fleet = [gpt, llama, phi4, flash, tiny].map(candidate);

/** The strict preset over endpoints that all claim to be cleared for everything. */
function strictly(...cases: readonly CandidateCase[]): readonly Candidate[] {
  const declared = cases.map((one) => candidate({ clearance: everything, model: inside, ...one }));
  const capped = locationClearance(declared.map(({ endpoint }) => endpoint));
  return declared.map((one, index) => ({ ...one, endpoint: capped[index]! }));
}

const cloud = { dataAgreement: agreement, anonymiser } as const;
const strictFleet = strictly({ ...gpt, ...cloud }, llama, phi4, { ...flash, ...cloud }, tiny);

const policy = defaultPolicy();

function decided(changes: Partial<StepFacts>, candidates: readonly Candidate[] = fleet): Decision {
  return decide(policy, candidates, facts(changes));
}

function labelled(label: Privacy | LabelSpec): Pick<StepFacts, "label"> {
  return { label: makeLabel(label) };
}

/** A step that is due, with all of its time left. */
function due(boundMs: number | undefined): Partial<StepFacts> {
  return boundMs === undefined ? {} : { maxLatencyMs: boundMs, latencyLeftMs: boundMs };
}

function tokens(tokensPerMonth: number): Pick<StepFacts, "volume"> {
  return { volume: toVolume({ tokensPerMonth }) };
}

function weak(...endpoints: readonly string[]): Pick<StepFacts, "excluded"> {
  return { excluded: endpoints.map((endpoint): Exclusion => ({ endpoint, rule: "rejected", reason: "was not sure" })) };
}

const planTurn = { kind: "agent", complexity: "agentic", role: "plan" } as const;
const actTurn = { kind: "agent", complexity: "agentic", role: "act" } as const;
const checked = { needs: { tools: false, jsonSchema: true, maxOutputTokens: 1_024 } } as const;
const certified = { tiers: ["reasoning", "planning"], evidence: "evaluation of 2026-10-12" } as const;

/** Who was refused, by whom; the order means nothing. */
const refusedOf = (decision: Decision): readonly string[] => refusedInOrder(decision).toSorted();
const classesOf = ({ ladder }: Decision): readonly string[] => [...new Set(ladder.map((rung) => rung.class))];
const placesOf = ({ ladder }: Decision): readonly string[] => [...new Set(ladder.map((rung) => rung.location))].sort();

describe("decision-framework.md 4.1, tiers", () => {
  it("4.1 Complexity tiers (S1): T1 classification goes to a small model first", () => {
    expect(decided({ complexity: "classification" }).ladder[0]?.class).toBe("slm");
  });

  it("4.1 Complexity tiers (S1): T2 generation goes to a small model, with a large one behind it", () => {
    const decision = decided({ complexity: "generation" });
    expect(classesOf(decision)).toEqual(["slm", "llm"]);
    expect(decision.class).toBe("hybrid");
    expect(ladderOf(decided({ complexity: "generation", ...weak("tiny") }))[0]).toBe("llama");
  });

  it.each(["reasoning", "planning"] as const)(
    "4.1 Complexity tiers (S1): T3 %s goes to a large model alone",
    (complexity) => {
      expect(decided({ complexity }).class).toBe("llm");
    },
  );

  it.each(["reasoning", "planning"] as const)(
    "4.1 Complexity tiers (S1): T3 %s is hybrid where a small model's gate is certified for it",
    (complexity) => {
      const candidates = [gpt, phi4, { ...flash, certified }].map(candidate);
      const decision = decided({ complexity, ...checked }, candidates);
      expect(ladderOf(decision)).toEqual(["flash", "gpt"]);
      expect(decision.class).toBe("hybrid");
      expect(decided({ complexity }, candidates).class, "nothing judges the answer").toBe("llm");
    },
  );

  it("4.1 Complexity tiers (S1): T4 an agent is hybrid, the large model plans and the small one acts", () => {
    expect([decided(planTurn), decided(actTurn)].map(({ class: kind, ladder }) => [kind, ladder[0]?.class])).toEqual([
      ["hybrid", "llm"],
      ["hybrid", "slm"],
    ]);
  });

  it("4.1 Complexity tiers (S1): S4's routine step can be kept from escalating at all", () => {
    const routine = { complexity: "classification", escalation: "never" } as const;
    expect(decided(routine).class).toBe("slm");
    expect(ladderOf(decided({ ...routine, ...weak("tiny") }))).toEqual([]);
  });
});

describe("decision-framework.md 4.1, privacy", () => {
  it.each<[Privacy, Complexity]>(
    (["regulated", "classified"] as const).flatMap((level) => complexityTiers.map((tier) => [level, tier] as const)),
  )("4.1 Privacy (S4): high or critical data (%s, %s) stays at the edge and on the premises", (level, complexity) => {
    const role = complexity === "agentic" ? planTurn : {};
    const decision = decided({ complexity, ...labelled({ level, compartments: ["pii"] }), ...role }, strictFleet);
    expect(decision.ladder.length).toBeGreaterThan(0);
    expect(["edge", "on-prem"]).toEqual(expect.arrayContaining([...placesOf(decision)]));
    expect(refusedOf(decision)).toEqual(expect.arrayContaining(["gpt: clearance", "flash: clearance"]));
  });

  it.each(["internal", "customer"] as const)(
    "4.1 Privacy (S4): moderate data (%s) goes to the cloud behind an anonymiser only, else it stays inside",
    (level) => {
      const bare = { ...gpt, name: "bare", dataAgreement: agreement };
      const decision = decided(labelled(level), strictly({ ...gpt, ...cloud }, bare, phi4));
      expect(ladderOf(decision)).toEqual(["phi4", "gpt"]);
      expect(decision.class).toBe("hybrid");
      expect(decision.obligations).toContainEqual({ type: "redact-first", endpoint: "gpt", by: "digits" });
      expect(refusedOf(decision)).toEqual(["bare: clearance"]);
    },
  );

  it.each(["phi", "pci", "secret"] as const)(
    "4.1 Privacy (S4): a sensitive request (%s) of a moderate step goes to a small model on the premises",
    (compartment) => {
      const decision = decided(labelled({ level: "customer", compartments: [compartment] }), strictFleet);
      expect(ladderOf(decision)).toEqual(["tiny", "phi4", "llama"]);
    },
  );

  it("4.1 Privacy (S4): low data goes to the cloud only under a data-handling agreement", () => {
    expect(ladderOf(decided(labelled("public"), strictly({ ...gpt, dataAgreement: agreement })))).toEqual(["gpt"]);
    expect(() => strictly(gpt)).toThrow("stands in the cloud, and nothing says on what ground it may receive data");
  });

  it("4.1 Privacy (S4): regulated data fails closed, also when all that may see it has failed", () => {
    const regulated = labelled({ level: "regulated", compartments: ["phi"] });
    const outside = decided(regulated, strictly({ ...gpt, ...cloud }, { ...flash, ...cloud }));
    expect([outside.class, outside.ladder]).toEqual(["refused", []]);
    const excluded = ["tiny", "phi4", "llama"].map(
      (endpoint) => ({ endpoint, rule: "failed", reason: "down" }) as const,
    );
    const down = decided({ ...regulated, excluded }, strictFleet);
    expect([down.class, down.ladder]).toEqual(["refused", []]);
  });
});

describe("decision-framework.md 4.1, latency", () => {
  it("4.1 Latency (S4): real-time (50 ms) asks small local models only, and nobody after them", () => {
    const quick = [
      { ...llama, latency: { p95Ms: 10 } },
      { ...flash, latency: { p95Ms: 10 } },
    ];
    const candidates = [...quick, { ...tiny, latency: { p95Ms: 25 } }, phi4].map(candidate);
    const decision = decided(due(latencyBoundMs["real-time"]), candidates);
    expect(ladderOf(decision)).toEqual(["tiny"]);
    expect(decision.obligations).toEqual([]);
    expect(decision.refused).toContainEqual({
      ...{ endpoint: "llama", rule: "latency" },
      reason: "the step is real-time (50 ms): small local models only",
    });
    expect(ladderOf(decided(due(51), candidates))).toEqual(["tiny", "flash", "llama"]);
  });

  it("4.1 Latency (S4): fast (500 ms) asks small models on the premises or in the cloud, those inside first", () => {
    const decision = decided(due(latencyBoundMs.fast));
    expect(ladderOf(decision)).toEqual(["tiny", "phi4", "flash"]);
    expect(refusedOf(decision)).toEqual(["gpt: latency", "llama: latency"]);
    expect(ladderOf(decided(due(501)))).toEqual(["tiny", "flash", "phi4"]);
  });

  it("4.1 Latency (S4): batch asks either, and cost decides inside each class", () => {
    const batch: LatencyClass = "batch";
    const decision = decided(due(latencyBoundMs[batch]));
    expect(ladderOf(decision)).toEqual(["tiny", "flash", "phi4", "llama", "gpt"]);
    expect(decision.refused).toEqual([]);
  });
});

describe("decision-framework.md 4.1, volume", () => {
  it("4.1 Volume (S4): above 30M tokens a month small models on own hardware come first, in a hybrid", () => {
    const decision = decided(tokens(30e6));
    expect(ladderOf(decision).slice(0, 3)).toEqual(["tiny", "phi4", "flash"]);
    expect(decision.class).toBe("hybrid");
  });

  it.each([5e6, 29_999_999])("4.1 Volume (S4): at %d tokens a month a hosted small model comes first", (perMonth) => {
    const decision = decided(tokens(perMonth));
    expect(ladderOf(decision)[0]).toBe("flash");
    expect(decision.class).toBe("hybrid");
    expect(ladderOf(decided({ ...tokens(perMonth), ...weak("flash") }))[0]).toBe("gpt");
  });

  it("4.1 Volume (S4): below 5M tokens a month complex work goes to a large model alone", () => {
    const candidates = [gpt, { ...flash, certified }].map(candidate);
    for (const step of [planTurn, actTurn, { complexity: "planning", ...checked } as const]) {
      expect(decided({ ...step, ...tokens(4_999_999) }, candidates).class).toBe("llm");
      expect(decided({ ...step, ...tokens(5e6) }, candidates).class).toBe("hybrid");
    }
  });

  it("4.1 Volume (S4): from 100M tokens a month own hardware is justified for large models too", () => {
    expect(ladderOf(decided(tokens(99_999_999))).slice(-2)).toEqual(["gpt", "llama"]);
    expect(ladderOf(decided(tokens(100e6))).slice(-2)).toEqual(["llama", "gpt"]);
  });
});

describe("decision-framework.md 4.1, domain", () => {
  const legal7b: CandidateCase = { name: "legal-7b", price: price(0.3), domains: ["legal"] };
  const medical8b: CandidateCase = { name: "medical-8b", price: price(0.01), domains: ["medical"] };
  const candidates = [gpt, phi4, legal7b, medical8b].map(candidate);
  const legal = (specificity: "general" | "specific" | "high" | "multi") => ({
    domain: { name: "legal", specificity },
  });

  it.each(["specific", "high"] as const)(
    "4.1 Domain (S4): a %s field goes to the small model that was trained for it",
    (specificity) => {
      const decision = decided(legal(specificity), candidates);
      expect(ladderOf(decision)).toEqual(["legal-7b", "phi4", "gpt"]);
      expect(refusedOf(decision)).toEqual(["medical-8b: domain"]);
    },
  );

  it("4.1 Domain (S4): sensitive data of a high field goes to the small model trained for it, and to no other", () => {
    const sensitive = decided(
      { ...legal("high"), ...labelled("regulated") },
      strictly(phi4, llama, legal7b, medical8b),
    );
    expect([ladderOf(sensitive), sensitive.class]).toEqual([["legal-7b"], "slm"]);
    const without = decided({ ...legal("high"), ...labelled("regulated") }, strictly(phi4, llama, medical8b));
    expect([ladderOf(without), without.flags]).toEqual([["phi4", "llama"], ["no-domain-model"]]);
  });

  it("4.1 Domain (S4): in a general field size matters, training for the field does not", () => {
    expect(ladderOf(decided(legal("general"), candidates))).toEqual(["phi4", "legal-7b", "gpt"]);
    expect(ladderOf(decided({ ...legal("general"), complexity: "reasoning" }, candidates))).toEqual(["gpt"]);
  });

  it("4.1 Domain (S4): requests of several fields are told apart by models of no field, the large one last", () => {
    const desk = { domain: { name: "desk", specificity: "multi" }, complexity: "classification" } as const;
    expect(ladderOf(decided(desk, candidates))).toEqual(["phi4", "gpt"]);
  });
});

describe("decision-framework.md 4.1, rows and use cases", () => {
  it.each<[string, Partial<StepFacts>, readonly Candidate[]]>([
    ["task", { complexity: "reasoning" }, strictFleet],
    ["infrastructure", {}, strictFleet.filter(({ endpoint }) => endpoint.location === "cloud")],
    ["latency", due(500), strictFleet],
    ["throughput", tokens(30e6), strictFleet],
    ["privacy", labelled("regulated"), strictFleet],
    ["budget", { moneyCapped: true }, [...strictFleet, candidate({ name: "unpriced" })]],
  ])("4.1 S2 five rows: %s changes where a step goes", (_row, changes, candidates) => {
    const before = decided(
      {},
      candidates === strictFleet ? candidates : [...strictFleet, candidate({ name: "unpriced" })],
    );
    expect(ladderOf(decided(changes, candidates))).not.toEqual(ladderOf(before));
  });

  const toSmall: readonly UseCase[] = ["classify", "extract", "moderate", "translate-short", "embedded"];
  it.each(Object.keys(useCaseTiers) as UseCase[])(
    "4.1 S2 five rows: S5's use case %s declares a tier that goes where S5 sends it",
    (useCase) => {
      const [first] = decided({ complexity: useCaseTiers[useCase] }).ladder;
      expect(first?.class).toBe(toSmall.includes(useCase) ? "slm" : "llm");
    },
  );

  it("4.1 S2 five rows: S5's use cases are nine", () => {
    expect(Object.keys(useCaseTiers)).toHaveLength(9);
  });

  it("4.1 S2 five rows: S5's rule, the smallest model that is measured to do the job, then a larger one", () => {
    const measured = [
      { ...tiny, quality: 0.6 },
      { ...flash, quality: 0.9 },
      { ...phi4, quality: { classification: 0.99 } },
      { ...llama, quality: 0.97 },
    ].map(candidate);
    const decision = decided({ minQuality: 0.85 }, measured);
    expect(ladderOf(decision)).toEqual(["flash", "llama"]);
    expect(refusedOf(decision)).toEqual(["phi4: quality", "tiny: quality"]);
    expect(ladderOf(decided({ minQuality: 0.95 }, measured))).toEqual(["llama"]);
  });
});

describe("decision-framework.md 4.1, precedence", () => {
  const legal7b: CandidateCase = { name: "legal-7b", price: price(0.3), domains: ["legal"], latency: { p95Ms: 400 } };
  const high = { domain: { name: "legal", specificity: "high" } } as const;

  it("4.1 Precedence (S4 list): critical privacy comes before volume, a small model inside before all", () => {
    for (const volume of [1e6, 10e6, 50e6, 500e6]) {
      const decision = decided({ ...labelled("classified"), ...tokens(volume), ...actTurn }, strictFleet);
      expect(ladderOf(decision)).toEqual(["tiny", "phi4", "llama"]);
    }
  });

  it("4.1 Precedence (S4 list): critical privacy puts small models first, whatever preferred the large one", () => {
    const largeFirst: Rule = { name: "large-first", version: "1", apply: () => ({ order: ["llama", "gpt"] }) };
    const own = createPolicy({ name: "own", version: "1", rules: [largeFirst, sensitiveFirstRule] });
    const ladderOn = (label: Privacy, step: Partial<StepFacts> = {}) =>
      ladderOf(decide(own, strictly(llama, phi4), facts({ ...labelled(label), ...step })));
    expect(ladderOn("regulated")).toEqual(["phi4", "llama"]);
    expect(ladderOn("classified")).toEqual(["phi4", "llama"]);
    expect(ladderOn("customer")).toEqual(["llama", "phi4"]);
    expect(ladderOn("classified", planTurn), "an agent plans with its large model").toEqual(["llama", "phi4"]);
  });

  it("4.1 Precedence (S4 list): critical latency comes before domain and volume", () => {
    const decision = decided({ ...high, ...due(50), ...tokens(1e6) }, [tiny, legal7b, gpt].map(candidate));
    expect(ladderOf(decision)).toEqual(["tiny"]);
  });

  it("4.1 Precedence (S4 list): then the model that was trained for the field, before the volume bands", () => {
    const hostedFirst = { ...high, ...tokens(10e6) };
    expect(ladderOf(decided(hostedFirst, [flash, legal7b, gpt].map(candidate)))).toEqual(["legal-7b", "flash", "gpt"]);
    const llmAlone = { ...high, ...tokens(1e6), ...actTurn };
    expect(ladderOf(decided(llmAlone, [flash, legal7b, gpt].map(candidate)))).toEqual(["legal-7b", "gpt"]);
  });

  it("4.1 Precedence (S4 list): then the volume bands, before price", () => {
    expect(ladderOf(decided(tokens(10e6), [tiny, flash].map(candidate)))).toEqual(["flash", "tiny"]);
    expect(ladderOf(decided({}, [tiny, flash].map(candidate)))).toEqual(["tiny", "flash"]);
  });

  it.each(["reasoning", "planning"] as const)(
    "4.1 Precedence (S4 list): a complex step (%s) has a large model in the loop, or a person",
    (complexity) => {
      expect(classesOf(decided({ complexity }))).toEqual(["llm"]);
      expect(decided({ complexity }, [tiny, phi4].map(candidate)).class).toBe("refused");
      const human = makeClearance("classified");
      expect(decided({ complexity, human }, [tiny, phi4].map(candidate)).class).toBe("human");
    },
  );

  it("4.1 Precedence (S4 list): an agent without a large model in the loop says so", () => {
    expect(decided(planTurn, [phi4].map(candidate)).flags).toEqual(["no-llm"]);
  });
});

describe("decision-framework.md 4.1, thresholds", () => {
  it("4.1 Thresholds: 0.85 decides between the small model and escalation unless told otherwise", () => {
    expect(decided({}).acceptAt).toBe(0.85);
    expect(decided({ kind: "classify", complexity: "classification" }).acceptAt).toBe(0.85);
    expect(decided({ acceptAt: 0.7 }).acceptAt).toBe(0.7);
  });

  it("4.1 Thresholds: a share of the answers, 5 % say, is offered to a person for review", () => {
    const reviewing = decide(defaultPolicy({ reviewRatio: 0.05 }), fleet, facts());
    expect(reviewing.obligations).toEqual([
      { type: "sample-for-review", ratio: 0.05, reason: "0.05 of the answers are reviewed" },
    ]);
    expect(decided({}).obligations).toEqual([]);
  });
});

describe("decision-framework.md 4.6", () => {
  it("4.6 S1 score adds: the scorecard is advisory, whatever it says the rules decide", () => {
    const busy = { ...labelled("classified"), volume: toVolume({ requestsPerDay: 2e6 }), ...checked } as const;
    const step = facts({ ...busy, complexity: "planning" });
    const candidates = strictly({ ...phi4, certified }, llama);
    expect(stepScorecard(step)?.literal).toMatchObject({ total: 19, band: "llm" });
    expect(ladderOf(decide(policy, candidates, step))).toEqual(["phi4", "llama"]);
  });

  it("4.6 Break-even volume: the bands are 5M, 30M and 100M unless told otherwise", () => {
    expect(Object.values(defaultVolumeBands)).toEqual([5e6, 30e6, 100e6]);
  });

  it.each([1e3, 1e6, 5e6, 30e6, 100e6, 1e12])(
    "4.6 Break-even volume: the bands are soft, at %d tokens a month no single endpoint is lost",
    (perMonth) => {
      for (const one of fleet)
        for (const step of [{}, actTurn, planTurn])
          expect(decided({ ...step, ...tokens(perMonth) }, [one]).ladder).toHaveLength(1);
    },
  );

  it("4.6 S4 P1: below 5M tokens a month a routine step may use a hosted small model", () => {
    const decision = decided(tokens(1e6));
    expect(ladderOf(decision)[0]).toBe("flash");
    expect(decided({ complexity: "planning", ...tokens(1e6) }).class).toBe("llm");
  });

  it("4.6 S4 scenario 8: the large model to escalate to must itself be inside; without one it is a person", () => {
    const step = { ...labelled("classified"), human: makeClearance(everything) };
    const hosted = { ...gpt, ...cloud };
    expect(ladderOf(decided({ ...step, ...weak("phi4") }, strictly(phi4, llama, hosted)))).toEqual(["llama"]);
    const alone = decided({ ...step, ...weak("phi4") }, strictly(phi4, hosted));
    expect([alone.class, alone.ladder]).toEqual(["human", []]);
  });

  it('4.6 S4 "privacy critical": complex work on critical data takes the large model inside, else it is flagged', () => {
    const critical = labelled("classified");
    const hosted = { ...gpt, ...cloud };
    expect(ladderOf(decided({ ...critical, complexity: "reasoning" }, strictly(phi4, llama, hosted)))).toEqual([
      "llama",
    ]);
    expect(decided({ ...critical, complexity: "reasoning" }, strictly(phi4, hosted)).class).toBe("refused");
    const agent = decided({ ...critical, ...planTurn }, strictly(phi4, hosted));
    expect([ladderOf(agent), agent.flags]).toEqual([["phi4"], ["no-llm"]]);
  });

  it("4.6 S4 scenario 6: a large model is asked where its p95 fits the time left, else it is named for later", () => {
    const candidates = [tiny, { ...llama, latency: { p95Ms: 70 } }].map(candidate);
    const inTime = decided(due(100), candidates);
    expect([ladderOf(inTime), inTime.obligations]).toEqual([["tiny", "llama"], []]);
    const late = decided(due(99), candidates);
    expect([late.class, ladderOf(late)]).toEqual(["hybrid", ["tiny"]]);
    expect(late.obligations).toEqual([
      { type: "escalate-later", endpoints: ["llama"], reason: "no time to ask a large model" },
    ]);
  });

  it('4.6 S4 "sub-50 ms on edge": latency is what was measured or declared, never guessed from a class or place', () => {
    const silent = { name: "silent", location: "edge" } as const;
    const [refusal] = decided(due(50), [candidate(silent)]).refused;
    expect(refusal?.reason).toBe("its latency is not declared, and the step has a bound");
    const measured = { samples: 20, answered: 20, p95Ms: 80, failureRatio: 0 };
    expect(refusedOf(decided(due(50), [candidate({ ...tiny, measured })]))).toEqual(["tiny: latency"]);
    expect(ladderOf(decided(due(50), [candidate({ ...silent, measured: { ...measured, p95Ms: 40 } })]))).toEqual([
      "silent",
    ]);
  });

  it("4.6 0.85 is used for: intent router, answer confidence and pilot are three separate settings", () => {
    const acceptAtOf = (options: Parameters<typeof defaultPolicy>[0]) =>
      [{ kind: "classify", complexity: "classification" } as const, {}].map(
        (step) => decide(defaultPolicy(options), fleet, facts(step)).acceptAt,
      );
    expect(acceptAtOf({ routeAt: 0.6 })).toEqual([0.6, 0.85]);
    expect(acceptAtOf({ routeAt: 0.85, acceptAt: 0.6 })).toEqual([0.85, 0.6]);
    expect(pilotVerdict({ accuracyRatio: 0.8, costRatio: 0.1 }).go).toBe(false);
    expect(pilotVerdict({ accuracyRatio: 0.8, costRatio: 0.1 }, { accuracyAbove: 0.75 }).go).toBe(true);
  });

  it("4.6 Two gates mixed: a route gate judges a classification before, an accept gate an answer after", () => {
    const gates = defaultPolicy({ routeAt: 0.7, acceptAt: 0.9 });
    const labels = { needs: { tools: false, jsonSchema: false, labels: ["a", "b"], maxOutputTokens: 64 } };
    const route = decide(
      gates,
      [candidate(phi4)],
      facts({ kind: "classify", complexity: "classification", ...labels }),
    );
    const accept = decide(gates, [candidate(phi4)], facts(checked));
    expect([route, accept].flatMap(({ obligations }) => obligations)).toEqual([
      { type: "judge", endpoints: ["phi4"], by: "label-margin", acceptAt: 0.7 },
      { type: "judge", endpoints: ["phi4"], by: "validator", acceptAt: 0.9 },
    ]);
  });

  it('4.6 "Routine: zero escalation": a routine step is gated and may escalate unless told never to', () => {
    const routine = { kind: "classify", complexity: "classification" } as const;
    const byDefault = decided(routine);
    expect([byDefault.escalation, byDefault.class, byDefault.obligations[0]?.type]).toEqual([
      "allowed",
      "hybrid",
      "judge",
    ]);
    const never = decided({ ...routine, escalation: "never" });
    expect([never.escalation, never.class, never.obligations[0]?.type]).toEqual(["never", "slm", "judge"]);
  });
});

/** Rows of the sections that state what is to be built, as `section title: clause`. */
function rowsOf(document: string): readonly string[] {
  return ["4.1", "4.3", "4.6"].flatMap((section) => {
    const [, body = ""] = new RegExp(`\n## ${section} [^\n]*\n([^]*?)(?=\n## |$)`).exec(document) ?? [];
    return body.split("\n").flatMap((line) => clausesOf(line).map((clause) => `${section} ${clause}`));
  });
}

/** A bullet with a bold title is one row for each of its clauses; any other is one row, and so is a line of a table. */
function clausesOf(line: string): readonly string[] {
  const cell = /^\| (.+?) \| /.exec(line)?.[1];
  if (cell !== undefined) return cell.startsWith("Issue") ? [] : [cell];
  const [, titled, text] = /^- (?:\*\*(.+?)\*\*)?:? ?(.+)$/.exec(line) ?? [];
  if (text === undefined) return [];
  return titled === undefined ? [text] : text.split(/[;.] (?=\S)/).map((clause) => `${titled}: ${clause}`);
}

/** The names of the tests of a file, as they stand there. */
function testsIn(file: string): readonly string[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(/\(\s*(["'`])((?:\\.|(?!\1).)+)\1,/g)].map((match) => match[2]!);
}

const root = resolve(import.meta.dirname, "..", "..");

describe("decision-framework.md, row by row", () => {
  const found = rowsOf(readFileSync(join(root, "docs/concepts/decision-framework.md"), "utf8"));

  it("has no row that is missing in the table of tests, and none that is there twice", () => {
    expect(found.length).toBeGreaterThan(60);
    const listed = found.map((row) => [row, rows.filter(({ row: first }) => row.startsWith(first)).length]);
    expect(listed.filter(([, count]) => count !== 1)).toEqual([]);
  });

  it("has every row that the table of tests lists", () => {
    expect(rows.filter(({ row: first }) => !found.some((row) => row.startsWith(first)))).toEqual([]);
  });

  it("has the tests that the table names", () => {
    const named = rows.flatMap((row) => ("tests" in row ? row.tests : []));
    const missing = named.filter(({ file, name }) => !testsIn(file).includes(name));
    expect(missing).toEqual([]);
  });
});
