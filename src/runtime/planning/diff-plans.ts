import { textTable } from "../../common/table.ts";
import type { Decision } from "../../policy/decision.ts";
import { ladderText } from "../../policy/explain.ts";
import { formatLabel } from "../../tiers/label.ts";
import type { Plan, PlannedStep } from "./plan.ts";

/** What changed for one step, or one role of an agent's turns. */
export interface PlanChange {
  readonly step: string;
  readonly role: Decision["role"];
  /** Data of the step; an agent has a line for each label that its turns can reach. */
  readonly data: string;
  /** Which parts of the decision differ; `added` and `removed` stand alone. */
  readonly what: readonly (
    | "added"
    | "removed"
    | "class"
    | "ladder"
    | "refused"
    | "label"
    | "escalation"
    | "acceptAt"
    | "obligations"
    | "estimate"
  )[];
  /** Ladder and class before, `undefined` for an added step. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** The differences of two plans as data; `toTable` prints them. */
export interface PlanDiff {
  readonly changes: readonly PlanChange[];
  toTable(): string;
}

/**
 * What a change of graph, catalog, policy or options does to where steps go: compare before it is rolled out.
 * @example
 * ```ts
 * console.log(diffPlans(current.plan(support), candidate.plan(support)).toTable());
 * ```
 */
export function diffPlans(before: Plan, after: Plan): PlanDiff {
  const old = byKey(before.steps);
  const young = byKey(after.steps);
  const keys = [...new Set([...old.keys(), ...young.keys()])];
  const changes = keys.flatMap((key) => changeOf(old.get(key), young.get(key)));
  return Object.freeze({ changes, toTable: () => table(changes) });
}

/** A step that comes more than once, as an agent's does, is told apart by its role and by which of its lines it is. */
function byKey(steps: readonly PlannedStep[]): Map<string, PlannedStep> {
  const map = new Map<string, PlannedStep>();
  for (const planned of steps) {
    let line = 0;
    const key = (): string => JSON.stringify([planned.step, planned.decision.role ?? "", line]);
    while (map.has(key())) line += 1;
    map.set(key(), planned);
  }
  return map;
}

const compared = {
  class: (decision: Decision) => decision.class,
  ladder: (decision: Decision) => decision.ladder,
  refused: (decision: Decision) => decision.refused,
  label: (decision: Decision) => decision.label,
  escalation: (decision: Decision) => decision.escalation,
  acceptAt: (decision: Decision) => decision.acceptAt,
  obligations: (decision: Decision) => decision.obligations,
  estimate: (decision: Decision) => decision.estimate,
} as const;

function changeOf(before: PlannedStep | undefined, after: PlannedStep | undefined): PlanChange[] {
  const either = after ?? before;
  if (either === undefined) return [];
  const { step, decision } = either;
  const parts = Object.keys(compared) as (keyof typeof compared)[];
  const what: PlanChange["what"] =
    before === undefined
      ? ["added"]
      : after === undefined
        ? ["removed"]
        : parts.filter((part) => differs(compared[part](before.decision), compared[part](after.decision)));
  if (what.length === 0) return [];
  const text = (planned: PlannedStep | undefined): string | undefined =>
    planned && `${planned.decision.class}: ${ladderText(planned.decision)}`;
  return [
    { step, role: decision.role, data: formatLabel(decision.label), what, before: text(before), after: text(after) },
  ];
}

/** Decisions are built with their members in one order, so equal data is equal text. */
function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

function table(changes: readonly PlanChange[]): string {
  if (changes.length === 0) return "no differences";
  const rows = changes.map(({ step, role, data, what, before = "-", after = "-" }) => [
    role === undefined ? step : `${step} (${role})`,
    data,
    what.join(", "),
    before,
    after,
  ]);
  return textTable(["step", "data", "what", "before", "after"], rows);
}
