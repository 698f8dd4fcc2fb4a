import { show } from "../common/names.ts";
import { DefinitionError } from "../errors.ts";
import { capabilityRule } from "./rules/capability.ts";
import { deadlineRule } from "./rules/deadline.ts";
import { excludedRule } from "./rules/excluded.ts";
import { moneyRule } from "./rules/money.ts";
import { tierLadderRule } from "./rules/tier-ladder.ts";
import type { Rule } from "./rule.ts";

/** Ordered rules and the threshold of the gate. Privacy is not among them: it is decided first, and outside. */
export interface Policy {
  readonly name: string;
  readonly version: string;
  readonly rules: readonly Rule[];
  readonly acceptAt: number;
}

export interface PolicyOptions {
  /**
   * Confidence from which an answer is accepted, 0 to 1; equality accepts. Meant as a calibrated probability of being
   * right; decisions taken on an uncalibrated score say so.
   * @default 0.85
   */
  readonly acceptAt?: number;
}

/** Cheapest adequate endpoint first, by complexity tier. @throws {DefinitionError} when `acceptAt` is outside 0 to 1 */
export function defaultPolicy({ acceptAt = 0.85 }: PolicyOptions = {}): Policy {
  if (!(acceptAt >= 0 && acceptAt <= 1)) {
    const message = `expected a number from 0 to 1, found ${show(acceptAt)}`;
    throw new DefinitionError("policy", [{ code: "RUNTIME_INVALID", path: "acceptAt", message }], "RUNTIME_INVALID");
  }
  const rules = Object.freeze([excludedRule, capabilityRule, moneyRule, deadlineRule, tierLadderRule]);
  return Object.freeze({ name: "default", version: "1", rules, acceptAt });
}
