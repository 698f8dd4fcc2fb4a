import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { checkRules } from "./check-rules.ts";
import { capabilityRule } from "./rules/capability.ts";
import { costGuardRule } from "./rules/cost-guard.ts";
import { deadlineRule } from "./rules/deadline.ts";
import { domainFirstRule } from "./rules/domain-first.ts";
import { domainRule } from "./rules/domain.ts";
import { escalationRule } from "./rules/escalation.ts";
import { escalationWindowRule } from "./rules/escalation-window.ts";
import { healthRule } from "./rules/health.ts";
import { latencyRule } from "./rules/latency.ts";
import { localFirstRule } from "./rules/local-first.ts";
import { promptCacheRule } from "./rules/prompt-cache.ts";
import { qualityRule } from "./rules/quality.ts";
import { reviewRule } from "./rules/review.ts";
import { sensitiveFirstRule } from "./rules/sensitive-first.ts";
import { tierLadderRule } from "./rules/tier-ladder.ts";
import { volumeRule } from "./rules/volume.ts";
import type { Rule } from "./rule.ts";

/** Ordered rules and the thresholds of answers. Privacy, money and exclusions are not among them: see `gates.ts`. */
export interface Policy {
  readonly name: string;
  readonly version: string;
  readonly rules: readonly Rule[];
  readonly acceptAt: number;
  readonly routeAt: number;
  /** Name, version and `rule@version` in order, as decisions carry it. */
  readonly identity: { readonly name: string; readonly version: string; readonly rules: readonly string[] };
}

export interface PolicyOptions {
  /**
   * Confidence from which an answer is accepted, 0 to 1; equality accepts. Meant as a calibrated probability of being
   * right; decisions taken on an uncalibrated score say so.
   * @default 0.85
   */
  readonly acceptAt?: number;
  /**
   * The same for `classify` steps, whose label routes what follows. A setting of its own: decision-framework.md 4.6,
   * "0.85 is used for …".
   * @default acceptAt
   */
  readonly routeAt?: number;
  /** Share of finished model steps that is offered to a person for review, 0 to 1. @default 0 */
  readonly reviewRatio?: number;
}

/**
 * The rules of `defaultPolicy`, in order: spread them into a policy of your own. First those that remove, then those that
 * order, the weakest first, since a later order overrides an earlier one: tier, volume, sensitivity, domain, place, warm
 * cache, cost guard, health. Last what follows a weak answer and whether there is time for it.
 */
export const defaultRules: readonly Rule[] = Object.freeze([
  ...[capabilityRule, deadlineRule, qualityRule, domainRule, latencyRule],
  ...[tierLadderRule, volumeRule(), sensitiveFirstRule, domainFirstRule, localFirstRule],
  ...[promptCacheRule, costGuardRule, healthRule],
  ...[escalationRule, escalationWindowRule],
]);

/** Cheapest adequate endpoint first, by complexity tier. @throws {DefinitionError} when an option is wrong or misspelt */
export function defaultPolicy(options: PolicyOptions = {}): Policy {
  const { reader, finish } = readerOf(options, []);
  return finish({ name: "default", version: "2", rules: defaultRules, ...settingsOf(reader) });
}

/**
 * A policy of your own. Rules run in the order given; each can only remove and order what the gates and the rules before it
 * left. One that throws refuses everything it was shown.
 *
 * @example
 * ```ts
 * createPolicy({ name: "acme", version: "7", rules: [...defaultRules, stayInRegion] });
 * ```
 * @throws {DefinitionError} with every mistake at once, also when the bounds of the rules leave nothing together
 */
export function createPolicy(
  options: PolicyOptions & { readonly name: string; readonly version: string; readonly rules: readonly Rule[] },
): Policy {
  const { report, reader, finish } = readerOf(options, ["name", "version", "rules"]);
  const name = reader.get("name");
  if (!isName(name)) reader.mistake("name", `expected ${nameRule}, found ${show(name)}`);
  const rules = checkRules(reader, report);
  return finish({ name: String(name), version: reader.text("version"), rules, ...settingsOf(reader) });
}

function readerOf(options: unknown, known: readonly string[]) {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(options, "policy", report);
  reader.only([...known, "acceptAt", "routeAt", "reviewRatio"]);
  const finish = (settings: Omit<Policy, "identity"> & { readonly reviewRatio: number }): Policy => {
    if (problems.length > 0) throw new DefinitionError("policy", problems, "RUNTIME_INVALID");
    const { reviewRatio, rules: given, ...policy } = settings;
    const rules = Object.freeze(reviewRatio > 0 ? [...given, reviewRule(reviewRatio)] : given);
    return withIdentity({ ...policy, rules });
  };
  return { report, reader, finish };
}

/** Freezes a policy together with what decisions say about it. */
export function withIdentity(policy: Omit<Policy, "identity">): Policy {
  const { name, version, rules } = policy;
  const named = rules.map((rule) => `${rule.name}@${rule.version}`);
  return Object.freeze({ ...policy, identity: Object.freeze({ name, version, rules: Object.freeze(named) }) });
}

function settingsOf(reader: OptionReader) {
  const acceptAt = reader.ratio("acceptAt") ?? 0.85;
  return { acceptAt, routeAt: reader.ratio("routeAt") ?? acceptAt, reviewRatio: reader.ratio("reviewRatio") ?? 0 };
}
