import type { TimeInput } from "@opentelemetry/api";
import type { Clock } from "../common/clock.ts";
import type { RecordingSpan } from "./recording-span.ts";

export interface GroupLimits {
  readonly clock: Clock;
  readonly maxSpans: number;
  readonly maxTextLength: number;
}

/** A span without a parent that is recorded here, and all below it: most often one run. Bounded. */
export class SpanGroup {
  readonly owner: object;
  readonly maxTextLength: number;
  readonly #clock: Clock;
  readonly #maxSpans: number;
  readonly #startedEpochMs: number;
  readonly #startedMs: number;
  readonly #spans: RecordingSpan[] = [];
  #droppedSpans = 0;

  /** @param owner the recorder that it belongs to */
  constructor(owner: object, { clock, maxSpans, maxTextLength }: GroupLimits) {
    this.owner = owner;
    this.#clock = clock;
    this.#maxSpans = maxSpans;
    this.maxTextLength = maxTextLength;
    this.#startedEpochMs = clock.epochMs();
    this.#startedMs = clock.nowMs();
  }

  get spans(): readonly RecordingSpan[] {
    return this.#spans;
  }

  get droppedSpans(): number {
    return this.#droppedSpans;
  }

  /** The first ones are kept: what is below a span that is not kept would hang in the air. */
  add(span: RecordingSpan): void {
    if (this.#spans.length < this.#maxSpans) this.#spans.push(span);
    else this.#droppedSpans += 1;
  }

  /**
   * Epoch milliseconds of a moment, now by default. The wall clock is read once a group, so that no span ends before it
   * starts when the machine's clock is set.
   */
  timeMs(time?: TimeInput): number {
    if (time === undefined) return this.#startedEpochMs + this.#clock.nowMs() - this.#startedMs;
    if (typeof time !== "number") return time instanceof Date ? time.getTime() : time[0] * 1_000 + time[1] / 1e6;
    // A small number is what `performance.now()` gave, as OpenTelemetry's SDK reads it.
    return time < performance.timeOrigin ? performance.timeOrigin + time : time;
  }
}
