import { uncovered, type Clearance } from "./clearance.ts";
import { levelOf, type Compartment, type Label, type Privacy } from "./label.ts";

/** A declared lowering of a label (rule R8): what is taken out, how far down, and why. */
export interface Declassification {
  readonly removes: readonly Compartment[];
  readonly to: Privacy;
  /** Ends in the audit log. */
  readonly reason: string;
}

/** Label after a legal declassification. Integrity is not touched: lowering secrecy endorses nothing. */
export function declassify(from: Label, { removes, to }: Declassification): Label {
  const compartments = from.compartments.filter((compartment) => !removes.includes(compartment));
  return Object.freeze({ level: to, compartments: Object.freeze(compartments), integrity: from.integrity });
}

/** Everything that makes a declassification illegal whatever the data looks like; empty when it is legal. */
export function declassifyMistakes(from: Label, { removes, to, reason }: Declassification): string[] {
  const drop = levelOf(from.level) - levelOf(to);
  const mistakes: string[] = [];
  if (removes.includes("secret")) mistakes.push('"secret" can never be removed; do not read it here');
  if (drop < 0)
    mistakes.push(`"to" is ${to}, above the data (${from.level}); a redaction only lowers, drop it or correct "to"`);
  if (drop > 1) mistakes.push(`from ${from.level} to ${to} is ${drop} levels; at most one without a human's approval`);
  if (reason.trim() === "") mistakes.push('"reason" is empty; it is what the audit log shows');
  return mistakes;
}

/**
 * The redaction that would bring a label within a clearance, as an author would write it. `undefined` where there is none, or
 * none that is legal: one that would be refused is no advice.
 */
export function redactionFor(label: Label, clearance: Clearance): string | undefined {
  const drop = levelOf(label.level) - levelOf(clearance.level);
  const removes = uncovered(label, clearance);
  if ((drop <= 0 && removes.length === 0) || drop > 1 || removes.includes("secret")) return undefined;
  const to = drop > 0 ? clearance.level : label.level;
  return `g.redact(... removes [${removes.map((compartment) => `"${compartment}"`).join(", ")}], to "${to}")`;
}
