import { createPolicy, defaultPolicy, type Policy, type PolicyOptions } from "../policy/policy.ts";
import type { Rule } from "../policy/rule.ts";

/**
 * Small models only. Put it first in a policy of your own: what it removes is gone before any rule looks, and `createPolicy`
 * refuses it beside a rule that leaves only large models.
 */
export const slmOnlyRule: Rule = Object.freeze({
  name: "slm-only",
  version: "1",
  only: Object.freeze({ classes: Object.freeze(["slm"] as const) }),
  apply: () => ({}),
});

/**
 * P1: small models only, with the default rules among them. For routine work below about five million tokens a month, and
 * for places where no large model may be asked.
 *
 * `classification` and `generation` steps and an agent's turns go to small models (agents flagged `no-llm`). A weak answer
 * goes to another small model; where none is left, a `classify` step is `uncertain` and any other step goes to a person, or
 * fails with `OUTPUT_INVALID`. `reasoning` and `planning` steps want a large model, so without a certified small one they go to
 * the person wired with `onHuman`, or `plan().check()` and `start()` throw `HUMAN_REQUIRED`.
 *
 * Source: decision-framework.md 4.3, P1, and 4.6, "S4 P1" (below 5M tokens and complex still wants a large model).
 * @throws {DefinitionError} when an option is wrong or misspelt
 */
export function slmOnly(options: PolicyOptions = {}): Policy {
  const { rules, acceptAt, routeAt } = defaultPolicy(options);
  return createPolicy({ name: "slm-only", version: "1", rules: [slmOnlyRule, ...rules], acceptAt, routeAt });
}
