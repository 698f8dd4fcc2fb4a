import type { Attributes } from "@opentelemetry/api";
import { DataPointType, MeterProvider, MetricReader, type ResourceMetrics } from "@opentelemetry/sdk-metrics";

class OnDemand extends MetricReader {
  protected onForceFlush = () => Promise.resolve();
  protected onShutdown = () => Promise.resolve();
}

/** One series: a counter has a sum; a histogram a count, too. */
export interface Series {
  readonly attributes: Attributes;
  readonly sum: number;
  readonly count?: number;
}

/** An SDK for metrics that is read when a test asks. */
export class MetricRecorder {
  readonly #reader = new OnDemand();
  readonly provider = new MeterProvider({ readers: [this.#reader] });

  async collected(): Promise<ResourceMetrics> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors);
    return resourceMetrics;
  }

  /** By name of the instrument; sums to twelve digits, because money adds up in floating point. */
  async series(): Promise<Readonly<Record<string, Series[]>>> {
    const { scopeMetrics } = await this.collected();
    const found = scopeMetrics.flatMap(({ metrics }) => metrics);
    return Object.fromEntries(
      found.map((metric) => [
        metric.descriptor.name,
        metric.dataPointType === DataPointType.HISTOGRAM
          ? metric.dataPoints.map(({ attributes, value }) => ({
              ...{ attributes, sum: rounded(value.sum ?? 0), count: value.count },
            }))
          : metric.dataPoints.map(({ attributes, value }) => ({ attributes, sum: rounded(value as number) })),
      ]),
    );
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
