/** Random catalogs, steps and people: everything that a decision may depend on, in every combination. */
import fc from "fast-check";
import type { Candidate } from "../../src/catalog/candidate.ts";
import type { Exclusion, StepFacts } from "../../src/policy/facts.ts";
import { complexityTiers } from "../../src/tiers/complexity.ts";
import { makeClearance } from "../../src/tiers/clearance.ts";
import { latencyBoundMs } from "../../src/tiers/demands.ts";
import { makeLabel, privacyLevels, type Compartment, type Label } from "../../src/tiers/label.ts";
import { candidate, facts, type CandidateCase } from "./step-cases.ts";

export const maxEndpoints = 30;
/** Names of the endpoints of a random catalog; a smaller one has the first of them. */
export const endpointNames: readonly string[] = Array.from({ length: maxEndpoints }, (_, index) => `e${index}`);

const compartments: readonly Compartment[] = ["pii", "phi", "tenant:acme", "tenant:beta", "region:eu"];
const level = fc.constantFrom(...privacyLevels);

/** Missing three times in four: with every demand at once nothing would ever be eligible. */
function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** Missing once in four times. */
function mostly<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary }, { weight: 1, arbitrary: fc.constant(undefined) });
}

/** Without the members that are `undefined`, as options are written. */
function given<T extends object>(bag: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => value !== undefined)) as never;
}

const anyLabel = fc
  .record({
    level,
    compartments: fc.subarray([...compartments, "tenant:*"] as Compartment[]),
    integrity: fc.constantFrom("trusted" as const, "untrusted" as const),
  })
  .map((spec) => makeLabel(spec));

/** Low ones often, so that there is a choice. */
export const label: fc.Arbitrary<Label> = fc.oneof(
  { weight: 1, arbitrary: anyLabel },
  { weight: 1, arbitrary: fc.constantFrom("public" as const, "internal" as const).map((low) => makeLabel(low)) },
);

const clearanceSpec = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ level, compartments: fc.subarray([...compartments, "tenant:*"] as Compartment[]) }),
  },
  {
    weight: 3,
    arbitrary: fc.constant({ level: "classified", compartments: [...compartments, "tenant:*"] } as const),
  },
);

const usd = fc.integer({ min: 0, max: 40 }).map((tenth) => tenth / 10);

/** From all five rates to the two that must be there. */
const priceSpec = fc
  .record({
    inputPerMillionTokensUsd: usd,
    outputPerMillionTokensUsd: usd,
    cacheReadPerMillionTokensUsd: rarely(usd),
    cacheWritePerMillionTokensUsd: rarely(usd),
  })
  .map(given) as fc.Arbitrary<Exclude<CandidateCase["price"], undefined>>;

const p95Ms = fc.constantFrom(1, 20, 40, 60, 200, 450, 900, 2_000, 4_000);
const ratio = fc.constantFrom(0, 0.25, 0.5, 0.75, 1);
const fields = ["law", "medicine"] as const;

const capabilities = fc
  .record({
    tools: mostlyTrue(),
    jsonSchema: mostlyTrue(),
    logprobs: mostlyTrue(),
    outputLimit: mostlyTrue(),
    toolsWithLogprobs: mostly(fc.boolean()),
    contextTokens: rarely(fc.constantFrom(100, 4_096, 128_000)),
    languages: rarely(fc.subarray(["en", "de", "de-AT"])),
    onlyLabels: fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(["a"], ["a", "b"], ["c"]).map((labels) => [...labels]) },
    ),
  })
  .map((found) => ({ ...given(found), onlyLabels: found.onlyLabels }));

function mostlyTrue(): fc.Arbitrary<boolean> {
  return fc.constantFrom(true, true, true, false);
}

/** All of an endpoint but its name. */
export const endpointCase: fc.Arbitrary<Omit<CandidateCase, "name">> = fc
  .record({
    class: fc.constantFrom("slm" as const, "llm" as const),
    location: fc.constantFrom("in-process" as const, "edge" as const, "on-prem" as const, "cloud" as const),
    clearance: mostly(clearanceSpec),
    price: mostly(priceSpec),
    latency: mostly(p95Ms.map((ms) => ({ p95Ms: ms }))),
    domains: rarely(fc.subarray([...fields])),
    quality: mostly(ratio),
    certified: rarely(
      fc.subarray([...complexityTiers], { minLength: 1 }).map((tiers) => ({ tiers, evidence: "measured" })),
    ),
    anonymiser: rarely(fc.constant({ name: "mask", redact: (text: string) => text })),
    can: capabilities,
    measured: rarely(
      fc.tuple(fc.constantFrom(1, 5, 20, 40, 100), ratio, p95Ms).map(([samples, failureRatio, ms]) => {
        const answered = Math.round(samples * (1 - failureRatio));
        return { samples, answered, p95Ms: answered === 0 ? undefined : ms, failureRatio };
      }),
    ),
  })
  .map((found) => given(found) as Omit<CandidateCase, "name">);

const shapes = 300;

/**
 * Random endpoints for every place of a catalog. They are described once, not anew in each of some hundred thousand catalogs:
 * that would take most of the time of a full run.
 */
const pool: readonly (readonly Candidate[])[] = endpointNames.map((name, place) =>
  fc.sample(endpointCase, { numRuns: shapes, seed: place }).map((one) => candidate({ name, ...one })),
);

/** Endpoints are frozen; what is measured and found of them is not, so each catalog has its own. */
function ownCopy({ endpoint, capabilities, measured }: Candidate): Candidate {
  const { onlyLabels, languages, ...rest } = capabilities;
  return {
    endpoint,
    capabilities: {
      ...rest,
      onlyLabels: onlyLabels && [...onlyLabels],
      ...(languages && { languages: [...languages] }),
    },
    ...(measured && { measured: { ...measured } }),
  };
}

