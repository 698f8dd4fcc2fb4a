/** What a rule may say, checked and copied: rules are other people's code, and may change their mind after they answered. */
import type { Candidate } from "../catalog/candidate.ts";
import type { Assignment, RuleObligation } from "./decision.ts";
import type { Rule, RuleOutcome } from "./rule.ts";

/** An outcome with every list filled in, held by nobody else. */
export type ReadOutcome = Required<RuleOutcome>;

/** What lies outside the bounds that a rule declares; it is removed before the rule is asked. */
export function outsideOf({ only }: Rule, candidates: readonly Candidate[]): NonNullable<RuleOutcome["removed"]> {
  if (only === undefined) return none;
  const { classes, locations } = only;
  return candidates.flatMap(({ endpoint }) => {
    if (classes !== undefined && !classes.includes(endpoint.class))
      return [{ endpoint: endpoint.name, reason: `is a ${endpoint.class}; only ${classes.join(", ")} may be asked` }];
    if (locations !== undefined && !locations.includes(endpoint.location))
      return [
        { endpoint: endpoint.name, reason: `is ${endpoint.location}; only ${locations.join(", ")} may be asked` },
      ];
    return [];
  });
}

type Members<TKey extends string> = Partial<Record<TKey, unknown>>;

const members = new Set<string>([
  "removed",
  "order",
  "flags",
  "obligations",
  "assignments",
] satisfies (keyof RuleOutcome)[]);
const none: readonly never[] = Object.freeze([]);

/**
 * Looks at every member once. A promise, a list or a misspelt member is no outcome: what the rule meant to remove would
 * otherwise stay.
 * @returns `undefined` where it is no outcome
 */
export function readOutcome(found: unknown): ReadOutcome | undefined {
  if (!isBag(found)) return undefined;
  for (const key in found) if (!members.has(key)) return undefined;
  const outcome: Members<keyof RuleOutcome> = found;
  const removed = readList(outcome.removed, readRemoval);
  const order = readList(outcome.order, readText);
  const flags = readList(outcome.flags, readText);
  const obligations = readList(outcome.obligations, readObligation);
  const assignments = readList(outcome.assignments, readAssignment);
  return removed && order && flags && obligations && assignments && { removed, order, flags, obligations, assignments };
}

/** Neither a promise nor a list nor a map; of another realm, too. */
function isBag(found: unknown): found is object {
  if (typeof found !== "object" || found === null) return false;
  return (
    Object.getPrototypeOf(found) === Object.prototype || Object.prototype.toString.call(found) === "[object Object]"
  );
}

/** Left out is an empty list. */
function readList<T>(found: unknown, readItem: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (found === undefined) return none;
  if (!Array.isArray(found)) return undefined;
  const items: T[] = [];
  for (const item of found as readonly unknown[]) {
    const read = readItem(item);
    if (read === undefined) return undefined;
    items.push(read);
  }
  return items;
}

function readText(item: unknown): string | undefined {
  return typeof item === "string" ? item : undefined;
}

function readRemoval(item: unknown): ReadOutcome["removed"][number] | undefined {
  const { endpoint, reason } = (item ?? {}) as Members<"endpoint" | "reason">;
  return typeof endpoint === "string" && typeof reason === "string" ? { endpoint, reason } : undefined;
}

/** An obligation that the runtime does not know could not be carried out, so it makes the rule a broken one. */
function readObligation(item: unknown): RuleObligation | undefined {
  const { type, reason, ...rest } = (item ?? {}) as Members<"type" | "reason" | "ratio" | "endpoints">;
  if (typeof reason !== "string") return undefined;
  switch (type as RuleObligation["type"] | undefined) {
    case "sample-for-review":
      return isRatio(rest.ratio) ? Object.freeze({ type: "sample-for-review", ratio: rest.ratio, reason }) : undefined;
    case "escalate-later": {
      const endpoints = rest.endpoints === undefined ? undefined : readList(rest.endpoints, readText);
      return endpoints && Object.freeze({ type: "escalate-later", endpoints: Object.freeze(endpoints), reason });
    }
    default:
      return undefined;
  }
}

function readAssignment(item: unknown): Assignment | undefined {
  const { experiment, arm, bucket } = (item ?? {}) as Members<"experiment" | "arm" | "bucket">;
  if (typeof experiment !== "string" || typeof arm !== "string" || !isRatio(bucket)) return undefined;
  return Object.freeze({ experiment, arm, bucket });
}

function isRatio(found: unknown): found is number {
  return typeof found === "number" && found >= 0 && found <= 1;
}
