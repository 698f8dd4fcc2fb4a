import type { Candidate } from "../catalog/candidate.ts";
import { NoEligibleEndpointError } from "../errors.ts";
import { clearanceSource } from "../tiers/clearance.ts";
import { formatLabel, joinAll } from "../tiers/label.ts";
import type { Decision, Refusal } from "./decision.ts";

/** The error for a decision without a rung: every candidate with the rule that refused it, and what would help. */
export function noEligibleEndpoint(decision: Decision): NoEligibleEndpointError {
  return new NoEligibleEndpointError(noEligibleCode(decision), noEligibleMessage(decision), {
    details: { step: decision.step, refused: decision.refused.map(({ endpoint, rule }) => `${endpoint}: ${rule}`) },
  });
}

/**
 * `HUMAN_REQUIRED` where only a small model is left and the tier does not trust it, or where the author sends weak answers
 * to a person and one was given: by one of several endpoints, or by the only one there is.
 */
export function noEligibleCode({ refused, escalation }: Decision): "HUMAN_REQUIRED" | "NO_ELIGIBLE_ENDPOINT" {
  const isForPerson = refused.some(
    ({ rule }) => rule === "tier-ladder" || (escalation === "human" && (rule === "escalation" || rule === "excluded")),
  );
  return isForPerson ? "HUMAN_REQUIRED" : "NO_ELIGIBLE_ENDPOINT";
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
    return "Fix: add a large model that may see the data, or wire a person who may with createRuntime({ onHuman }).";
  if (refused.some(({ rule }) => rule === "money")) return "Fix: declare prices, or drop the money budget.";
  if (refused.some(({ rule }) => rule === "tokens"))
    return "Fix: add an endpoint whose output limit can be set, or drop the token budget.";
  return "Fix: add an endpoint that can do the work and may see the data, or loosen the rule above that was meant otherwise.";
}

/**
 * One sentence for a catalog in which nobody declared a clearance, so that every step with data is refused for the same
 * reason; `undefined` when there is another one.
 */
export function noClearanceAnywhere(
  decisions: readonly Decision[],
  candidates: readonly Candidate[],
): string | undefined {
  const isOnlyReason = decisions.every(({ refused }) => refused.every(({ rule }) => rule === "clearance"));
  if (!isOnlyReason || candidates.some(({ endpoint }) => endpoint.clearanceDeclared)) return undefined;
  const label = joinAll(decisions.map((decision) => decision.label));
  const steps = [...new Set(decisions.map(({ step }) => `"${step}"`))];
  return (
    `no endpoint of the catalog declares a clearance, so all may see public data only; ${steps.length} steps carry up to ` +
    `${formatLabel(label)} (${steps.slice(0, 5).join(", ")}${steps.length > 5 ? ", …" : ""}). ` +
    `Write endpoint("${candidates[0]?.endpoint.name ?? "name"}", { clearance: ${clearanceSource(label)} }) for those that may see it.`
  );
}
