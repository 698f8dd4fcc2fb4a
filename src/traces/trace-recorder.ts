/**
 * Traces without an OpenTelemetry SDK: keeps the spans of the last runs in memory, prints them and exports them. Start here;
 * `recording-span.ts` is what is kept of one span, `format-trace.ts` the text, `export-run.ts` the file. Reads nothing but
 * spans, so that what it shows is what a back end would show. May import `telemetry` and `common`.
 * @module
 */
import { trace, type Attributes, type Tracer, type TracerOptions, type TracerProvider } from "@opentelemetry/api";
import { systemClock, type Clock } from "../common/clock.ts";
import { OptionReader } from "../common/option-reader.ts";
import { DefinitionError, InputError, type Problem } from "../errors.ts";
import { ATTR_GEN_AI_OPERATION_NAME, ATTR_RUN_ID, OPERATION_INVOKE_WORKFLOW } from "../telemetry/semconv.ts";
import type { RecordedSpan, RecordedTrace } from "./recorded-trace.ts";
import type { RecordingSpan } from "./recording-span.ts";
import { RecordingTracer, type SpanKeeper } from "./recording-tracer.ts";
import { SpanGroup, type GroupLimits } from "./span-group.ts";

export interface TraceRecorderOptions {
  /** Runs that are kept, 1 to 10,000; a new one pushes out the oldest, which may still be under way. @default 20 */
  readonly maxRuns?: number;
  /** Spans of one run that are kept, 1 to 100,000; the first ones, and the trace says how many are missing. @default 1_000 */
  readonly maxSpans?: number;
  /** Characters of one text that are kept, 16 to 65,536: of a name, an attribute, an element of a list. @default 16_384 */
  readonly maxTextLength?: number;
  /** Who gets every span as well. @default the global provider that the host registered, if any */
  readonly tracerProvider?: TracerProvider;
  /** The one that the runtime has. @default the machine's */
  readonly clock?: Clock;
}

/** A run by its id, as `Run` and `RunResult` carry it. */
export type RunIdentity = string | { readonly id: string } | { readonly runId: string };

/** A tracer provider that remembers: give it to `createRuntime({ telemetry: { tracerProvider } })`. */
export interface TraceRecorder extends TracerProvider {
  /** A tracer whose spans are kept, and passed on where there is somebody to pass them to. */
  getTracer(name: string, version?: string, options?: TracerOptions): Tracer;
  /**
   * The spans of a run as they stand now, also of one that failed or is under way.
   * @throws {InputError} when it is not kept
   */
  trace(run: RunIdentity): RecordedTrace;
  /** Ids of the runs that are kept, the latest last. */
  runIds(): readonly string[];
}

/**
 * A recorder of the last runs, for a terminal or a file; it keeps what spans carry, which by default is no content. Per span it
 * keeps 128 attributes, events and links each, and of a list 128 elements. It registers nothing.
 * @throws {DefinitionError} `RUNTIME_INVALID`, with every mistake at once
 */
export function traceRecorder(options: TraceRecorderOptions = {}): TraceRecorder {
  const problems: Problem[] = [];
  const reader = new OptionReader(options, "traceRecorder", (path, message) => {
    problems.push({ code: "RUNTIME_INVALID", path, message });
  });
  reader.only(["maxRuns", "maxSpans", "maxTextLength", "tracerProvider", "clock"]);
  const maxRuns = reader.integer("maxRuns", { fallback: 20, min: 1, max: 10_000 });
  const maxSpans = reader.integer("maxSpans", { fallback: 1_000, min: 1, max: 100_000 });
  const maxTextLength = reader.integer("maxTextLength", { fallback: 16_384, min: 16, max: 65_536 });
  if (problems.length > 0) throw new DefinitionError("traceRecorder", problems, "RUNTIME_INVALID");
  const { clock = systemClock, tracerProvider } = options;
  return new MemoryRecorder({ clock, maxSpans, maxTextLength }, maxRuns, tracerProvider);
}

interface Kept {
  readonly group: SpanGroup;
  readonly root: RecordingSpan;
}

class MemoryRecorder implements TraceRecorder, SpanKeeper {
  readonly #limits: GroupLimits;
  readonly #maxRuns: number;
  readonly #host: TracerProvider | undefined;
  /** In the order in which they started. */
  readonly #groups = new Set<SpanGroup>();
  readonly #runs = new Map<string, Kept>();

  constructor(limits: GroupLimits, maxRuns: number, host: TracerProvider | undefined) {
    this.#limits = limits;
    this.#maxRuns = maxRuns;
    this.#host = host;
  }

  getTracer(name: string, version?: string, options?: TracerOptions): Tracer {
    const host = this.#hostProvider()?.getTracer(name, version, options);
    return new RecordingTracer({ scope: { name, version }, host, keeper: this });
  }

  /** A recorder that the host registered as the global provider must not ask itself. */
  #hostProvider(): TracerProvider | undefined {
    if (this.#host !== undefined) return this.#host;
    const found: TracerProvider & { getDelegate?: () => unknown } = trace.getTracerProvider();
    return found === this || found.getDelegate?.() === this ? undefined : found;
  }

  open(): SpanGroup {
    const group = new SpanGroup(this, this.#limits);
    this.#groups.add(group);
    for (const oldest of this.#groups) {
      if (this.#groups.size <= this.#maxRuns) break;
      this.#forget(oldest);
    }
    return group;
  }

  #forget(group: SpanGroup): void {
    this.#groups.delete(group);
    for (const [runId, kept] of this.#runs) if (kept.group === group) this.#runs.delete(runId);
  }

  keep(span: RecordingSpan, attributes: Attributes): void {
    span.group.add(span);
    const runId = attributes[ATTR_RUN_ID];
    const isRun = attributes[ATTR_GEN_AI_OPERATION_NAME] === OPERATION_INVOKE_WORKFLOW && typeof runId === "string";
    if (!isRun || !this.#groups.has(span.group) || span.group.spans.at(-1) !== span) return;
    this.#runs.delete(runId);
    this.#runs.set(runId, { group: span.group, root: span });
  }

  trace(run: RunIdentity): RecordedTrace {
    const runId = typeof run === "string" ? run : "runId" in run ? run.runId : run.id;
    const kept = this.#runs.get(runId);
    if (kept === undefined) throw notKept(runId, this.#maxRuns);
    const { traceId, spanId } = kept.root.spanContext();
    const { spans, droppedSpans } = kept.group;
    const takenAtMs = kept.group.timeMs();
    return { runId, traceId, takenAtMs, spans: below(spanId, spans), droppedSpans };
  }

  runIds(): readonly string[] {
    return [...this.#runs.keys()];
  }
}

/** A span and its descendants; parents start before their children. */
function below(rootId: string, spans: readonly RecordingSpan[]): RecordedSpan[] {
  const ids = new Set<string>([rootId]);
  return spans
    .map((span) => span.copy())
    .filter(({ spanId, parentSpanId }) => {
      if (parentSpanId !== undefined && ids.has(parentSpanId)) ids.add(spanId);
      return ids.has(spanId);
    });
}

function notKept(runId: string, maxRuns: number): InputError {
  return new InputError(
    "INPUT_INVALID",
    `trace recorder: run "${runId}" is not among the last ${maxRuns} that it saw. Give the recorder to ` +
      "createRuntime({ telemetry: { tracerProvider: recorder } }) before the run, or raise maxRuns.",
    { details: { runId, maxRuns } },
  );
}
