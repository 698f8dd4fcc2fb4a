import type { Candidate } from "../catalog/candidate.ts";
import { excess, flowsTo, formatClearance } from "../tiers/clearance.ts";
import { formatLabel } from "../tiers/label.ts";
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
  refuse({ endpoint }, { label }) {
    if (flowsTo(label, endpoint.clearance)) return undefined;
    const declared = endpoint.clearanceDeclared
      ? `is cleared for ${formatClearance(endpoint.clearance)}`
      : "declares no clearance (public)";
    return `${declared}; the data is ${formatLabel(label)}: ${excess(label, endpoint.clearance)}`;
  },
};

/** Termination: what this step has asked already, or cannot pay for, is not asked again. */
const excluded: Gate = {
  name: "excluded",
  refuse({ endpoint }, facts) {
    const found = facts.excluded.find((exclusion) => exclusion.endpoint === endpoint.name);
    return found && `${found.rule}: ${found.reason}`;
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

/** In this order; the first that refuses an endpoint gives the reason. */
export const gates: readonly Gate[] = Object.freeze([clearance, excluded, money]);
