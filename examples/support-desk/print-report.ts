import { handlingText, seenText, shortText, triageText } from "./print-handling.ts";
import type { DeskReport } from "./report.ts";
import { percent, textTable } from "./text-table.ts";

interface Surroundings {
  readonly plan: string;
  readonly trace: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function printReport(report: DeskReport, { plan, trace, environment }: Surroundings): void {
  const sections = [
    heading("Models", modelsText(report)),
    heading("In short", shortText(report)),
    heading("Plan: where each step may run, decided before any call", `${plan}\n\n${reasons(report)}`),
    heading("Triage by the embedded classifier, on held-out tickets", triageText(report)),
    heading("What was done", handlingText(report)),
    heading("What people saw", seenText(report)),
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
  if (standIns.length === 0)
    return (
      "small and large are the endpoints that the environment names. " +
      "The person who signs refunds and the carrier are scripted stand-ins."
    );
  return (
    `intents is a real model, trained just now. ${standIns.join(" and ")}: scripted stand-in, fixed texts without understanding.\n` +
    "The person who signs refunds and the carrier are scripted stand-ins as well.\n" +
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

function latencyText({ timing }: DeskReport): string {
  const rows = Object.entries(timing.steps).map(([step, { p50Ms, p95Ms }]) => [
    step,
    p50Ms.toFixed(2),
    p95Ms.toFixed(2),
  ]);
  const footer = `training ${timing.trainingMs.toFixed(0)} ms, everything ${(timing.totalMs / 1_000).toFixed(1)} s`;
  return `${textTable(["step", "p50 ms", "p95 ms"], rows)}\n${footer}`;
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
    bytes === undefined ? "-" : String(bytes),
  ]);
  const above = received.filter(({ within }) => !within).length;
  return `${textTable(["sink", "location", "highest label", "clearance", "within", "requests", "bytes"], rows)}\nabove a clearance: ${above}`;
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
