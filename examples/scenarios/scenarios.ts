/**
 * The eight scenarios of docs/concepts/decision-framework.md 4.2 as data: what is declared, and what is recommended. The order
 * of the rules was fitted to them by those who wrote the framework, so they are a conformance test, not evidence.
 */
import { graph, type Complexity, type DecisionClass, type Domain, type LabelSpec, type Location } from "tierwise";
import * as z from "zod";

export interface Scenario {
  readonly name: string;
  readonly complexity: Complexity;
  readonly label: LabelSpec;
  readonly domain: Domain;
  readonly tokensPerMonth: number;
  readonly maxLatencyMs: number;
  readonly expected: {
    readonly plan: DecisionClass;
    /** Where any of the endpoints may stand. */
    readonly within: readonly Location[];
    readonly first: { readonly location: readonly Location[]; readonly fineTuned: boolean };
    /** Whom a weak answer goes on to: a large model at these places, one that is asked later, or nobody. */
    readonly escalation: readonly Location[] | "later" | "none";
  };
}

const local: readonly Location[] = ["edge", "on-prem"];
const anywhere: readonly Location[] = [...local, "cloud"];
const regulated = (compartment: "pii" | "phi" | "pci"): LabelSpec => ({
  level: "regulated",
  compartments: [compartment],
});
const general = (name: string): Domain => ({ name, specificity: "general" });
const high = (name: string): Domain => ({ name, specificity: "high" });

export const scenarios: readonly Scenario[] = [
  {
    name: "1 Customer support",
    complexity: "generation",
    label: { level: "customer", compartments: ["pii"] },
    domain: general("support"),
    tokensPerMonth: 50e6,
    maxLatencyMs: 2_000,
    expected: {
      plan: "hybrid",
      within: anywhere,
      first: { location: ["on-prem"], fineTuned: false },
      escalation: ["cloud"],
    },
  },
  {
    name: "2 Contract review",
    complexity: "generation",
    label: regulated("pii"),
    domain: high("legal"),
    tokensPerMonth: 2e6,
    maxLatencyMs: 5_000,
    expected: { plan: "slm", within: local, first: { location: ["on-prem"], fineTuned: true }, escalation: "none" },
  },
  {
    name: "3 Clinical support",
    complexity: "classification",
    label: regulated("phi"),
    domain: high("medical"),
    tokensPerMonth: 100e6,
    maxLatencyMs: 1_000,
    expected: { plan: "slm", within: local, first: { location: ["on-prem"], fineTuned: true }, escalation: "none" },
  },
  {
    name: "4 Market research",
    complexity: "planning",
    label: { level: "public" },
    domain: general("research"),
    tokensPerMonth: 3e6,
    maxLatencyMs: 10_000,
    expected: {
      plan: "llm",
      within: anywhere,
      first: { location: ["cloud"], fineTuned: false },
      escalation: "none",
    },
  },
  {
    name: "5 Fraud",
    complexity: "classification",
    label: regulated("pci"),
    domain: high("fraud"),
    tokensPerMonth: 200e6,
    maxLatencyMs: 50,
    expected: { plan: "slm", within: local, first: { location: ["edge"], fineTuned: true }, escalation: "none" },
  },
  {
    name: "6 Manufacturing QA",
    complexity: "classification",
    label: { level: "internal" },
    domain: high("manufacturing"),
    tokensPerMonth: 80e6,
    maxLatencyMs: 100,
    expected: { plan: "hybrid", within: local, first: { location: local, fineTuned: true }, escalation: "later" },
  },
  {
    name: "7 Strategy synthesis",
    complexity: "planning",
    label: { level: "internal" },
    domain: general("strategy"),
    tokensPerMonth: 8e6,
    maxLatencyMs: 15_000,
    expected: {
      plan: "hybrid",
      within: anywhere,
      first: { location: ["cloud"], fineTuned: false },
      escalation: ["cloud"],
    },
  },
  {
    name: "8 Government",
    complexity: "generation",
    label: { level: "classified" },
    domain: { name: "government", specificity: "specific" },
    tokensPerMonth: 150e6,
    maxLatencyMs: 2_000,
    expected: {
      plan: "hybrid",
      within: local,
      first: { location: ["on-prem"], fineTuned: false },
      escalation: ["on-prem"],
    },
  },
];

/** Each scenario is a graph of one step; what it declares is all that the policy knows. */
export function graphOf({ name, complexity, label, domain, tokensPerMonth, maxLatencyMs }: Scenario) {
  const g = graph(name.replace(/^\d /, "").replaceAll(" ", "-"), { input: z.object({ request: z.string() }), label });
  const answer = g.model("answer", {
    ...{ needs: { input: g.input }, complexity, domain, volume: { tokensPerMonth }, maxLatencyMs },
    output: z.object({ answer: z.string() }),
    prompt: ({ input }) => input.request,
  });
  return g.output(answer);
}
