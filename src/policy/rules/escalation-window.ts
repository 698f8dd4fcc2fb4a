import { p95Of } from "../../catalog/candidate.ts";
import type { Rule, RuleOutcome } from "../rule.ts";
import { escalateLater, isLarge } from "./latency.ts";
import { removeWhere } from "./removal.ts";

/**
 * Under a latency bound a second model can only be asked if the first one's draft leaves it time: removes what does not fit
 * behind the head of the ladder and names its large models as ones to ask later. With the real time left, every attempt is
 * decided afresh. Source: decision-framework.md 4.2, rule 2, and 4.6, scenario 6.
 */
export const escalationWindowRule: Rule = {
  name: "escalation-window",
  version: "1",
  apply(candidates, facts): RuleOutcome {
    const { latencyLeftMs } = facts;
    const [first] = candidates;
    if (latencyLeftMs === undefined || first === undefined) return {};
    const spentMs = p95Of(first) ?? 0;
    const removed = removeWhere(candidates, (candidate) => {
      const p95Ms = p95Of(candidate) ?? 0;
      if (candidate === first || spentMs + p95Ms <= latencyLeftMs) return undefined;
      return `needs ${p95Ms} ms (p95) after the ${spentMs} ms of ${first.endpoint.name}; the step has ${Math.floor(latencyLeftMs)} ms`;
    });
    const late = new Set(removed.map(({ endpoint }) => endpoint));
    const large = candidates.filter(isLarge).map(({ endpoint }) => endpoint.name);
    return { removed, ...escalateLater(large, (name) => late.has(name), facts) };
  },
};
