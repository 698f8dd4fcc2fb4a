import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { capabilityRule } from "./rules/capability.ts";
import { deadlineRule } from "./rules/deadline.ts";
import { tierLadderRule } from "./rules/tier-ladder.ts";
import type { Rule } from "./rule.ts";

/** Ordered rules and the threshold of answers. Privacy, money and exclusions are not among them: see `gates.ts`. */
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

/** Cheapest adequate endpoint first, by complexity tier. @throws {DefinitionError} when an option is wrong or misspelt */
export function defaultPolicy(options: PolicyOptions = {}): Policy {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(options, "policy", report);
  reader.only(["acceptAt"]);
  const acceptAt = (reader.get("acceptAt") ?? 0.85) as number;
  if (!(typeof acceptAt === "number" && acceptAt >= 0 && acceptAt <= 1))
    reader.mistake("acceptAt", `expected a number from 0 to 1, found ${show(acceptAt)}`);
  if (problems.length > 0) throw new DefinitionError("policy", problems, "RUNTIME_INVALID");
  const rules = Object.freeze([capabilityRule, deadlineRule, tierLadderRule]);
  return Object.freeze({ name: "default", version: "1", rules, acceptAt });
}
