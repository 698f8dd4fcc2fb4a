import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { gates } from "./gates.ts";
import { capabilityRule } from "./rules/capability.ts";
import { deadlineRule } from "./rules/deadline.ts";
import { latencyRule } from "./rules/latency.ts";
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

/** The rules of `defaultPolicy`, in order: spread them into a policy of your own. */
export const defaultRules: readonly Rule[] = Object.freeze([capabilityRule, latencyRule, deadlineRule, tierLadderRule]);

/** Cheapest adequate endpoint first, by complexity tier. @throws {DefinitionError} when an option is wrong or misspelt */
export function defaultPolicy(options: PolicyOptions = {}): Policy {
  const { reader, finish } = readerOf(options, ["acceptAt"]);
  const acceptAt = acceptAtOf(reader);
  return finish({ name: "default", version: "1", rules: defaultRules, acceptAt });
}

/**
 * A policy of your own. Rules run in the order given; each can only remove and order what the gates and the rules before it
 * left. One that throws refuses everything it was shown.
 *
 * @example
 * ```ts
 * createPolicy({ name: "acme", version: "7", rules: [...defaultRules, stayInRegion] });
 * ```
 * @throws {DefinitionError} with every mistake at once
 */
export function createPolicy(
  options: PolicyOptions & { readonly name: string; readonly version: string; readonly rules: readonly Rule[] },
): Policy {
  const { report, reader, finish } = readerOf(options, ["name", "version", "rules", "acceptAt"]);
  const name = reader.get("name");
  if (!isName(name)) reader.mistake("name", `expected ${nameRule}, found ${show(name)}`);
  const rules = rulesOf(reader, report);
  return finish({ name: String(name), version: reader.text("version"), rules, acceptAt: acceptAtOf(reader) });
}

function readerOf(options: unknown, known: readonly string[]) {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(options, "policy", report);
  reader.only(known);
  const finish = (policy: Policy): Policy => {
    if (problems.length > 0) throw new DefinitionError("policy", problems, "RUNTIME_INVALID");
    return Object.freeze(policy);
  };
  return { report, reader, finish };
}

function acceptAtOf(reader: OptionReader): number {
  const acceptAt = reader.get("acceptAt") ?? 0.85;
  if (typeof acceptAt === "number" && acceptAt >= 0 && acceptAt <= 1) return acceptAt;
  reader.mistake("acceptAt", `expected a number from 0 to 1, found ${show(acceptAt)}`);
  return 1;
}

function rulesOf(reader: OptionReader, report: Report): readonly Rule[] {
  const listed = reader.get("rules");
  if (!Array.isArray(listed)) {
    reader.mistake("rules", `expected an array of rules, found ${show(listed)}`);
    return [];
  }
  const names = new Set(gates.map((gate) => gate.name));
  for (const [index, item] of listed.entries())
    checkRule(new OptionReader(item, `policy.rules[${index}]`, report), names);
  return Object.freeze(listed.map((rule: Rule) => Object.freeze({ ...rule })));
}

/** A rule's name appears beside every refusal, so it must be its own, and not that of a gate. */
function checkRule(rule: OptionReader, taken: Set<string>): void {
  rule.only(["name", "version", "apply"]);
  const name = rule.get("name");
  if (!isName(name)) rule.mistake("name", `expected ${nameRule}, found ${show(name)}`);
  else if (taken.has(name)) rule.mistake("name", `"${name}" is taken by a gate or another rule; names must differ`);
  else taken.add(name);
  rule.text("version");
  rule.fn("apply");
}
