/** What the demo found, as one plain object: the text and `--json` both come from it. */
import {
  coverage,
  expectedCalibrationError,
  flowsTo,
  formatClearance,
  formatLabel,
  percentile,
  selectiveAccuracy,
  type Catalog,
  type Clearance,
  type Plan,
} from "tierwise";
import type { DeskRun, TicketRun } from "./desk-run.ts";
import { issuedRefunds } from "./shop.ts";
import { supportDesk } from "./support-graph.ts";

export interface DeskReport {
  readonly graph: string;
  readonly standIns: readonly string[];
  readonly plan: readonly {
    readonly step: string;
    readonly role: string;
    readonly data: string;
    readonly ladder: readonly string[];
    readonly refused: readonly string[];
  }[];
  readonly triage: {
    readonly trainingTickets: number;
    readonly heldOutTickets: number;
    readonly acceptAt: number;
    /** Of the embedded classifier alone, on every held-out ticket. */
    readonly accuracyOnAll: number;
    readonly accuracyOnAccepted: number | undefined;
    readonly escalatedShare: number;
    readonly calibrationError: number;
    /** Tickets for which no endpoint was sure: an honest answer of its own. */
    readonly uncertain: number;
  };
  readonly replies: { readonly escalated: number; readonly failedCheck: number };
  readonly actions: Readonly<Record<string, number>>;
  readonly refundsIssued: number;
  readonly cost: {
    readonly usd: number;
    readonly allLargeUsd: number;
    readonly simulated: boolean;
    readonly complete: boolean;
  };
  readonly received: readonly {
    readonly sink: string;
    readonly location: string;
    readonly highestLabel: string;
    readonly clearance: string;
    readonly within: boolean;
    readonly requests: number;
    readonly bytes: number;
  }[];
  /** Differs from run to run; everything else repeats for a seed. */
  readonly timing: {
    readonly trainingMs: number;
    readonly totalMs: number;
    readonly steps: Readonly<Record<string, { readonly p50Ms: number; readonly p95Ms: number }>>;
    readonly shownTraceId: string;
  };
}

export interface Measured {
  readonly desk: DeskRun;
  readonly plan: Plan;
  readonly catalog: Catalog;
  readonly standIns: readonly string[];
  readonly acceptAt: number;
  readonly trainingTickets: number;
  readonly trainingMs: number;
  readonly totalMs: number;
  /** What the classifier says to every ticket, asked directly. */
  readonly answers: readonly { readonly confidence: number; readonly correct: boolean }[];
}

export function makeReport(measured: Measured): DeskReport {
  const { desk, plan, catalog, standIns, acceptAt, answers } = measured;
  const { runs } = desk;
  return {
    graph: `${plan.graph}@${plan.version}`,
    standIns,
    plan: plan.steps.map(({ step, decision }) => ({
      step,
      role: decision.role ?? "-",
      data: formatLabel(decision.label),
      ladder: decision.ladder.map((rung) => `${rung.endpoint} (${rung.class})`),
      refused: decision.refused.map(({ endpoint, rule, reason }) => `${endpoint}: ${rule}: ${reason}`),
    })),
    triage: {
      trainingTickets: measured.trainingTickets,
      heldOutTickets: runs.length,
      acceptAt,
      accuracyOnAll: share(answers, ({ correct }) => correct),
      accuracyOnAccepted: selectiveAccuracy(answers, acceptAt),
      escalatedShare: 1 - coverage(answers, acceptAt),
      calibrationError: expectedCalibrationError(answers),
      uncertain: runs.filter(({ triage }) => triage === "uncertain").length,
    },
    replies: {
      escalated: runs.filter(({ steps }) => (steps["reply"]?.escalations ?? 0) > 0).length,
      failedCheck: runs.filter(({ replyIsClean }) => !replyIsClean).length,
    },
    actions: countBy(runs, ({ action }) => action),
    refundsIssued: issuedRefunds().length,
    cost: {
      usd: sum(runs, (run) => run.costUsd),
      allLargeUsd: sum(runs, (run) => run.baselineUsd),
      simulated: standIns.length > 0,
      complete: runs.every(({ costComplete }) => costComplete),
    },
    received: desk.received.map(({ sink, location, label, requests, bytes }) => {
      const clearance = clearanceOf(sink, catalog);
      const within = flowsTo(label, clearance);
      return {
        sink,
        location,
        highestLabel: formatLabel(label),
        clearance: formatClearance(clearance),
        within,
        requests,
        bytes,
      };
    }),
    timing: timingOf(measured),
  };
}

function timingOf({ desk: { runs }, trainingMs, totalMs }: Measured): DeskReport["timing"] {
  const names = supportDesk.definition.steps.map(({ name }) => name);
  const steps = names.flatMap((name) => {
    const times = runs.flatMap(({ stepMs }) => stepMs[name] ?? []);
    return times.length === 0
      ? []
      : [[name, { p50Ms: percentile(times, 0.5), p95Ms: percentile(times, 0.95) }] as const];
  });
  return { trainingMs, totalMs, steps: Object.fromEntries(steps), shownTraceId: shownRun(runs)?.traceId ?? "" };
}

/** The run that shows most: a tool loop whose label rises, a reply that was written again, a refund. */
export function shownRun(runs: readonly TicketRun[]): TicketRun | undefined {
  const interest = ({ action, steps }: TicketRun): number =>
    (steps["resolve"] === undefined ? 0 : 2) +
    ((steps["reply"]?.escalations ?? 0) > 0 ? 2 : 0) +
    (action === "refunded" ? 1 : 0);
  return runs.toSorted((a, b) => interest(b) - interest(a))[0];
}

function clearanceOf(sink: string, catalog: Catalog): Clearance {
  const [kind, name] = sink.split(" ");
  if (kind === "model") return catalog.endpoints.find((endpoint) => endpoint.name === name)!.clearance;
  const tools = supportDesk.definition.steps.flatMap((step) => (step.kind === "agent" ? step.tools : []));
  return tools.find((tool) => tool.name === name)!.accepts;
}

function share<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.filter(is).length / items.length;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return Number(items.reduce((total, item) => total + of(item), 0).toFixed(12));
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
}
