/** Spans as Jaeger's `/api/v3` gives them back: OTLP in JSON. */

export type AttributeValue = string | number | boolean | readonly AttributeValue[];
export type ReadAttributes = Readonly<Record<string, AttributeValue>>;

export interface ReadEvent {
  readonly name: string;
  readonly attributes: ReadAttributes;
}

export interface ReadSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: "UNSPECIFIED" | "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER";
  readonly status: "UNSET" | "OK" | "ERROR";
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: ReadAttributes;
  readonly events: readonly ReadEvent[];
}

interface Value {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  /** 64 bits: JSON has them as text. */
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly Value[] };
}

type Attributes = readonly { readonly key: string; readonly value: Value }[];

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number | string;
  readonly status?: { readonly code?: number | string };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: Attributes;
  readonly events?: readonly { readonly name: string; readonly attributes?: Attributes }[];
}

interface Chunk {
  readonly result?: {
    readonly resourceSpans?: readonly {
      readonly scopeSpans?: readonly { readonly spans?: readonly JsonSpan[] }[];
    }[];
  };
}

const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] as const;
const statuses = ["UNSET", "OK", "ERROR"] as const;

/** @param body one JSON document, or one a line where Jaeger streams a long answer */
export function readSpans(body: string): ReadSpan[] {
  const documents = body.trim().split(/\n(?=\{)/);
  return documents
    .map((document) => JSON.parse(document) as Chunk)
    .flatMap(({ result }) => result?.resourceSpans ?? [])
    .flatMap(({ scopeSpans = [] }) => scopeSpans)
    .flatMap(({ spans = [] }) => spans)
    .map(readSpan);
}

function readSpan(span: JsonSpan): ReadSpan {
  const { traceId, spanId, parentSpanId, name } = span;
  return {
    ...{ traceId, spanId, name },
    parentSpanId: parentSpanId === "" ? undefined : parentSpanId,
    kind: kinds[Number(span.kind ?? 0)] ?? "UNSPECIFIED",
    status: statuses[Number(span.status?.code ?? 0)] ?? "UNSET",
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    attributes: readAttributes(span.attributes),
    events: (span.events ?? []).map((event) => ({ name: event.name, attributes: readAttributes(event.attributes) })),
  };
}

function readAttributes(attributes: Attributes = []): ReadAttributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, readValue(value)]));
}

function readValue({ stringValue, boolValue, intValue, doubleValue, arrayValue }: Value): AttributeValue {
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(readValue);
  if (intValue !== undefined) return Number(intValue);
  return stringValue ?? boolValue ?? doubleValue ?? "";
}
