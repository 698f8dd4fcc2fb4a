/**
 * The deployment patterns of decision-framework.md 4.3, ready to use: the policies `slmOnly` (P1) and `slmWithEscalation`
 * (P2, the recommended one, start here), and the graph templates `rag` (P4) and `domainStack` (P5). P3, speculative
 * decoding, is a property of an endpoint (`endpoint({ speculativeDecoding })`) and has no file here. `draftThenVerify` is a
 * template beside them. Nothing in this room does I/O or is needed by another room: each pattern is what an author could write
 * with the public API. May import `graph`, `policy`, `catalog`, `tiers`, `common` and types of `events`.
 * @module
 */
import { show } from "../common/names.ts";
import { DefinitionError } from "../errors.ts";
import { createPolicy, defaultPolicy, type Policy, type PolicyOptions } from "../policy/policy.ts";
import type { Rule } from "../policy/rule.ts";

export interface EscalationOptions extends PolicyOptions {
  /**
   * Refuse a `classification` or `generation` step that has only one of the two classes; `false` flags it. A step with
   * sensitive data and no large model cleared for it is then refused as well.
   * @default false
   */
  readonly requireBoth?: boolean;
}

/**
 * P2, the recommended pattern: a small model first, a large one behind it, and a gate between them at 0.85. Its rules are the
 * default ones; beyond them it holds that the pattern is really there. A `classification` or `generation` step whose weak
 * answers may escalate needs both classes on its ladder, whatever took one away (clearance, latency, field): else the
 * decision says `no-llm` or `no-slm`, or with `requireBoth` the step is refused, at the plan where it shows there. Fold the events of runs
 * with `escalationReport` to see how often it escalates.
 *
 * `acceptAt` stays 0.85 here even if `defaultPolicy` should change. The pattern pays while the escalation rate is below
 * `1 - price ratio` (`breakEvenEscalationRate`).
 *
 * Source: decision-framework.md 4.3, P2, and 4.1, "Thresholds".
 * @throws {DefinitionError} when an option is wrong or misspelt
 */
export function slmWithEscalation(options: EscalationOptions = {}): Policy {
  const { requireBoth = false, ...rest } = options;
  if (typeof requireBoth !== "boolean") {
    const message = `expected true or false, found ${show(requireBoth)}`;
    throw new DefinitionError(
      "policy",
      [{ code: "RUNTIME_INVALID", path: "policy.requireBoth", message }],
      "RUNTIME_INVALID",
    );
  }
  const { rules, acceptAt, routeAt } = defaultPolicy({ acceptAt: 0.85, ...rest });
  return createPolicy({
    name: "slm-with-escalation",
    version: "1",
    rules: [...rules, bothClasses(requireBoth)],
    acceptAt,
    routeAt,
  });
}

/** Last of the rules, so that it sees the ladder as it is. A later rung of one question is no new ladder. */
function bothClasses(isRequired: boolean): Rule {
  return {
    name: "both-classes",
    version: "1",
    apply(candidates, { complexity, escalation = "allowed", excluded }) {
      const isCascade = complexity === "classification" || complexity === "generation";
      if (!isCascade || escalation !== "allowed" || excluded.length > 0 || candidates.length === 0) return {};
      const classes = new Set(candidates.map(({ endpoint }) => endpoint.class));
      if (classes.size === 2) return {};
      const [flag, missing] = classes.has("slm")
        ? ["no-llm", "large model behind it"]
        : ["no-slm", "small model before it"];
      if (!isRequired) return { flags: [flag] };
      const reason = `there is no ${missing}, and the policy requires both classes`;
      return { flags: [flag], removed: candidates.map(({ endpoint }) => ({ endpoint: endpoint.name, reason })) };
    },
  };
}
