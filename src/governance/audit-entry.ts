/**
 * What has to be kept about a run for people who were not there. Observes events, after the fact; may import `events`,
 * `policy`, `tiers` and `common`.
 * @module
 */
import type { RunEvent } from "../events/event.ts";
import { formatLabel } from "../tiers/label.ts";

/** One line of an audit log: plain data without prompts, outputs or arguments. */
export interface AuditEntry {
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly step: string | undefined;
  readonly action:
    "placed" | "refused" | "declassified" | "endorsed" | "human-asked" | "approved" | "denied" | "effect" | "run-end";
  /** The fact in one sentence. */
  readonly what: string;
  /** Why the author or the policy allowed it. */
  readonly reason: string | undefined;
}

/**
 * The audit entry of an event, or `undefined` for events that need none: where data went and why, every lowering of a
 * label, every endorsement, every question to a person, every call of a tool with an effect, and how the run ended.
 *
 * @example
 * ```ts
 * run.on("*", (event) => {
 *   const entry = auditEntry(event);
 *   if (entry) auditLog.append(entry);
 * });
 * ```
 */
export function auditEntry(event: RunEvent): AuditEntry | undefined {
  const fact = factOf(event);
  if (fact === undefined) return undefined;
  const step = "step" in event ? event.step : undefined;
  return Object.freeze({ runId: event.runId, at: new Date(event.atMs).toISOString(), step, ...fact });
}

type Fact = Pick<AuditEntry, "action" | "what" | "reason">;

function factOf(event: RunEvent): Fact | undefined {
  switch (event.type) {
    case "policy-decision":
      return placed(event.decision);
    case "declassified":
      return {
        action: "declassified",
        what: `${formatLabel(event.from)} became ${formatLabel(event.to)}`,
        reason: event.reason,
      };
    case "endorsed":
      return { action: "endorsed", what: `untrusted ${event.what} accepted as trusted`, reason: event.reason };
    case "human-asked":
      return { action: "human-asked", what: `a person was asked, data ${formatLabel(event.label)}`, reason: undefined };
    case "human-answered":
      return {
        action: event.approved ? "approved" : "denied",
        what: `a person ${event.approved ? "approved" : "denied"} a call of tool ${event.tool}`,
        reason: undefined,
      };
    case "tool-start":
      if (event.effect === "read") return undefined;
      return {
        action: "effect",
        what: `tool ${event.tool} (${event.effect}) called, data ${formatLabel(event.label)}`,
        reason: undefined,
      };
    case "run-end":
      return {
        action: "run-end",
        what: `${event.outcome}, ${event.costComplete ? "" : "at least "}${event.costUsd} USD`,
        reason: undefined,
      };
    default:
      return undefined;
  }
}

function placed(decision: Extract<RunEvent, { type: "policy-decision" }>["decision"]): Fact {
  const { ladder, label, policy, reason, id } = decision;
  const where = ladder.map((rung) => `${rung.endpoint} (${rung.location})`).join(", then ");
  const action = ladder.length === 0 ? "refused" : "placed";
  return {
    action,
    what: `data ${formatLabel(label)} ${ladder.length === 0 ? "goes nowhere" : `may go to ${where}`}`,
    reason: `${policy.name}@${policy.version} ${id}: ${reason}`,
  };
}
