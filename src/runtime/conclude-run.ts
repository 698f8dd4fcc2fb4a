import type { Attributes } from "@opentelemetry/api";
import type { TierwiseError } from "../errors.ts";
import { utf8Bytes } from "../common/utf8.ts";
import { costBucket } from "../telemetry/cost-bucket.ts";
import * as names from "../telemetry/semconv.ts";
import type { Conclusion } from "./driver.ts";
import { refValue, type Session } from "./session.ts";
import { errorTypeOf } from "./trace-step.ts";

const maxReportBytes = 8 * 1024;

/** Ends span and event stream of a run, last of all; gives back the output when there is one. */
export function concludeRun(session: Session, conclusion: Conclusion): unknown {
  const error: TierwiseError | undefined = conclusion.outcome === "completed" ? undefined : conclusion.error;
  const ledger = session.ledger.snapshot(session.budget);
  session.trace.end(() => runAttributes(session, conclusion), {
    errorType: error === undefined ? undefined : errorTypeOf(error),
    ...(error && { message: error.code }),
  });
  session.events.emit({
    type: "run-end",
    outcome: conclusion.outcome,
    durationMs: session.services.clock.nowMs() - session.startedMs,
    costUsd: ledger.costUsd,
    costComplete: ledger.complete,
    baselineUsd: ledger.baselineUsd,
    privacy: session.graph.inputLabel.level,
  });
  return error === undefined ? outputOf(session) : undefined;
}

function outputOf(session: Session): unknown {
  const { output } = session.graph;
  if (output.kind === "one") return refValue(session, output.ref);
  return Object.fromEntries(Object.entries(output.refs).map(([name, ref]) => [name, refValue(session, ref)]));
}

function runAttributes(session: Session, conclusion: Conclusion): Attributes {
  const ledger = session.ledger.snapshot(session.budget);
  const settled = [...session.settled.values()];
  return {
    [names.ATTR_RUN_OUTCOME]: conclusion.outcome,
    [names.ATTR_COST_USD]: ledger.costUsd,
    [names.ATTR_COST_CURRENCY]: "USD",
    [names.ATTR_COST_COMPLETE]: ledger.complete,
    [names.ATTR_COST_BUCKET]: costBucket(ledger.costUsd),
    [names.ATTR_COST_SLM_USD]: ledger.slmUsd,
    [names.ATTR_COST_LLM_USD]: ledger.llmUsd,
    [names.ATTR_COST_BASELINE_USD]: ledger.baselineUsd,
    [names.ATTR_COST_SAVED_USD]: ledger.baselineUsd - ledger.costUsd,
    [names.ATTR_RUN_ESCALATED]: ledger.escalations > 0,
    [names.ATTR_ESCALATIONS]: ledger.escalations,
    [names.ATTR_LLM_CALLS]: ledger.attempts,
    [names.ATTR_TOOL_CALLS]: session.toolCalls.count,
    [names.ATTR_TOKENS_INPUT]: ledger.inputTokens,
    [names.ATTR_TOKENS_OUTPUT]: ledger.outputTokens,
    [names.ATTR_STEPS_EXECUTED]: session.stepTraces.size,
    [names.ATTR_STEPS_SKIPPED]: settled.filter(({ kind }) => kind === "skipped").length,
    [names.ATTR_STEPS_FAILED]: session.stepTraces.size - settled.filter(({ kind }) => kind === "value").length,
    ...(ledger.capUsd !== undefined && {
      [names.ATTR_BUDGET_LIMIT_USD]: ledger.capUsd,
      [names.ATTR_BUDGET_SPENT_USD]: ledger.costUsd,
    }),
    [names.ATTR_REPORT]: reportOf(session),
  };
}

/** Per placed step its tier, models, attempts and money, as JSON; Jaeger shows it as a tree. Rows that do not fit are left out. */
function reportOf(session: Session): string {
  const rows: string[] = [];
  let bytes = 2;
  for (const step of session.graph.steps) {
    if (!("complexity" in step)) continue;
    const { endpoints, attempts, costUsd } = session.ledger.totals(step.name);
    const facts = { tier: step.complexity, models: endpoints, attempts, usd: costUsd };
    const row = `${JSON.stringify(step.name)}:${JSON.stringify(facts)}`;
    bytes += utf8Bytes(row) + 1;
    if (bytes > maxReportBytes) break;
    rows.push(row);
  }
  return `{${rows.join(",")}}`;
}
