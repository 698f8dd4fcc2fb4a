import { textTable } from "../common/table.ts";
import type { ConfidenceKind } from "../confidence/confidence.ts";
import type { Interval } from "../tiers/demands.ts";
import { formatLabel } from "../tiers/label.ts";
import type { Decision, Obligation } from "./decision.ts";
import type { Estimate } from "./estimate.ts";

/** `intents (slm) then gpt (llm)`, or where the step goes when nothing is eligible. */
export function ladderText(decision: Decision): string {
  if (decision.class === "human") return "a person (onHuman)";
  if (decision.ladder.length === 0) return "REFUSED";
  return decision.ladder.map((rung) => `${rung.endpoint} (${rung.class})`).join(" then ");
}

/** `text`: sentences for people. `table`: one line for every candidate. `json`: the whole decision, indented. */
export type ExplainFormat = "text" | "table" | "json";

/**
 * Why a step goes where it goes: what was chosen, what judges the answers, what must be done beside the calls, and every
 * refused candidate with the rule that refused it.
 * @param format default "text"
 */
export function explain(decision: Decision, format: ExplainFormat = "text"): string {
  switch (format) {
    case "text":
      return inWords(decision);
    case "table":
      return asTable(decision);
    case "json":
      return JSON.stringify(decision, null, 2);
  }
}

function inWords(decision: Decision): string {
  const lines = [`${titleOf(decision)}: ${ladderText(decision)}`];
  lines.push(`  policy ${decision.policy.name}@${decision.policy.version}: ${decision.reason}`);
  for (const { endpoint, signal, standIn } of decision.ladder)
    lines.push(`  ${endpoint}: ${standIn === true ? "a stand-in; " : ""}${gateText(signal, decision.acceptAt)}`);
  if (decision.escalation !== "allowed") lines.push(`  after a weak answer: ${escalationText(decision)}`);
  for (const obligation of decision.obligations) lines.push(...obligationText(obligation));
  for (const { experiment, arm } of decision.assignments) lines.push(`  experiment ${experiment}: arm ${arm}`);
  for (const { endpoint, rule, reason } of decision.refused) lines.push(`  not ${endpoint}: ${rule}: ${reason}`);
  if (decision.flags.length > 0) lines.push(`  flags: ${decision.flags.join(", ")}`);
  if (decision.estimate !== "unknown") lines.push(`  estimate: ${estimateText(decision.estimate)}`);
  return lines.join("\n");
}

function titleOf({ step, role, label }: Decision): string {
  return `step "${step}"${role === undefined ? "" : ` (${role} turn)`} on ${formatLabel(label)}`;
}

function asTable(decision: Decision): string {
  const chosen = decision.ladder.map(({ endpoint, class: endpointClass, location, signal, standIn }, index) => [
    endpoint,
    `asked ${index + 1}.`,
    "-",
    `${endpointClass}, ${location}${standIn === true ? ", stand-in" : ""}; ${gateText(signal, decision.acceptAt)}`,
  ]);
  const refused = decision.refused.map(({ endpoint, rule, reason }) => [endpoint, "refused", rule, reason]);
  const rows = [...chosen, ...refused];
  return `${titleOf(decision)}: ${decision.class}\n${textTable(["endpoint", "fate", "rule", "why"], rows)}`;
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

function escalationText({ escalation }: Decision): string {
  return escalation === "human" ? "a person" : "nobody else is asked";
}

/** `judge` is told with its endpoint already. */
function obligationText(obligation: Obligation): string[] {
  switch (obligation.type) {
    case "judge":
      return [];
    case "redact-first":
      return [`  ${obligation.endpoint}: every text passes the anonymiser ${obligation.by} first`];
    case "sample-for-review":
      return [`  review: ${obligation.reason}`];
    case "escalate-later":
      return [`  later: ${obligation.endpoints.join(", ")}: ${obligation.reason}`];
  }
}

/** `$0.00002 to $0.0013 a run (expected $0.0004), 120 to 1,900 ms`. */
export function estimateText({ costUsd, expectedCostUsd, monthlyUsd, latencyMs }: Estimate): string {
  const cost = costUsd === "unknown" ? "cost unknown (no price)" : `${between(costUsd, usd)} a run`;
  const expected = expectedCostUsd === "unknown" ? "" : ` (expected ${usd(expectedCostUsd)})`;
  const monthly = monthlyUsd === "unknown" ? "" : `, ${between(monthlyUsd, usd)} a month`;
  const latency = latencyMs === "unknown" ? "latency unknown" : `${between(latencyMs, milliseconds)} ms`;
  return `${cost}${expected}${monthly}, ${latency}`;
}

/** `$0.00002 to $0.0013`, for a table. */
export function costText(estimate: Estimate | "unknown"): string {
  if (estimate === "unknown" || estimate.costUsd === "unknown") return "unknown";
  return between(estimate.costUsd, usd);
}

function between({ low, high }: Interval, write: (value: number) => string): string {
  return low === high ? write(low) : `${write(low)} to ${write(high)}`;
}

/** Two significant digits below ten dollars: an estimate knows no more. */
function usd(value: number): string {
  if (value >= 10) return `$${Math.round(value)}`;
  if (value === 0) return "$0";
  const decimals = Math.max(2, 1 - Math.floor(Math.log10(value)));
  return `$${value.toFixed(Math.min(decimals, 12))}`;
}

function milliseconds(value: number): string {
  return String(Math.round(value));
}