const shape = fc.nat(shapes - 1);

export const candidates: fc.Arbitrary<readonly Candidate[]> = fc
  .oneof(
    { weight: 5, arbitrary: fc.array(shape, { maxLength: 6, size: "max" }) },
    { weight: 1, arbitrary: fc.array(shape, { maxLength: maxEndpoints, size: "max" }) },
  )
  .map((chosen) => chosen.map((index, place) => ownCopy(pool[place]![index]!)));

/** Like an endpoint of a catalog, under a name that no catalog has. */
export const oneMore: fc.Arbitrary<Candidate> = fc
  .constantFrom(...fc.sample(endpointCase, { numRuns: shapes, seed: maxEndpoints }))
  .map((one) => candidate({ name: "added", ...one }));

const interval = (most: number) =>
  fc
    .tuple(fc.integer({ min: 0, max: most }), fc.integer({ min: 0, max: most }))
    .map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }));

export const workload: fc.Arbitrary<NonNullable<StepFacts["workload"]>> = fc
  .record({
    inputTokens: interval(100_000),
    outputTokens: interval(10_000),
    turns: rarely(interval(9).map(({ low, high }) => ({ low: low + 1, high: high + 1 }))),
    escalationRatio: mostly(ratio),
  })
  .map((found) => ({ ...given(found), inputTokens: found.inputTokens, outputTokens: found.outputTokens }));

const someEndpoint = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...endpointNames.slice(0, 6)) },
  { weight: 1, arbitrary: fc.constantFrom(...endpointNames) },
);

export const exclusionRule = fc.constantFrom<Exclusion["rule"][]>("failed", "rejected", "budget", "unavailable");

const answers = fc
  .tuple(fc.constantFrom(1, 29, 30, 100), ratio)
  .map(([total, share]) => ({ answers: total, rejected: Math.round(total * share) }));

const boundMs = fc.constantFrom(...Object.values(latencyBoundMs).filter((ms) => ms !== undefined), 5_000, 20_000);

const optionalFacts = fc
  .record({
    requires: rarely(
      fc
        .record({
          tools: rarely(fc.boolean()),
          jsonSchema: rarely(fc.boolean()),
          logprobs: rarely(fc.boolean()),
          contextTokens: rarely(fc.constantFrom(1_000, 100_000)),
          languages: rarely(fc.constantFrom(["en"], ["de-AT"], ["fr"]).map((tags) => [...tags])),
        })
        .map(given),
    ),
    domain: rarely(
      fc.record({
        name: fc.constantFrom(...fields, "farming"),
        specificity: fc.constantFrom("general" as const, "specific" as const, "high" as const, "multi" as const),
      }),
    ),
    volume: rarely(
      fc
        .constantFrom(0, 1_000_000, 5_000_000, 30_000_000, 1e9)
        .map((tokensPerMonth) => ({ tokensPerMonth, requestsPerDay: tokensPerMonth / 21_000 })),
    ),
    minQuality: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: ratio }),
    escalation: rarely(fc.constantFrom("allowed" as const, "never" as const, "human" as const)),
    acceptAt: rarely(ratio),
    workload: mostly(workload),
    remainingMs: rarely(fc.constantFrom(-10, 100, 1_000, 60_000)),
    runId: rarely(fc.constantFrom("r1", "r2")),
    conversation: mostly(fc.record({ endpoint: someEndpoint, tokens: fc.integer({ min: 0, max: 100_000 }) })),
    observed: mostly(fc.dictionary(someEndpoint, answers, { maxKeys: 4, noNullPrototype: true })),
    human: rarely(clearanceSpec.map((spec) => makeClearance(spec))),
  })
  .map(given) as fc.Arbitrary<Partial<StepFacts>>;

const latencyFacts = rarely(
  fc
    .tuple(boundMs, ratio)
    .map(([maxLatencyMs, spent]) => ({ maxLatencyMs, latencyLeftMs: maxLatencyMs * (1 - spent) })),
);

export const stepFacts: fc.Arbitrary<StepFacts> = fc
  .record({
    complexity: fc.constantFrom(...complexityTiers),
    label,
    role: fc.constantFrom("plan" as const, "act" as const),
    classifies: fc.boolean(),
    needs: fc.record({ tools: fc.boolean(), jsonSchema: fc.boolean(), checked: fc.boolean() }),
    maxOutputTokens: fc.constantFrom(64, 100, 4_096),
    moneyCapped: fc.constantFrom(true, false, false),
    tags: fc.constantFrom({}, { tenant: "acme" }).map((tags) => ({ ...tags })),
    excluded: rarely(
      fc.uniqueArray(fc.tuple(someEndpoint, exclusionRule), { selector: ([name]) => name, maxLength: 4 }),
    ),
    optional: optionalFacts,
    latency: latencyFacts,
  })
  .map(({ complexity, classifies, role, needs, maxOutputTokens, excluded = [], optional, latency, ...rest }) => {
    const kind = complexity === "agentic" ? "agent" : classifies ? "classify" : "model";
    return facts({
      ...rest,
      ...optional,
      ...latency,
      complexity,
      kind,
      ...(kind === "agent" && { role }),
      needs: {
        tools: kind === "agent" && needs.tools,
        jsonSchema: kind !== "classify" && needs.jsonSchema,
        ...(kind === "classify" && { labels: ["a", "b"] }),
        ...(kind === "model" && { checked: needs.checked }),
        maxOutputTokens,
      },
      excluded: excluded.map(([name, rule]) => ({ endpoint: name, rule, reason: `was ${rule}` })),
    });
  });
