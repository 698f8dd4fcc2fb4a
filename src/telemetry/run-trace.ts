/**
 * The spans of a run: `invoke_workflow` over `step` over `chat` and `execute_tool`. Uses the OpenTelemetry API only; without
 * an SDK all of it does nothing. Contexts are passed explicitly. May import `policy`, `catalog`, `confidence`, `tiers` and
 * `common`.
 * @module
 */
import {
  isSpanContextValid,
  SpanKind,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type Tracer,
} from "@opentelemetry/api";
import { OpenSpan, type SpanEnd } from "./open-span.ts";
import * as names from "./semconv.ts";
import { StepTrace, type StepFactsForTrace } from "./step-trace.ts";
import { plainTrace, type TraceSettings } from "./trace-settings.ts";

/** Ids of a run's span. */
export interface RunOrigin {
  readonly traceId: string;
  readonly spanId: string;
}

/** Of a run that was begun in another process. */
export interface ResumedFrom {
  /** From 2. */
  readonly segment: number;
  readonly from: RunOrigin | undefined;
}

export interface RunFacts {
  readonly runId: string;
  readonly graph: string;
  readonly graphVersion: string;
  readonly labelled: boolean;
  readonly conversationId?: string | undefined;
  readonly resumed?: ResumedFrom | undefined;
  /** @default spans of Tierwise alone, without content */
  readonly settings?: TraceSettings;
}

/** A person who is asked. */
export interface InterruptFacts {
  readonly step: string;
  readonly kind: "answer" | "approval" | "approve-tool" | "resolve-tool";
  readonly tool?: string;
}

/** A cap that is nearly used up. */
export interface WarningFacts {
  readonly dimension: string;
  readonly scope: string;
  readonly step: string | undefined;
}

/** Where the spans of a graph's steps go: below the run's, or below that of the step that runs the graph. */
export interface GraphTrace {
  /** Told on the span that the graph's steps stand below: a list may skip more steps than the SDK keeps events of one span. */
  skipped(step: string): void;
  /** @param facts asked only where somebody traces */
  step(facts: () => StepFactsForTrace): StepTrace;
  /** For a graph that a step runs. */
  below(step: StepTrace): GraphTrace;
}

export class RunTrace implements GraphTrace {
  /** `undefined` without an SDK: spans that nobody sees would double the cost of a step. */
  readonly #tracer: Tracer | undefined;
  readonly #runId: string;
  readonly #settings: TraceSettings;
  readonly #span: OpenSpan;
  /** Dimensions of budgets that were warned of. */
  #warned: Set<string> | undefined;

  constructor(tracer: Tracer, facts: RunFacts, parent: Context) {
    this.#runId = facts.runId;
    this.#settings = facts.settings ?? plainTrace;
    const attributes = {
      [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_INVOKE_WORKFLOW,
      [names.ATTR_GEN_AI_AGENT_NAME]: facts.graph,
      [names.ATTR_GEN_AI_WORKFLOW_NAME]: facts.graph,
      [names.ATTR_RUN_ID]: facts.runId,
      [names.ATTR_GRAPH_VERSION]: facts.graphVersion,
      [names.ATTR_RUN_SEGMENT]: facts.resumed?.segment ?? 1,
      ...resumedAttributes(facts.resumed),
      [names.ATTR_PRIVACY_LABELLED]: facts.labelled,
      ...(facts.conversationId !== undefined && { [names.ATTR_GEN_AI_CONVERSATION_ID]: facts.conversationId }),
    };
    this.#span = new OpenSpan(
      tracer,
      () => ({
        ...{ name: `invoke_workflow ${facts.graph}`, kind: SpanKind.INTERNAL, attributes },
        links: linksOf(facts.resumed),
      }),
      parent,
    );
    const spanContext = trace.getSpanContext(this.#span.context);
    this.#tracer = spanContext !== undefined && isSpanContextValid(spanContext) ? tracer : undefined;
  }

  get traceId(): string {
    return this.#span.traceId;
  }

  /** For those who resume the run; `undefined` where nobody traces. */
  get origin(): RunOrigin | undefined {
    const found = trace.getSpanContext(this.#span.context);
    return found === undefined ? undefined : { traceId: found.traceId, spanId: found.spanId };
  }

  skipped(step: string): void {
    this.#span.event(names.EVENT_STEP_SKIPPED, { [names.ATTR_STEP_NAME]: step });
  }

  get isRecording(): boolean {
    return this.#span.isRecording;
  }

  interrupted({ step, kind, tool }: InterruptFacts): void {
    this.#span.event(names.EVENT_INTERRUPT, {
      [names.ATTR_STEP_NAME]: step,
      [names.ATTR_INTERRUPT_KIND]: kind,
      ...(tool !== undefined && { [names.ATTR_GEN_AI_TOOL_NAME]: tool }),
    });
  }

  /** Once for each dimension: which of several caps it was first. */
  budgetNearCap({ dimension, scope, step }: WarningFacts): void {
    if (this.#warned?.has(dimension)) return;
    this.#warned ??= new Set();
    this.#warned.add(dimension);
    this.#span.event(names.EVENT_BUDGET_WARNING, {
      [names.ATTR_BUDGET_DIMENSION]: dimension,
      [names.ATTR_BUDGET_SCOPE]: scope,
      ...(step !== undefined && { [names.ATTR_STEP_NAME]: step }),
    });
  }

  step(facts: () => StepFactsForTrace): StepTrace {
    return this.#stepBelow(this.#span.context, facts);
  }

  #stepBelow(parent: Context, facts: () => StepFactsForTrace): StepTrace {
    return new StepTrace(this.#tracer, { runId: this.#runId, parent, settings: this.#settings }, facts);
  }

  below(step: StepTrace): GraphTrace {
    const nested: GraphTrace = {
      skipped: (name) => step.span.event(names.EVENT_STEP_SKIPPED, { [names.ATTR_STEP_NAME]: name }),
      step: (facts) => this.#stepBelow(step.span.context, facts),
      below: (inner) => this.below(inner),
    };
    return nested;
  }

  /** @param attributes built only when somebody records them */
  end(attributes: () => Attributes, end: SpanEnd): void {
    this.#span.end({ ...end, ...(this.#span.isRecording ? { attributes: attributes() } : {}) });
  }
}

/** Jaeger shows a link without its attributes and on the newer span only, so the ids are repeated. */
function resumedAttributes(resumed: ResumedFrom | undefined): Attributes {
  if (resumed?.from === undefined) return {};
  const { traceId, spanId } = resumed.from;
  return { [names.ATTR_RUN_RESUMED_FROM_TRACE_ID]: traceId, [names.ATTR_RUN_RESUMED_FROM_SPAN_ID]: spanId };
}

function linksOf(resumed: ResumedFrom | undefined): Link[] {
  return resumed?.from === undefined ? [] : [{ context: { ...resumed.from, traceFlags: TraceFlags.SAMPLED } }];
}
