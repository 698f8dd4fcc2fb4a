import { context as contextApi, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";

/** An SDK that is registered for the whole process, as instrumentations of other libraries need it. */
export class GlobalSpans {
  readonly #exporter = new InMemorySpanExporter();
  readonly provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: this.#exporter })] });

  static register(): GlobalSpans {
    const spans = new GlobalSpans();
    trace.setGlobalTracerProvider(spans.provider);
    contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    return spans;
  }

  unregister(): void {
    trace.disable();
    contextApi.disable();
  }

  async ended(): Promise<readonly ReadableSpan[]> {
    await this.provider.forceFlush();
    return this.#exporter.getFinishedSpans();
  }

  /** The spans of one instrumentation, each with the span around it, in the order in which they ended. */
  async below(scope: string): Promise<readonly Nested[]> {
    const spans = await this.ended();
    const own = spans.filter(({ instrumentationScope }) => instrumentationScope.name.endsWith(scope));
    return own.map((span) => ({ span, parent: parentOf(spans, span) }));
  }
}

export interface Nested {
  readonly span: ReadableSpan;
  readonly parent: ReadableSpan | undefined;
}

export function parentOf(spans: readonly ReadableSpan[], child: ReadableSpan): ReadableSpan | undefined {
  return spans.find((span) => span.spanContext().spanId === child.parentSpanContext?.spanId);
}
