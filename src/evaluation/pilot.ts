import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";
import { requireRatio } from "./preconditions.ts";

/** What a pilot measured: the small model over the baseline, on the same requests. */
export interface PilotOutcome {
  /** Accuracy of the small model over that of the baseline; above 1 where it is better. */
  readonly accuracyRatio: number;
  /** Cost of the small model over that of the baseline; above 1 where it is dearer. */
  readonly costRatio: number;
}

/**
 * What a pilot must show. A setting of its own, neither the `acceptAt` nor the `routeAt` of a policy, though all three start
 * at 0.85: decision-framework.md 4.6, "0.85 is used for …".
 */
export interface PilotGoal {
  /** The share of the baseline's accuracy to be above, 0 to 1. @default 0.85 */
  readonly accuracyAbove?: number;
  /** The share of the baseline's cost to be below, 0 to 1. @default 0.25 */
  readonly costBelow?: number;
}

/** Why a pilot is not to go on. */
export type PilotShortfall = "accuracy" | "cost";

export interface PilotVerdict {
  readonly go: boolean;
  /** What it fell short of; empty for a go. */
  readonly short: readonly PilotShortfall[];
}

/**
 * Go or no-go after a pilot: above 85 % of the baseline's accuracy at below 25 % of its cost, equality being a no-go. Two
 * numbers of a few hundred requests: look at their intervals too. Source: decision-framework.md 4.1, "Thresholds".
 * @throws {TierwiseError} `INPUT_INVALID` for a ratio that is no number of at least 0, or a goal outside 0 to 1
 */
export function pilotVerdict({ accuracyRatio, costRatio }: PilotOutcome, goal: PilotGoal = {}): PilotVerdict {
  const { accuracyAbove = 0.85, costBelow = 0.25 } = goal;
  requireMeasured({ accuracyRatio, costRatio });
  requireRatio(accuracyAbove, "accuracyAbove");
  requireRatio(costBelow, "costBelow");
  const short: PilotShortfall[] = [];
  if (accuracyRatio <= accuracyAbove) short.push("accuracy");
  if (costRatio >= costBelow) short.push("cost");
  return Object.freeze({ go: short.length === 0, short: Object.freeze(short) });
}

function requireMeasured(ratios: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(ratios)) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new TierwiseError("INPUT_INVALID", `pilotVerdict: expected ${name} to be 0 or more, found ${show(value)}`);
  }
}
