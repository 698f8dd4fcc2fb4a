import { FlowViolationError } from "../errors.ts";
import { excess, flowsTo, formatClearance, type Clearance } from "../tiers/clearance.ts";
import { redactionFor } from "../tiers/declassify.ts";
import { formatLabel, type Label } from "../tiers/label.ts";

export interface Flow {
  readonly step: string;
  readonly label: Label;
  /** For the message, for example `tool "search"`. */
  readonly sink: string;
  readonly clearance: Clearance;
}

/**
 * The last check before a byte leaves. Graph and plan have proved it already; this one does not trust them.
 * @throws {FlowViolationError}
 */
export function assertFlow({ step, label, sink, clearance }: Flow): void {
  if (flowsTo(label, clearance)) return;
  const redaction = redactionFor(label, clearance);
  const fix = `${redaction === undefined ? "" : `${redaction} what is handed over, or `}clear ${sink} if it may see the data`;
  throw new FlowViolationError(
    "PRIVACY_FLOW_DENIED",
    `PRIVACY_FLOW_DENIED [dispatch] step "${step}" -> ${sink}: payload ${formatLabel(label)} exceeds clearance ${formatClearance(clearance)}: ${excess(label, clearance)}. Nothing was sent. Fix: ${fix}.`,
    { details: { step } },
  );
}
