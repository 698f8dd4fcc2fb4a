/**
 * Privacy labels as a lattice: (level, compartments, integrity), ordered componentwise. Everything that privacy does in
 * Tierwise is `join` where data meets and `flowsTo` where data leaves.
 * @module
 */
import { show } from "../common/names.ts";

/** Confidentiality, lowest first. The position plus one is its score, 1 to 5. */
export const privacyLevels = ["public", "internal", "customer", "regulated", "classified"] as const;
export type Privacy = (typeof privacyLevels)[number];

/** A named kind of data inside a level. `tenant:*` stands for the tenant that `start` binds. */
export type Compartment = "pii" | "phi" | "pci" | "secret" | `tenant:${string}` | `region:${string}`;
export type Integrity = "trusted" | "untrusted";

/** What an author writes: a level, or a level with compartments and integrity. */
export interface LabelSpec {
  readonly level: Privacy;
  /** @default [] */
  readonly compartments?: readonly Compartment[];
  /** @default "untrusted" */
  readonly integrity?: Integrity;
}

/** A complete label: compartments sorted and without repeats. */
export interface Label {
  readonly level: Privacy;
  readonly compartments: readonly Compartment[];
  readonly integrity: Integrity;
}

const none: readonly Compartment[] = Object.freeze([]);

/** The bottom of the lattice: joining it changes nothing. */
export const publicTrusted: Label = Object.freeze({ level: "public", compartments: none, integrity: "trusted" });

export function isPrivacy(value: unknown): value is Privacy {
  return privacyLevels.some((level) => level === value);
}

export function levelOf(level: Privacy): number {
  return privacyLevels.indexOf(level);
}

export function makeLabel(spec: Privacy | LabelSpec, integrity: Integrity = "untrusted"): Label {
  const { level, compartments = none, integrity: own = integrity } = typeof spec === "string" ? { level: spec } : spec;
  return Object.freeze({ level, compartments: sorted(compartments), integrity: own });
}

function sorted(compartments: readonly Compartment[]): readonly Compartment[] {
  return compartments.length === 0 ? none : Object.freeze([...new Set(compartments)].sort());
}

/** Least upper bound: the higher level, both sets of compartments, untrusted if either is. */
export function join(a: Label, b: Label): Label {
  if (a === b || dominates(a, b)) return a;
  if (dominates(b, a)) return b;
  return Object.freeze({
    level: levelOf(a.level) >= levelOf(b.level) ? a.level : b.level,
    compartments: sorted([...a.compartments, ...b.compartments]),
    integrity: a.integrity === "untrusted" ? a.integrity : b.integrity,
  });
}

export function joinAll(labels: Iterable<Label>): Label {
  let result = publicTrusted;
  for (const label of labels) result = join(result, label);
  return result;
}

function dominates(high: Label, low: Label): boolean {
  return (
    levelOf(high.level) >= levelOf(low.level) &&
    (high.integrity === "untrusted" || low.integrity === "trusted") &&
    low.compartments.every((compartment) => high.compartments.includes(compartment))
  );
}

/** True when `label` is `other` or above it in all three parts. */
export function isAtLeast(label: Label, other: Label): boolean {
  return dominates(label, other);
}

export function withIntegrity(label: Label, integrity: Integrity): Label {
  return label.integrity === integrity ? label : Object.freeze({ ...label, integrity });
}

/** `customer{pii}`; with integrity `customer{pii} untrusted`. */
export function formatLabel(
  label: { level: Privacy; compartments: readonly Compartment[] },
  integrity?: Integrity,
): string {
  const text = `${label.level}{${label.compartments.join(", ")}}`;
  return integrity === undefined ? text : `${text} ${integrity}`;
}

const labelMembers = ["level", "compartments", "integrity"];
const compartmentPattern = /^(?:pii|phi|pci|secret|tenant:(?:\*|[A-Za-z0-9_.-]{1,64})|region:[A-Za-z0-9_.-]{1,64})$/;
const compartmentRule = '"pii", "phi", "pci", "secret", "tenant:<id>" or "region:<id>"';

/** The first thing wrong with a label or clearance that an author wrote, as a sentence; `undefined` when it is fine. */
export function labelMistake(spec: unknown): string | undefined {
  if (typeof spec === "string") return isPrivacy(spec) ? undefined : levelMistake(spec);
  if (typeof spec !== "object" || spec === null)
    return `expected a privacy level or { level, compartments }, found ${show(spec)}`;
  const { level, compartments = [], integrity = "untrusted" } = spec as Record<string, unknown>;
  if (!isPrivacy(level)) return levelMistake(level);
  if (!Array.isArray(compartments)) return `expected an array of compartments, found ${show(compartments)}`;
  const wrong = compartments.findIndex((item) => typeof item !== "string" || !compartmentPattern.test(item));
  if (wrong >= 0) return `expected compartments ${compartmentRule}, found ${show(compartments[wrong])}`;
  if (integrity !== "trusted" && integrity !== "untrusted")
    return `expected integrity "trusted" or "untrusted", found ${show(integrity)}`;
  // A misspelt "compartments" would otherwise be data without any.
  const unknown = Object.keys(spec).find((key) => !labelMembers.includes(key));
  return unknown === undefined ? undefined : `unknown member ${show(unknown)}; known are ${labelMembers.join(", ")}`;
}

function levelMistake(found: unknown): string {
  return `expected a privacy level (${privacyLevels.join(", ")}), found ${show(found)}`;
}
