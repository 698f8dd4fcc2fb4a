import {
  SpanStatusCode,
  type Attributes,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  type TimeInput,
} from "@opentelemetry/api";
import type { RecordedEvent, RecordedLink, RecordedSpan } from "./recorded-trace.ts";
import { AttributeBag, cut, maxEvents, maxLinks } from "./span-limits.ts";
import type { SpanGroup } from "./span-group.ts";

export interface Beginning {
  readonly name: string;
  readonly kind: SpanKind;
  readonly scope: { readonly name: string; readonly version: string | undefined };
  readonly context: SpanContext;
  readonly parentSpanId: string | undefined;
  readonly startTime: TimeInput | undefined;
}

/** A span that is kept here and, where the host has a provider of its own, told to the host's span as well. */
export class RecordingSpan implements Span {
  readonly group: SpanGroup;
  readonly #host: Span | undefined;
  readonly #beginning: Beginning;
  readonly #startMs: number;
  #name: string;
  #endMs: number | undefined;
  #status: SpanStatus = { code: SpanStatusCode.UNSET };
  readonly #attributes: AttributeBag;
  readonly #events: RecordedEvent[] = [];
  readonly #links: RecordedLink[] = [];
  readonly #dropped = { events: 0, links: 0 };

  constructor(group: SpanGroup, host: Span | undefined, beginning: Beginning) {
    this.group = group;
    this.#host = host;
    this.#beginning = beginning;
    this.#name = cut(beginning.name, group.maxTextLength);
    this.#startMs = group.timeMs(beginning.startTime);
    this.#attributes = new AttributeBag(group.maxTextLength);
  }

  /** Where a recorder stands behind another one, the span that both know has a group in each. */
  groupOf(owner: object): SpanGroup | undefined {
    if (this.group.owner === owner) return this.group;
    return this.#host instanceof RecordingSpan ? this.#host.groupOf(owner) : undefined;
  }

  spanContext(): SpanContext {
    return this.#beginning.context;
  }

  isRecording(): boolean {
    return this.#endMs === undefined;
  }

  setAttribute(key: string, value: unknown): this {
    return this.setAttributes({ [key]: value });
  }

  setAttributes(attributes: Attributes): this {
    if (!this.isRecording()) return this;
    this.keep(attributes);
    this.#host?.setAttributes(attributes);
    return this;
  }

  /** Kept here only: the host's span was created with them. */
  keep(attributes: Attributes): void {
    this.#attributes.set(attributes);
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (!this.isRecording()) return this;
    const isTime = isTimeInput(attributesOrTime);
    this.#keepEvent(name, isTime ? {} : (attributesOrTime ?? {}), isTime ? attributesOrTime : time);
    this.#host?.addEvent(name, attributesOrTime, time);
    return this;
  }

  #keepEvent(name: string, attributes: Attributes, time: TimeInput | undefined): void {
    if (this.#events.length >= maxEvents) {
      this.#dropped.events += 1;
      return;
    }
    const { maxTextLength } = this.group;
    const bag = new AttributeBag(maxTextLength, attributes);
    this.#events.push({ name: cut(name, maxTextLength), atMs: this.group.timeMs(time), attributes: bag.copy() });
  }

  addLink(link: Link): this {
    return this.addLinks([link]);
  }

  addLinks(links: Link[]): this {
    if (!this.isRecording()) return this;
    this.keepLinks(links);
    this.#host?.addLinks(links);
    return this;
  }

  /** Kept here only: the host's span was created with them. */
  keepLinks(links: readonly Link[]): void {
    for (const { context, attributes = {} } of links) {
      const bag = new AttributeBag(this.group.maxTextLength, attributes);
      if (this.#links.length < maxLinks) this.#links.push({ context: { ...context }, attributes: bag.copy() });
      else this.#dropped.links += 1;
    }
  }

  /** As the API says: `OK` is final, and unsetting does nothing. */
  setStatus(status: SpanStatus): this {
    if (!this.isRecording()) return this;
    const isFinal = this.#status.code === SpanStatusCode.OK || status.code === SpanStatusCode.UNSET;
    if (!isFinal) this.#status = keptStatus(status, this.group.maxTextLength);
    this.#host?.setStatus(status);
    return this;
  }

  updateName(name: string): this {
    if (!this.isRecording()) return this;
    this.#name = cut(name, this.group.maxTextLength);
    this.#host?.updateName(name);
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    if (!this.isRecording()) return;
    this.#keepEvent("exception", exceptionAttributes(exception), time);
    this.#host?.recordException(exception, time);
  }

  end(endTime?: TimeInput): void {
    if (!this.isRecording()) return;
    this.#endMs = Math.max(this.#startMs, this.group.timeMs(endTime));
    this.#host?.end(endTime);
  }

  /** As it stands now. */
  copy(): RecordedSpan {
    const { context, parentSpanId, kind, scope } = this.#beginning;
    return {
      ...{ traceId: context.traceId, spanId: context.spanId, parentSpanId, name: this.#name, kind, scope },
      ...{ startMs: this.#startMs, endMs: this.#endMs, status: this.#status },
      attributes: this.#attributes.copy(),
      events: [...this.#events],
      links: [...this.#links],
      dropped: { attributes: this.#attributes.dropped, ...this.#dropped },
    };
  }
}

function keptStatus({ code, message }: SpanStatus, maxTextLength: number): SpanStatus {
  // The API keeps a message with an error only.
  if (code !== SpanStatusCode.ERROR || message === undefined) return { code };
  return { code, message: cut(message, maxTextLength) };
}

function isTimeInput(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === "number" || value instanceof Date || Array.isArray(value);
}

/** Names of the OpenTelemetry conventions for exceptions. */
function exceptionAttributes(exception: Exception): Attributes {
  if (typeof exception === "string") return { "exception.message": exception };
  const { code, name, message, stack } = exception;
  const type = code ?? name;
  return {
    ...(type !== undefined && { "exception.type": String(type) }),
    ...(message !== undefined && { "exception.message": message }),
    ...(stack !== undefined && { "exception.stacktrace": stack }),
  };
}
