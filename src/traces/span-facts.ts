import { SpanStatusCode } from "@opentelemetry/api";
import * as names from "../telemetry/semconv.ts";
import type { RecordedEvent, RecordedSpan, RecordedTrace, RecordedValue } from "./recorded-trace.ts";

/** What a person reads of a span: words beside its name, sentences below it. */
export interface SpanText {
  readonly facts: readonly string[];
  readonly sentences: readonly string[];
}

export function textOf(span: RecordedSpan, trace: RecordedTrace): SpanText {
  const { facts, sentences } = ownText(span, trace);
  // A cancelled attempt would say so twice: as its outcome, and as its error.
  return { facts: [...new Set([...unfinished(span), ...facts])], sentences: [...sentences, ...failure(span)] };
}

function ownText(span: RecordedSpan, trace: RecordedTrace): SpanText {
  // Where the host traces its model clients, attempts carry no operation.
  if (names.ATTR_ATTEMPT_KIND in span.attributes) return attemptText(span);
  switch (span.attributes[names.ATTR_GEN_AI_OPERATION_NAME]) {
    case names.OPERATION_INVOKE_WORKFLOW:
      return runText(span, trace);
    case names.OPERATION_EXECUTE_TOOL:
      return {
        facts: words(span, [names.ATTR_TOOL_EFFECT, names.ATTR_ERROR_TYPE, names.ATTR_TOOL_COST_USD]),
        sentences: [],
      };
    default:
      return names.ATTR_STEP_KIND in span.attributes
        ? stepText(span)
        : { facts: words(span, [names.ATTR_ERROR_TYPE]), sentences: [] };
  }
}

function runText(span: RecordedSpan, { runId, traceId }: RecordedTrace): SpanText {
  const { attributes, events } = span;
  const escalated = attributes[names.ATTR_RUN_ESCALATED] === true ? ["escalated"] : [];
  const { [names.ATTR_LLM_CALLS]: calls, [names.ATTR_TOOL_CALLS]: toolCalls } = attributes;
  const { [names.ATTR_TOKENS_INPUT]: input, [names.ATTR_TOKENS_OUTPUT]: output } = attributes;
  return {
    facts: [...words(span, [names.ATTR_RUN_OUTCOME]), ...escalated, ...words(span, [names.ATTR_COST_USD])],
    sentences: [
      `run ${runId}, trace ${traceId}`,
      ...money(span),
      ...(calls === undefined
        ? []
        : [`model calls ${shown(calls)}, tool calls ${shown(toolCalls)}, tokens ${shown(input)} + ${shown(output)}`]),
      ...events.map(eventText),
    ],
  };
}

/** What the run may spend, and what it is compared with. */
function money({ attributes }: RecordedSpan): string[] {
  const { [names.ATTR_BUDGET_LIMIT_USD]: limit, [names.ATTR_COST_BASELINE_USD]: baseline } = attributes;
  const parts = [
    ...(typeof limit === "number" ? [`budget ${usd(limit)}`] : []),
    ...(typeof baseline === "number" ? [`all on the dearest allowed endpoint ${usd(baseline)}`] : []),
    ...(attributes[names.ATTR_COST_COMPLETE] === false ? ["some of the cost is not known"] : []),
  ];
  return parts.length === 0 ? [] : [parts.join("; ")];
}

function stepText(span: RecordedSpan): SpanText {
  const { attributes, events } = span;
  const cached = attributes[names.ATTR_STEP_CACHED] === true ? ["cached"] : [];
  const escalated = attributes[names.ATTR_STEP_ESCALATED] === true ? ["escalated"] : [];
  const item = attributes[names.ATTR_FANOUT_INDEX];
  const tier = words(span, [names.ATTR_COMPLEXITY_TIER, names.ATTR_PRIVACY_TIER]).join(", ");
  return {
    facts: [
      ...(item === undefined ? [] : [`item ${shown(item)}`]),
      ...words(span, [names.ATTR_STEP_OUTCOME]),
      ...cached,
      ...escalated,
      ...words(span, [names.ATTR_STEP_COST_USD]),
    ],
    sentences: [...(tier === "" ? [] : [tier]), ...counted(events.flatMap(decisionTexts))],
  };
}

/** A decision and whom it left out; any other event by its name. */
function decisionTexts(event: RecordedEvent): string[] {
  if (event.name !== names.EVENT_POLICY_DECISION) return [eventText(event)];
  const { [names.ATTR_POLICY_REASON]: reason, [names.ATTR_POLICY_REJECTED]: rejected } = event.attributes;
  const refused = typeof rejected === "object" ? rejected : [];
  return [`decided: ${shown(reason)}`, ...refused.map((line) => `refused ${shown(line)}`)];
}

/** A tool loop decides before every call, most often alike. */
function counted(lines: readonly string[]): string[] {
  const times = Map.groupBy(lines, (line) => line);
  return [...times].map(([line, same]) => (same.length === 1 ? line : `${line} (${same.length} times)`));
}

function attemptText(span: RecordedSpan): SpanText {
  const kind = [names.ATTR_ATTEMPT_KIND, names.ATTR_ATTEMPT_OUTCOME, names.ATTR_ATTEMPT_REJECT_REASON];
  const where = words(span, [names.ATTR_MODEL_CLASS, names.ATTR_MODEL_LOCATION]);
  const standIn = span.attributes[names.ATTR_MODEL_STAND_IN] === true ? ["stand-in"] : [];
  const on = `on ${shown(span.attributes[names.ATTR_MODEL_ENDPOINT])} (${[...where, ...standIn].join(", ")})`;
  return {
    facts: words(span, [...kind, names.ATTR_ERROR_TYPE, names.ATTR_COST_USD]),
    sentences: [[on, ...confidence(span)].join("; ")],
  };
}

function confidence({ attributes }: RecordedSpan): string[] {
  const { [names.ATTR_CONFIDENCE_RAW]: raw, [names.ATTR_CONFIDENCE_CALIBRATED]: calibrated = raw } = attributes;
  const { [names.ATTR_CONFIDENCE_KIND]: kind, [names.ATTR_CONFIDENCE_THRESHOLD]: threshold } = attributes;
  if (typeof calibrated !== "number" || typeof threshold !== "number") return [];
  return [`${shown(kind)} ${round(calibrated)}, accepted from ${round(threshold)}`];
}

function unfinished({ endMs }: RecordedSpan): string[] {
  return endMs === undefined ? ["under way"] : [];
}

function failure({ status }: RecordedSpan): string[] {
  return status.code === SpanStatusCode.ERROR && status.message !== undefined ? [`error: ${status.message}`] : [];
}

function eventText({ name, attributes }: RecordedEvent): string {
  const subject = attributes[names.ATTR_STEP_NAME];
  return subject === undefined ? `event ${name}` : `event ${name}: ${shown(subject)}`;
}

/** Values of the attributes that are there; money with its sign. */
function words({ attributes }: RecordedSpan, keys: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const value = attributes[key];
    if (value === undefined) return [];
    return [typeof value === "number" && key.endsWith("usd") ? usd(value) : shown(value)];
  });
}

export function shown(value: RecordedValue | undefined): string {
  return typeof value === "object" ? value.join(", ") : String(value ?? "unknown");
}

/** As many places as a single token costs. */
function usd(amount: number): string {
  return `$${amount.toFixed(8).replace(/\.?0+$/, "")}`;
}

function round(value: number): string {
  return String(Math.round(value * 1_000) / 1_000);
}
