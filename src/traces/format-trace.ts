import { SpanStatusCode } from "@opentelemetry/api";
import * as names from "../telemetry/semconv.ts";
import { clip, lengthOf, pad, printable, wrap } from "./plain-text.ts";
import type { RecordedSpan, RecordedTrace } from "./recorded-trace.ts";
import { shown, textOf } from "./span-facts.ts";

export interface FormatTraceOptions {
  /** Failed spans red, rejected answers yellow, sentences dim, by ANSI codes. @default false */
  readonly colour?: boolean;
  /** Characters of a line, at least 60. @default 100 */
  readonly width?: number;
  /** Every attribute of every span below it. @default false */
  readonly attributes?: boolean;
}

export interface PrintTraceOptions extends FormatTraceOptions {
  /** Takes the text, line ends included. @default the process's standard output */
  readonly write?: (text: string) => unknown;
}

/**
 * Prints the trace of a run as `formatTrace` makes it, with the colours and the width of the terminal.
 * @param trace what a `traceRecorder` has of the run; it has to be the runtime's `tracerProvider` before the run starts
 * @example
 * const recorder = traceRecorder();
 * const runtime = createRuntime({ catalog, policy, telemetry: { tracerProvider: recorder } });
 * printTrace(recorder.trace(await runtime.run(graph, input)));
 */
export function printTrace(trace: RecordedTrace, options: PrintTraceOptions = {}): void {
  const { stdout, env } = process;
  const { write = (text: string) => stdout.write(text), ...format } = options;
  // https://no-color.org: any value that is not empty.
  const colour = stdout.isTTY && (env["NO_COLOR"] ?? "") === "";
  write(`${formatTrace(trace, { colour, width: stdout.isTTY ? stdout.columns : 100, ...format })}\n`);
}

/**
 * The trace of a run as text: a line per span, indented below its parent, with duration, place on the time axis, outcome and
 * cost; below it why the policy decided so and whom it refused. Names hold no control characters.
 */
export function formatTrace(trace: RecordedTrace, options: FormatTraceOptions = {}): string {
  const { colour = false, width = 100, attributes = false } = options;
  const page: Page = { trace, colour, width: Math.max(60, width), attributes, axis: axisOf(trace) };
  const lines = childrenOf(undefined, trace).flatMap((root) => branch(page, root, 0));
  const { droppedSpans } = trace;
  return [...lines, ...(droppedSpans > 0 ? [`${droppedSpans} more spans were not kept`] : [])].join("\n");
}

interface Axis {
  readonly startMs: number;
  readonly endMs: number;
}

interface Page extends Required<FormatTraceOptions> {
  readonly trace: RecordedTrace;
  readonly axis: Axis;
}

function axisOf({ spans, takenAtMs }: RecordedTrace): Axis {
  const ends = spans.map(({ endMs }) => endMs ?? takenAtMs);
  const startMs = spans.reduce((least, span) => Math.min(least, span.startMs), Infinity);
  return { startMs, endMs: ends.reduce((most, end) => Math.max(most, end), -Infinity) };
}

/** In the order in which they started; a run's parent, if any, is the host's. */
function childrenOf(parent: string | undefined, { spans }: RecordedTrace): readonly RecordedSpan[] {
  return parent === undefined ? spans.slice(0, 1) : spans.filter(({ parentSpanId }) => parentSpanId === parent);
}

const indentWidth = 2;
const durationWidth = 12;
const barWidth = 12;

function branch(page: Page, span: RecordedSpan, depth: number): string[] {
  const indent = " ".repeat(Math.min(depth * indentWidth, page.width / 3));
  const { facts, sentences } = textOf(span, page.trace);
  const nameWidth = Math.floor(page.width * 0.34);
  const name = pad(clip(`${indent}${printable(span.name)}`, nameWidth), nameWidth);
  const duration = durationText(span, page).padStart(durationWidth);
  const head = `${name}${duration}  ${barOf(span, page)}  `;
  const beside = printable(facts.join(", "));
  const fits = lengthOf(head) + lengthOf(beside) <= page.width;
  const first = fits ? `${head}${beside}`.trimEnd() : head.trimEnd();
  const below = [...(fits ? [] : [beside]), ...sentences.map(printable), ...attributeLines(span, page)];
  const wrapped = below.flatMap((text) => wrap(text, page.width - indent.length - 4));
  return [
    paint(first, colourOf(span), page),
    ...wrapped.map((text) => paint(`${indent}    ${text}`, dim, page)),
    ...childrenOf(span.spanId, page.trace).flatMap((child) => branch(page, child, depth + 1)),
  ];
}

function durationText({ startMs, endMs }: RecordedSpan, { trace }: Page): string {
  return `${((endMs ?? trace.takenAtMs) - startMs).toFixed(1)} ms`;
}

/** At least one mark, however short the span; an arrow where it is still under way. */
function barOf({ startMs, endMs }: RecordedSpan, { axis, trace }: Page): string {
  const total = axis.endMs - axis.startMs;
  const place = (ms: number): number => (total === 0 ? 0 : ((ms - axis.startMs) / total) * barWidth);
  const from = Math.min(barWidth - 1, Math.floor(place(startMs)));
  const to = total === 0 ? barWidth : Math.max(from + 1, Math.round(place(endMs ?? trace.takenAtMs)));
  const marks = endMs === undefined ? `${"━".repeat(to - from - 1)}>` : "━".repeat(to - from);
  return `${"·".repeat(from)}${marks}${"·".repeat(barWidth - to)}`;
}

function attributeLines({ attributes }: RecordedSpan, page: Page): string[] {
  if (!page.attributes) return [];
  return Object.entries(attributes).map(([key, value]) => printable(`${key} = ${shown(value)}`));
}

const red = 31;
const yellow = 33;
const dim = 2;

function colourOf({ status, attributes }: RecordedSpan): number | undefined {
  if (status.code === SpanStatusCode.ERROR) return red;
  return attributes[names.ATTR_ATTEMPT_OUTCOME] === "rejected" ? yellow : undefined;
}

function paint(line: string, code: number | undefined, { colour }: Page): string {
  return colour && code !== undefined ? `\u001b[${code}m${line}\u001b[0m` : line;
}
