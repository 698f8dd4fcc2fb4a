import type { Attributes } from "@opentelemetry/api";
import { BudgetExceededError, type TierwiseError } from "../errors.ts";
import { utf8Bytes } from "../common/utf8.ts";
import { costBucket } from "../telemetry/cost-bucket.ts";
import type { GraphDefinition, PlacedStep } from "../graph/definition.ts";
import * as names from "../telemetry/semconv.ts";
import type { Conclusion } from "./conclusion.ts";
import type { LedgerSnapshot } from "./budget/ledger.ts";
import { refValue, type Session } from "./session.ts";
import { errorTypeOf } from "./trace-step.ts";

const maxReportBytes = 8 * 1024;

/** Ends span and event stream of a run, last of all; gives back the output when there is one. */
export function concludeRun(session: Session, conclusion: Conclusion): unknown {
  const error: TierwiseError | undefined = conclusion.outcome === "completed" ? undefined : conclusion.error;
  const ledger = session.ledger.snapshot(session.budget);
  session.runTrace.end(() => runAttributes(session, conclusion, ledger), {
    errorType: error === undefined ? undefined : errorTypeOf(error),
    ...(error && { message: error.code }),
  });
  const durationMs = session.services.clock.nowMs() - session.startedMs;
  session.metrics.run(() => ({
    ...{ outcome: conclusion.outcome, durationMs, costUsd: ledger.costUsd },
    errorType: error === undefined ? undefined : errorTypeOf(error),
    exceeded: error instanceof BudgetExceededError ? boundOf(error) : undefined,
  }));
  session.events.emit({
    type: "run-end",
    outcome: conclusion.outcome,
    durationMs,
    costUsd: ledger.costUsd,
    costComplete: ledger.complete,
    baselineUsd: ledger.baselineUsd,
    privacy: session.graph.inputLabel.level,
  });
  return error === undefined ? outputOf(session) : undefined;
}

function boundOf({ details }: BudgetExceededError): { readonly scope: string; readonly dimension: string } {
  return { scope: String(details["scope"]), dimension: String(details["dimension"]) };
}

/** What a graph gives back, once all its steps are settled. */
export function outputOf(session: Session): unknown {
  const { output } = session.graph;
  if (output.kind === "one") return refValue(session, output.ref);
  return Object.fromEntries(Object.entries(output.refs).map(([name, ref]) => [name, refValue(session, ref)]));
}

function runAttributes(session: Session, conclusion: Conclusion, ledger: LedgerSnapshot): Attributes {
  return {
    [names.ATTR_RUN_OUTCOME]: conclusion.outcome,
    [names.ATTR_COST_USD]: ledger.costUsd,
    [names.ATTR_COST_CURRENCY]: "USD",
    [names.ATTR_COST_COMPLETE]: ledger.complete,
    [names.ATTR_COST_BUCKET]: costBucket(ledger.costUsd),
    [names.ATTR_COST_SLM_USD]: ledger.slmUsd,
    [names.ATTR_COST_LLM_USD]: ledger.llmUsd,
    ...(ledger.toolUsd > 0 && { [names.ATTR_COST_TOOL_USD]: ledger.toolUsd }),
    [names.ATTR_COST_BASELINE_USD]: ledger.baselineUsd,
    [names.ATTR_COST_SAVED_USD]: ledger.savedUsd,
    [names.ATTR_RUN_ESCALATED]: ledger.escalations > 0,
    [names.ATTR_ESCALATIONS]: ledger.escalations,
    [names.ATTR_RETRIES]: ledger.retries,
    [names.ATTR_LLM_CALLS]: ledger.attempts,
    [names.ATTR_TOOL_CALLS]: session.toolCalls.count,
    [names.ATTR_TOKENS_INPUT]: ledger.inputTokens,
    [names.ATTR_TOKENS_OUTPUT]: ledger.outputTokens,
    [names.ATTR_STEPS_EXECUTED]: session.counts.executed,
    [names.ATTR_STEPS_SKIPPED]: session.counts.skipped,
    [names.ATTR_STEPS_CACHED]: session.counts.cached,
    [names.ATTR_STEPS_FAILED]: session.counts.failed,
    ...(ledger.capUsd !== undefined && {
      [names.ATTR_BUDGET_LIMIT_USD]: ledger.capUsd,
      [names.ATTR_BUDGET_SPENT_USD]: ledger.costUsd,
    }),
    [names.ATTR_REPORT]: reportOf(session),
  };
}

/** Per placed step its tier, endpoints, attempts, money and time, as JSON; Jaeger shows it as a tree. Rows that do not fit are left out. */
function reportOf(session: Session): string {
  const rows: string[] = [];
  let bytes = 2;
  for (const [name, step] of placedSteps(session.graph)) {
    const { endpoints, attempts, costUsd } = session.ledger.totals(name);
    // A list asks one model a thousand times; `attempts` says how often.
    const model = [...new Set(endpoints)].join(", ");
    const ms = Math.round(session.stepMs?.get(name) ?? 0);
    const facts = { tier: step.complexity, model, attempts, usd: costUsd, ms };
    const row = `${JSON.stringify(name)}:${JSON.stringify(facts)}`;
    bytes += utf8Bytes(row) + 1;
    if (bytes > maxReportBytes) break;
    rows.push(row);
  }
  return `{${rows.join(",")}}`;
}

/** By the names under which their costs are booked; the items of a list together. */
function* placedSteps(graph: GraphDefinition, path = ""): Generator<readonly [string, PlacedStep]> {
  for (const step of graph.steps) {
    if ("complexity" in step) yield [`${path}${step.name}`, step];
    if ("graph" in step) yield* placedSteps(step.graph, `${path}${step.name}/`);
  }
}
