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
  for (const { endpoint, signal } of decision.ladder) {
    const gate =
      signal === "unavailable"
        ? "no confidence signal: a valid answer is accepted ungated"
        : `judged by ${signal}, accepted from ${decision.acceptAt}`;
    lines.push(`  ${endpoint}: ${gate}`);
  }
  for (const { endpoint, rule, reason } of decision.refused) lines.push(`  not ${endpoint}: ${rule}: ${reason}`);
  if (decision.flags.length > 0) lines.push(`  flags: ${decision.flags.join(", ")}`);
  return lines.join("\n");
}
