import type { Attributes } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  SamplingDecision,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import { expect } from "vitest";

/** An SDK that keeps every span, and writes down the order in which they start and end. */
export class Recorder implements SpanProcessor {
  readonly order: string[] = [];
  readonly created = new Map<string, Attributes>();
  readonly #exporter = new InMemorySpanExporter();
  readonly provider: TracerProvider;

  constructor() {
    const sampler: Sampler = {
      shouldSample: (...[, , name, , attributes]) => {
        this.created.set(name, { ...attributes });
        return { decision: SamplingDecision.RECORD_AND_SAMPLED };
      },
    };
    const spanProcessors = [this, new SimpleSpanProcessor({ exporter: this.#exporter })];
    this.provider = new TracerProvider({ spanProcessors, sampler });
  }

  onStart(span: ReadableSpan): void {
    this.order.push(`start ${span.spanContext().spanId}`);
  }

  onEnd(span: ReadableSpan): void {
    this.order.push(`end ${span.spanContext().spanId}`);
  }

  forceFlush = () => Promise.resolve();
  shutdown = () => Promise.resolve();

  async spans(): Promise<readonly ReadableSpan[]> {
    await this.provider.forceFlush();
    return this.#exporter.getFinishedSpans();
  }

  async named(name: string): Promise<ReadableSpan> {
    const found = (await this.spans()).filter((span) => span.name === name);
    expect(found, name).toHaveLength(1);
    return found[0]!;
  }

  /** The trace as indented names, siblings in the order in which they started. */
  async tree(): Promise<string[]> {
    const spans = await this.spans();
    const startedAt = (span: ReadableSpan): number => this.order.indexOf(`start ${span.spanContext().spanId}`);
    const below = (parent: string | undefined, depth: number): string[] =>
      spans
        .filter((span) => (span.parentSpanContext?.spanId ?? undefined) === parent)
        .sort((a, b) => startedAt(a) - startedAt(b))
        .flatMap((span) => [`${"  ".repeat(depth)}${span.name}`, ...below(span.spanContext().spanId, depth + 1)]);
    return below(undefined, 0);
  }

  /** Everything that started has ended, and no parent before its child. */
  async expectWellFormed(): Promise<void> {
    const spans = await this.spans();
    expect(this.order.filter((entry) => entry.startsWith("end"))).toHaveLength(spans.length);
    expect(this.order).toHaveLength(2 * spans.length);
    for (const span of spans) {
      const parent = span.parentSpanContext?.spanId;
      if (parent === undefined) continue;
      const ended = this.order.indexOf(`end ${span.spanContext().spanId}`);
      const parentEnded = this.order.indexOf(`end ${parent}`);
      expect(parentEnded, `${span.name} ends before its parent`).toBeGreaterThan(ended);
      expect(span.spanContext().traceId).toBe(spans[0]!.spanContext().traceId);
    }
  }
}
