import { formatLabel, levelOf, privacyLevels, type Compartment, type Label, type Privacy } from "./label.ts";

/** What an author writes: the highest data a sink may receive. A bare level has no compartments. */
export type ClearanceSpec = Privacy | { readonly level: Privacy; readonly compartments?: readonly Compartment[] };

/** The highest label a sink may receive. Integrity plays no part: anybody may receive untrusted data. */
export interface Clearance {
  readonly level: Privacy;
  readonly compartments: readonly Compartment[];
}

/** What a sink may receive whose author declared nothing. */
export const publicClearance: Clearance = Object.freeze({ level: "public", compartments: Object.freeze([]) });

export function makeClearance(spec: ClearanceSpec): Clearance {
  if (typeof spec === "string") return Object.freeze({ level: spec, compartments: Object.freeze([]) });
  return Object.freeze({
    level: spec.level,
    compartments: Object.freeze([...new Set(spec.compartments ?? [])].sort()),
  });
}

/** The only question privacy asks where data leaves: is the label within the clearance? */
export function flowsTo(label: Label, clearance: Clearance): boolean {
  if (levelOf(label.level) > levelOf(clearance.level)) return false;
  for (const compartment of label.compartments) if (!covers(clearance, compartment)) return false;
  return true;
}

/** A clearance `tenant:*` covers every tenant. */
function covers(clearance: Clearance, compartment: Compartment): boolean {
  if (clearance.compartments.includes(compartment)) return true;
  return compartment.startsWith("tenant:") && clearance.compartments.includes("tenant:*");
}

/** Compartments of a label that a clearance does not cover. */
export function uncovered(label: Label, clearance: Clearance): readonly Compartment[] {
  return label.compartments.filter((compartment) => !covers(clearance, compartment));
}

/** By how much a label is above a clearance: `level +1, pii`. Empty when it flows. */
export function excess(label: Label, clearance: Clearance): string {
  const levels = levelOf(label.level) - levelOf(clearance.level);
  return [...(levels > 0 ? [`level +${levels}`] : []), ...uncovered(label, clearance)].join(", ");
}

/** The clearance that would admit the label, as an author would write it: `{ level: "customer", compartments: ["pii"] }`. */
export function clearanceSource(label: Label): string {
  if (label.compartments.length === 0) return `"${label.level}"`;
  return `{ level: "${label.level}", compartments: [${label.compartments.map((c) => `"${c}"`).join(", ")}] }`;
}

/** The least clearance that covers both a clearance and a label. */
export function clearanceFor(label: Label): Clearance {
  return makeClearance(label);
}

/** Whether who has `inner` may receive nothing that who has `outer` may not. */
export function clearanceWithin(inner: Clearance, outer: Clearance): boolean {
  return levelOf(inner.level) <= levelOf(outer.level) && inner.compartments.every((held) => covers(outer, held));
}

export function formatClearance(clearance: Clearance): string {
  return formatLabel(clearance);
}

/** One level down, or `undefined` at the bottom. */
export function levelBelow(level: Privacy): Privacy | undefined {
  return privacyLevels[levelOf(level) - 1];
}
