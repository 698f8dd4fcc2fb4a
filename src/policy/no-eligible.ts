import { NoEligibleEndpointError } from "../errors.ts";
import { clearanceSource } from "../tiers/clearance.ts";
import { formatLabel } from "../tiers/label.ts";
import type { Decision, Refusal } from "./decision.ts";

/** The error for a decision without a rung: every candidate with the rule that refused it, and what would help. */
export function noEligibleEndpoint(decision: Decision): NoEligibleEndpointError {
  return new NoEligibleEndpointError(noEligibleCode(decision), noEligibleMessage(decision), {
    details: { step: decision.step, refused: decision.refused.map(({ endpoint, rule }) => `${endpoint}: ${rule}`) },
  });
}

/** `HUMAN_REQUIRED` where only a small model is left and the tier does not trust it. */
export function noEligibleCode({ refused }: Decision): "HUMAN_REQUIRED" | "NO_ELIGIBLE_ENDPOINT" {
  return refused.some(({ rule }) => rule === "tier-ladder") ? "HUMAN_REQUIRED" : "NO_ELIGIBLE_ENDPOINT";
}

export function noEligibleMessage(decision: Decision): string {
  const [only, ...others] = decision.refused;
  if (only !== undefined && others.length === 0 && only.rule === "clearance") return firstClearance(decision, only);
  const data = formatLabel(decision.label);
  const lines = decision.refused.map(({ endpoint, rule, reason }) => `\n  ${endpoint}: ${rule}: ${reason}`);
  return `step "${decision.step}": no eligible endpoint for ${data}; ${decision.refused.length} refused${lines.join("")}\n${remedy(decision)}`;
}

/** What a newcomer meets first, so it says what to write. */
function firstClearance({ step, label }: Decision, { endpoint, reason }: Refusal): string {
  const declares = reason.startsWith("declares no clearance")
    ? "declares no clearance (public)"
    : (reason.split(";")[0] ?? reason);
  return (
    `step "${step}" -> "${endpoint}": the data is ${formatLabel(label)}; "${endpoint}" ${declares}. ` +
    `If it may see this data: endpoint("${endpoint}", { clearance: ${clearanceSource(label)} }); otherwise add an endpoint that may.`
  );
}

function remedy({ refused, label }: Decision): string {
  if (refused.every(({ rule }) => rule === "clearance"))
    return `Fix: add an endpoint with clearance ${clearanceSource(label)}, or g.redact what the step reads.`;
  if (refused.some(({ rule }) => rule === "tier-ladder"))
    return "Fix: add a large model that may see the data, or wire a person with createRuntime({ onHuman }).";
  if (refused.some(({ rule }) => rule === "money")) return "Fix: declare prices, or drop the money budget.";
  return "Fix: add an endpoint that can do the work and may see the data, or loosen the rule above that was meant otherwise.";
}
