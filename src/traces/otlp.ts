/** OpenTelemetry's trace request as JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. */
import { ATTR_UNFINISHED } from "../telemetry/semconv.ts";
import type { RecordedAttributes, RecordedSpan, RecordedTrace, RecordedValue } from "./recorded-trace.ts";

/** One value, under the name of its type. */
export type OtlpValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  /** 64 bits, which JSON's numbers do not hold. */
  | { readonly intValue: string }
  /** A number that JSON cannot write is `"NaN"`, `"Infinity"` or `"-Infinity"`. */
  | { readonly doubleValue: number | string }
  | { readonly arrayValue: { readonly values: readonly OtlpValue[] } };

export interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

export interface OtlpSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Nanoseconds since the Unix epoch. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly droppedAttributesCount: number;
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly OtlpAttribute[];
  }[];
  readonly droppedEventsCount: number;
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: readonly OtlpAttribute[];
  }[];
  readonly droppedLinksCount: number;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message?: string };
}

/** `ExportTraceServiceRequest`. */
export interface OtlpTraceRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version?: string };
      readonly spans: readonly OtlpSpan[];
    }[];
  }[];
}

export function otlpRequest(trace: RecordedTrace, resource: RecordedAttributes): OtlpTraceRequest {
  const byScope = Map.groupBy(trace.spans, ({ scope: { name, version = "" } }) => `${name}@${version}`);
  const scopeSpans = [...byScope.values()].map((spans) => {
    const { name, version } = spans[0]!.scope;
    return {
      scope: { name, ...(version !== undefined && { version }) },
      spans: spans.map((span) => otlpSpan(span, trace.takenAtMs)),
    };
  });
  return { resourceSpans: [{ resource: { attributes: otlpAttributes(resource) }, scopeSpans }] };
}

/** The format has no open spans: one that is under way ends when it was looked at, and says so. */
function otlpSpan(span: RecordedSpan, takenAtMs: number): OtlpSpan {
  const { traceId, spanId, parentSpanId, name, kind, startMs, endMs, status, dropped } = span;
  const unfinished = endMs === undefined ? { [ATTR_UNFINISHED]: true } : {};
  return {
    ...{ traceId, spanId, name },
    ...(parentSpanId !== undefined && { parentSpanId }),
    // The API counts from 0, the format has "unspecified" there.
    kind: kind + 1,
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs ?? Math.max(startMs, takenAtMs)),
    attributes: otlpAttributes({ ...span.attributes, ...unfinished }),
    droppedAttributesCount: dropped.attributes,
    events: span.events.map((event) => ({
      timeUnixNano: nanoseconds(event.atMs),
      name: event.name,
      attributes: otlpAttributes(event.attributes),
    })),
    droppedEventsCount: dropped.events,
    links: span.links.map(({ context, attributes }) => ({
      ...{ traceId: context.traceId, spanId: context.spanId },
      attributes: otlpAttributes(attributes),
    })),
    droppedLinksCount: dropped.links,
    status: { code: status.code, ...(status.message !== undefined && { message: status.message }) },
  };
}

/** Whole milliseconds and the rest apart: a number has no room for all nanoseconds since 1970. */
function nanoseconds(epochMs: number): string {
  const whole = Math.floor(epochMs);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((epochMs - whole) * 1e6)));
}

function otlpAttributes(attributes: RecordedAttributes): OtlpAttribute[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: otlpValue(value) }));
}

function otlpValue(value: RecordedValue): OtlpValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value !== "number") return { arrayValue: { values: value.map(otlpValue) } };
  if (Number.isSafeInteger(value)) return { intValue: String(value) };
  return { doubleValue: Number.isFinite(value) ? value : String(value) };
}
