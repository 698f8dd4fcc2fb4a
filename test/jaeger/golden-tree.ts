import type { AttributeValue, ReadSpan } from "../../scripts/jaeger/otlp-json.ts";

/** What a reader of a trace looks at first, by kind of span; own names without their prefix. */
const shown: Readonly<Record<string, readonly string[]>> = {
  invoke_workflow: [
    ...["run.outcome", "run.escalated", "steps.executed", "steps.skipped", "steps.cached", "steps.failed"],
    ...["llm.calls", "tool.calls", "escalations", "retries", "cost.usd", "cost.bucket"],
  ],
  step: [
    ...["step.kind", "step.outcome", "step.cached", "step.attempts", "step.escalated", "step.escalation_path"],
    ...["step.cost_usd", "fanout.index"],
  ],
  fanout: ["step.kind", "step.outcome", "fanout.size", "step.cost_usd"],
  chat: ["attempt.number", "attempt.kind", "attempt.outcome", "attempt.reject_reason", "request.stream", "cost.usd"],
  execute_tool: ["tool.effect", "tool.cost_usd"],
};

/**
 * A trace as text: name, kind, status and the attributes above of each span, events below their span, children in their
 * order. What is zero, false or empty is left out.
 */
export function goldenTree(spans: readonly ReadSpan[]): string {
  return childrenOf(undefined, spans)
    .flatMap((root) => branch(root, spans, ""))
    .join("\n");
}

function branch(span: ReadSpan, spans: readonly ReadSpan[], indent: string): string[] {
  const below = `${indent}  `;
  const events = span.events.map(({ name, attributes }) =>
    [`${below}event ${name}`, eventSubject(attributes["tierwise.step.name"])].join(""),
  );
  const children = childrenOf(span.spanId, spans).flatMap((child) => branch(child, spans, below));
  return [`${indent}${line(span)}`, ...events, ...children];
}

function eventSubject(step: AttributeValue | undefined): string {
  return step === undefined ? "" : ` ${text(step)}`;
}

function line({ name, kind, status, attributes }: ReadSpan): string {
  const [operation = ""] = name.split(" ");
  const facts = (shown[operation] ?? []).flatMap((key) => {
    const value = attributes[`${key.startsWith("request.") ? "gen_ai" : "tierwise"}.${key}`];
    return value === undefined || isSilent(key, value) ? [] : [`${key}=${text(value)}`];
  });
  const error = attributes["error.type"];
  return [name, `[${kind} ${status}]`, ...facts, ...(error === undefined ? [] : [`error.type=${text(error)}`])].join(
    " ",
  );
}

/** The first of a list is number 0, which says something. */
function isSilent(key: string, value: AttributeValue): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === false || (value === 0 && key !== "fanout.index");
}

function text(value: AttributeValue): string {
  return Array.isArray(value) ? value.join(">") : String(value);
}

/** Steps as they are defined; what is below a step as it started. Spans start by the millisecond, and come in as they ended. */
function childrenOf(parent: string | undefined, spans: readonly ReadSpan[]): ReadSpan[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === parent).sort((a, b) => place(a) - place(b));
}

function place({ attributes, startNs }: ReadSpan): number {
  const index = attributes["tierwise.step.index"];
  const item = attributes["tierwise.fanout.index"];
  if (typeof index !== "number") return Number(startNs / 1_000_000n);
  return index + (typeof item === "number" ? item * 1_000 : 0);
}
