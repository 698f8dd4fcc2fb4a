/** What the demo found, as one plain object: the text and `--json` both come from it. */
import { flowsTo, formatClearance, formatLabel, percentile, type Catalog, type Clearance, type Plan } from "tierwise";
import type { TicketRun } from "./desk-run.ts";
import { handlingReport, isEscalated, type HandlingReport } from "./handling-report.ts";
import { personClearance } from "./scripted-person.ts";
import { supportDesk } from "./support-graph.ts";
import { triageReport, type TriageMeasured, type TriageReport } from "./triage-report.ts";

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
  readonly triage: TriageReport;
  readonly handling: HandlingReport;
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
    /** `undefined` for a person. */
    readonly bytes: number | undefined;
  }[];
  /** Differs from run to run; everything else repeats for a seed. */
  readonly timing: {
    readonly trainingMs: number;
    readonly totalMs: number;
    readonly steps: Readonly<Record<string, { readonly p50Ms: number; readonly p95Ms: number }>>;
    readonly shownTraceId: string;
  };
}

export interface Measured extends TriageMeasured {
  readonly plan: Plan;
  readonly catalog: Catalog;
  /** What a person was asked, and said. */
  readonly questions: readonly string[];
  readonly standIns: readonly string[];
  readonly trainingMs: number;
  readonly totalMs: number;
}

export function makeReport(measured: Measured): DeskReport {
  const { desk, plan, catalog, standIns } = measured;
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
    triage: triageReport(measured),
    handling: handlingReport(desk, measured.questions),
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

/** The run that shows most: a tool loop whose label rises, a letter that was written again, a signed refund. */
export function shownRun(runs: readonly TicketRun[]): TicketRun | undefined {
  const interest = (run: TicketRun): number =>
    (run.steps["resolve"] === undefined ? 0 : 2) +
    (isEscalated(run) ? 4 : 0) +
    (run.signed === true ? 2 : 0) +
    (run.action === "refunded" ? 1 : 0);
  return runs.toSorted((a, b) => interest(b) - interest(a))[0];
}

function clearanceOf(sink: string, catalog: Catalog): Clearance {
  const [kind, name] = sink.split(" ");
  if (kind === "person") return personClearance;
  if (kind === "model") return catalog.endpoints.find((endpoint) => endpoint.name === name)!.clearance;
  const tools = supportDesk.definition.steps.flatMap((step) => (step.kind === "agent" ? step.tools : []));
  return tools.find((tool) => tool.name === name)!.accepts;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return Number(items.reduce((total, item) => total + of(item), 0).toFixed(12));
}
