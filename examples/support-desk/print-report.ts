import type { DeskReport } from "./report.ts";

interface Surroundings {
  readonly plan: string;
  readonly trace: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function printReport(report: DeskReport, { plan, trace, environment }: Surroundings): void {
  const sections = [
    heading("Models", modelsText(report)),
    heading("Plan: where each step may run, decided before any call", `${plan}\n\n${reasons(report)}`),
    heading("Triage by the embedded classifier, on held-out tickets", triageText(report)),
    heading("What was done", doneText(report)),
    heading("Latency per step", latencyText(report)),
    heading("Cost", costText(report)),
    heading("What went where", receivedText(report)),
    heading(`One run as a trace (${report.timing.shownTraceId})`, trace),
    heading("See it in Jaeger", jaegerText(report, environment)),
  ];
  console.log(sections.join("\n\n"));
}

function heading(title: string, body: string): string {
  return `${title}\n${"=".repeat(title.length)}\n${body}`;
}

function modelsText({ standIns }: DeskReport): string {
  if (standIns.length === 0) return "small and large are the endpoints that the environment names.";
  return (
    `intents is a real model, trained just now. ${standIns.join(" and ")}: scripted stand-in, fixed texts without understanding.\n` +
    "Set SLM_BASE_URL and SLM_MODEL, LLM_BASE_URL (or OPENAI_API_KEY) and LLM_MODEL for real ones."
  );
}

/** Each refusal once: the same endpoint is refused for the same reason in many steps. */
function reasons({ plan }: DeskReport): string {
  const lines = plan.flatMap(({ step, refused }) => refused.map((reason) => ({ step, reason })));
  const byReason = Map.groupBy(lines, ({ reason }) => reason);
  const text = [...byReason].map(
    ([reason, found]) => `  ${reason} [${[...new Set(found.map(({ step }) => step))].join(", ")}]`,
  );
  return `refused, and why:\n${text.join("\n")}`;
}

function triageText({ triage }: DeskReport): string {
  const { accuracyOnAccepted } = triage;
  return [
    `${triage.trainingTickets} tickets to train on, ${triage.heldOutTickets} held out, ten topics`,
    `right on all: ${percent(triage.accuracyOnAll)}; right on accepted: ${accuracyOnAccepted === undefined ? "none accepted" : percent(accuracyOnAccepted)}; escalated: ${percent(triage.escalatedShare)}`,
    `accepted from confidence ${triage.acceptAt.toFixed(3)}, chosen by cross-validation on the training tickets; calibration error ${triage.calibrationError.toFixed(3)}`,
    `still uncertain after escalation: ${triage.uncertain} (handed to a person)`,
  ].join("\n");
}

function doneText({ actions, refundsIssued, replies, triage }: DeskReport): string {
  const counts = Object.entries(actions).map(([action, count]) => `${action} ${count}`);
  return [
    `${counts.join(", ")}; refunds issued: ${refundsIssued}`,
    `replies that the small model got wrong and the large one wrote again: ${replies.escalated} of ${triage.heldOutTickets}; replies that failed the check: ${replies.failedCheck}`,
  ].join("\n");
}

function latencyText({ timing }: DeskReport): string {
  const rows = Object.entries(timing.steps).map(([step, { p50Ms, p95Ms }]) => [
    step,
    p50Ms.toFixed(2),
    p95Ms.toFixed(2),
  ]);
  const footer = `training ${timing.trainingMs.toFixed(0)} ms, everything ${(timing.totalMs / 1_000).toFixed(1)} s`;
  return `${table(["step", "p50 ms", "p95 ms"], rows)}\n${footer}`;
}

function costText({ cost }: DeskReport): string {
  if (!cost.complete)
    return `unknown: an endpoint has no price or reported no usage; what is known of it is $${cost.usd.toFixed(6)}`;
  const saved = cost.allLargeUsd === 0 ? 0 : 1 - cost.usd / cost.allLargeUsd;
  const verdict = cost.simulated
    ? "simulated, not a saving: stand-ins wrote the texts, prices are examples"
    : "of the same tokens on the dearest model that may see the data";
  return `this run $${cost.usd.toFixed(6)}, everything on the dearest allowed model $${cost.allLargeUsd.toFixed(6)}: ${percent(saved)} less (${verdict})`;
}

function receivedText({ received }: DeskReport): string {
  const rows = received.map(({ sink, location, highestLabel, clearance, within, requests, bytes }) => [
    sink,
    location,
    highestLabel,
    clearance,
    within ? "yes" : "NO",
    String(requests),
    String(bytes),
  ]);
  const above = received.filter(({ within }) => !within).length;
  return `${table(["sink", "location", "highest label", "clearance", "within", "requests", "bytes"], rows)}\nabove a clearance: ${above}`;
}

function jaegerText({ timing }: DeskReport, environment: Surroundings["environment"]): string {
  const endpoint = environment["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (endpoint !== undefined && endpoint !== "")
    return `exported to ${new URL(endpoint).origin}; http://127.0.0.1:16686/trace/${timing.shownTraceId}`;
  return [
    "docker run --rm -p 16686:16686 -p 4318:4318 cr.jaegertracing.io/jaegertracing/jaeger:2.20.0",
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm run demo    # then open http://127.0.0.1:16686",
  ].join("\n");
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
