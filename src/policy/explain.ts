import type { ConfidenceKind } from "../confidence/confidence.ts";
import { formatLabel } from "../tiers/label.ts";
import type { Decision } from "./decision.ts";

/** `intents (slm) then gpt (llm)`, or where the step goes when nothing is eligible. */
export function ladderText(decision: Decision): string {
  if (decision.class === "human") return "a person (onHuman)";
  if (decision.ladder.length === 0) return "REFUSED";
  return decision.ladder.map((rung) => `${rung.endpoint} (${rung.class})`).join(" then ");
}

/** A decision in words: what was chosen and why, what judges the answers, and every refused candidate with its rule. */
export function explain(decision: Decision): string {
  const role = decision.role === undefined ? "" : ` (${decision.role} turn)`;
  const lines = [`step "${decision.step}"${role} on ${formatLabel(decision.label)}: ${ladderText(decision)}`];
  lines.push(`  policy ${decision.policy.name}@${decision.policy.version}: ${decision.reason}`);
  for (const { endpoint, signal } of decision.ladder)
    lines.push(`  ${endpoint}: ${gateText(signal, decision.acceptAt)}`);
  for (const { endpoint, rule, reason } of decision.refused) lines.push(`  not ${endpoint}: ${rule}: ${reason}`);
  if (decision.flags.length > 0) lines.push(`  flags: ${decision.flags.join(", ")}`);
  return lines.join("\n");
}

function gateText(signal: ConfidenceKind, acceptAt: number): string {
  switch (signal) {
    case "unavailable":
      return "no confidence signal: a valid answer is accepted ungated";
    case "validator":
      return "accepted when the answer fits its schema and check";
    case "probability":
    case "label-margin":
      return `judged by ${signal}, accepted from ${acceptAt}`;
  }
}
