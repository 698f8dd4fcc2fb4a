import { randomBytes } from "node:crypto";
import {
  context as contextApi,
  diag,
  isSpanContextValid,
  SpanKind,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
} from "@opentelemetry/api";
import { RecordingSpan } from "./recording-span.ts";
import type { SpanGroup } from "./span-group.ts";

/** Where spans are kept. */
export interface SpanKeeper {
  /** The group of a new span that has no parent here. */
  open(): SpanGroup;
  /** @param attributes those at creation */
  keep(span: RecordingSpan, attributes: Attributes): void;
}

interface TracerSetting {
  readonly scope: { readonly name: string; readonly version: string | undefined };
  readonly host: Tracer | undefined;
  readonly keeper: SpanKeeper;
}

/** Starts spans that are kept here, and the host's beside them. */
export class RecordingTracer implements Tracer {
  readonly #setting: TracerSetting;

  constructor(setting: TracerSetting) {
    this.#setting = setting;
  }

  startSpan(name: string, options: SpanOptions = {}, context: Context = contextApi.active()): Span {
    const { scope, keeper } = this.#setting;
    const above = options.root === true ? undefined : trace.getSpan(context);
    const parent = above !== undefined && isSpanContextValid(above.spanContext()) ? above.spanContext() : undefined;
    const host = this.#hostSpan(name, options, context);
    const group = (above instanceof RecordingSpan ? above.groupOf(keeper) : undefined) ?? keeper.open();
    const span = new RecordingSpan(group, host, {
      ...{ name, scope, kind: options.kind ?? SpanKind.INTERNAL, startTime: options.startTime },
      context: contextOf(host, parent),
      parentSpanId: parent?.spanId,
    });
    span.keep(options.attributes ?? {});
    span.keepLinks(options.links ?? []);
    keeper.keep(span, options.attributes ?? {});
    return span;
  }

  /** What the host's provider throws is its own affair: the span is recorded all the same. */
  #hostSpan(name: string, options: SpanOptions, context: Context): Span | undefined {
    try {
      return this.#setting.host?.startSpan(name, options, context);
    } catch (error) {
      diag.error("tierwise: the tracer provider behind the trace recorder threw", error);
      return undefined;
    }
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, fn: F): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, fn: F): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    context: Context,
    fn: F,
  ): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(name: string, ...rest: readonly unknown[]): ReturnType<F> {
    const fn = rest.at(-1) as F;
    const [options, given] = rest.slice(0, -1) as [SpanOptions?, Context?];
    const context = given ?? contextApi.active();
    const span = this.startSpan(name, options, context);
    return contextApi.with(trace.setSpan(context, span), () => fn(span) as ReturnType<F>);
  }
}

/**
 * The host's ids, so that its back end and this trace agree. Without an SDK the API answers with the parent's span instead
 * of a new one; then the ids are our own, below the parent.
 */
function contextOf(host: Span | undefined, parent: SpanContext | undefined): SpanContext {
  const given = host?.spanContext();
  if (given !== undefined && isSpanContextValid(given) && given.spanId !== parent?.spanId) return given;
  return {
    traceId: parent?.traceId ?? randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    traceFlags: parent?.traceFlags ?? TraceFlags.SAMPLED,
  };
}
