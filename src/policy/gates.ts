import type { Candidate } from "../catalog/candidate.ts";
import type { Endpoint } from "../catalog/endpoint.ts";
import { excess, flowsTo, formatClearance } from "../tiers/clearance.ts";
import { formatLabel, type Label } from "../tiers/label.ts";
import type { StepFacts } from "./facts.ts";

/** A promise about single endpoints. Gates run before the rules and are no part of a policy, so none can be left out. */
interface Gate {
  readonly name: string;
  /** @returns why the endpoint is refused, or `undefined` when it passes */
  readonly refuse: (candidate: Candidate, facts: StepFacts) => string | undefined;
}

/** Privacy: an endpoint that may not see the data is a refused candidate, nothing more. */
const clearance: Gate = {
  name: "clearance",
  refuse: ({ endpoint }, { label }) => (flowsTo(label, endpoint.clearance) ? undefined : uncleared(label, endpoint)),
};

/** The labels of a graph are the same objects in every run, and their sentences are the longest part of a decision. */
const sentences = new WeakMap<Label, WeakMap<Endpoint, string>>();

/** Only the sentence is remembered, never the answer. */
function uncleared(label: Label, endpoint: Endpoint): string {
  const ofLabel = sentences.get(label) ?? new WeakMap<Endpoint, string>();
  const known = ofLabel.get(endpoint);
  if (known !== undefined) return known;
  const sentence = `${clearanceText(endpoint)}; the data is ${formatLabel(label)}: ${excess(label, endpoint.clearance)}`;
  // A label that its owner can still write to would make the sentence a lie.
  if (Object.isFrozen(label)) sentences.set(label, ofLabel.set(endpoint, sentence));
  return sentence;
}

function clearanceText({ clearance: own, clearanceDeclared, clearanceCap }: Endpoint): string {
  if (!clearanceDeclared) return "declares no clearance (public)";
  const cap =
    clearanceCap === undefined ? "" : ` (declared ${formatClearance(clearanceCap.from)}: ${clearanceCap.reason})`;
  return `is cleared for ${formatClearance(own)}${cap}`;
}

/** Termination: what this step has asked already, cannot pay for or cannot reach now, is not asked again. */
const excluded: Gate = {
  name: "excluded",
  refuse({ endpoint }, facts) {
    if (facts.excluded.length === 0) return undefined;
    const found = facts.excluded.find((exclusion) => exclusion.endpoint === endpoint.name);
    if (found === undefined) return undefined;
    const wasAsked = found.rule === "failed" || found.rule === "rejected";
    return `${wasAsked ? "tried" : found.rule}: ${found.reason}`;
  },
};

/** Money: under a cap, what has no worst case is out. An unknown price is not 0, and no output limit means no bound. */
const money: Gate = {
  name: "money",
  refuse({ endpoint, capabilities }, { moneyCapped }) {
    if (!moneyCapped) return undefined;
    if (endpoint.price === undefined) return "has no price, and a money budget is set";
    return capabilities.outputLimit ? undefined : "its output limit cannot be set, and a money budget is set";
  },
};

/** The same for tokens. */
const tokens: Gate = {
  name: "tokens",
  refuse: ({ capabilities }, { tokensCapped = false }) =>
    tokensCapped && !capabilities.outputLimit ? "its output limit cannot be set, and a token budget is set" : undefined,
};

/** In this order; the first that refuses an endpoint gives the reason. */
export const gates: readonly Gate[] = Object.freeze([clearance, excluded, money, tokens]);
