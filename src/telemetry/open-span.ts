import {
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  INVALID_SPANID,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanKind,
  type Tracer,
} from "@opentelemetry/api";
import { ATTR_ERROR_TYPE } from "./semconv.ts";
import { unharmed } from "./unharmed.ts";

export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly links?: Link[];
}

/** How a span ends: attributes known only now, and `errorType` if, and only if, its own operation failed. */
export interface SpanEnd {
  readonly attributes?: Attributes;
  readonly errorType?: string | undefined;
  /** Short text for the status; never a prompt or output. */
  readonly message?: string;
}

const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/**
 * A span with its context, passed explicitly; the one place that ends spans, exactly once each. What the host's sampler or
 * processors throw goes to OpenTelemetry's diagnostics: telemetry never breaks a run.
 */
export class OpenSpan {
  readonly context: Context;
  readonly #span: Span;
  #open = true;

  /**
   * @param tracer `undefined` where nobody traces: no span is started, and what is below nests below the parent
   * @param start asked only where somebody traces
   */
  constructor(tracer: Tracer | undefined, start: () => SpanStart, parent: Context) {
    if (tracer === undefined) {
      this.#span = noSpan;
      this.context = parent;
      return;
    }
    const { name, ...options } = start();
    // Where no span could be started, what is below nests below the parent.
    this.#span =
      unharmed(() => tracer.startSpan(name, options, parent)) ??
      trace.wrapSpanContext(trace.getSpanContext(parent) ?? INVALID_SPAN_CONTEXT);
    // Checking the form of ids costs a regular expression each; without an SDK they are all zeros.
    const isSpan = this.#span.isRecording() || this.#span.spanContext().spanId !== INVALID_SPANID;
    this.context = isSpan ? trace.setSpan(parent, this.#span) : parent;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  get isRecording(): boolean {
    return this.#open && this.#span.isRecording();
  }

  /** Runs code that is not ours, so that its own spans nest below this one whatever context manager is installed. */
  run<T>(work: () => T): T {
    return contextApi.with(this.context, work);
  }

  set(attributes: Attributes): void {
    unharmed(() => this.isRecording && this.#span.setAttributes(attributes));
  }

  event(name: string, attributes: Attributes): void {
    unharmed(() => this.isRecording && this.#span.addEvent(name, attributes));
  }

  end({ attributes, errorType, message }: SpanEnd = {}): void {
    if (!this.#open) return;
    if (attributes !== undefined) this.set(attributes);
    if (errorType !== undefined) {
      this.set({ [ATTR_ERROR_TYPE]: errorType });
      const status = message === undefined ? {} : { message };
      unharmed(() => this.#span.setStatus({ code: SpanStatusCode.ERROR, ...status }));
    }
    this.#open = false;
    unharmed(() => this.#span.end());
  }
}
