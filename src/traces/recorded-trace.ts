import type { SpanContext, SpanKind, SpanStatus } from "@opentelemetry/api";

export type RecordedValue = string | number | boolean | readonly (string | number | boolean)[];

export type RecordedAttributes = Readonly<Record<string, RecordedValue>>;

/** Something that happened at one moment of a span. */
export interface RecordedEvent {
  readonly name: string;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly atMs: number;
  readonly attributes: RecordedAttributes;
}

/** Another span that a span refers to. */
export interface RecordedLink {
  readonly context: SpanContext;
  readonly attributes: RecordedAttributes;
}

/** What did not fit within the recorder's bounds. */
export interface Dropped {
  readonly attributes: number;
  readonly events: number;
  readonly links: number;
}

/** One span as it stood when it was asked for. */
export interface RecordedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Also where the parent is the host's, which the recorder may never have seen. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Name and version of the library that made it. */
  readonly scope: { readonly name: string; readonly version: string | undefined };
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly startMs: number;
  /** `undefined`: it was still under way. */
  readonly endMs: number | undefined;
  readonly attributes: RecordedAttributes;
  readonly events: readonly RecordedEvent[];
  readonly links: readonly RecordedLink[];
  readonly status: SpanStatus;
  readonly dropped: Dropped;
}

/** The spans of one run: that of the run, and all below it, in the order in which they started. A copy that no longer changes. */
export interface RecordedTrace {
  readonly runId: string;
  readonly traceId: string;
  /** When the copy was made, in milliseconds since the Unix epoch. */
  readonly takenAtMs: number;
  readonly spans: readonly RecordedSpan[];
  /** Spans that were not kept because there were too many. */
  readonly droppedSpans: number;
}
