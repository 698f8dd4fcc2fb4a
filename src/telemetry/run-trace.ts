/**
 * The spans of a run: `invoke_workflow` over `step` over `chat` and `execute_tool`. Uses the OpenTelemetry API only; without
 * an SDK all of it does nothing. Contexts are passed explicitly. May import `policy`, `catalog`, `confidence`, `tiers` and
 * `common`.
 * @module
 */
import { isSpanContextValid, SpanKind, trace, type Attributes, type Context, type Tracer } from "@opentelemetry/api";
import type { Endpoint } from "../catalog/endpoint.ts";
import type { Decision } from "../policy/decision.ts";
import type { Complexity } from "../tiers/complexity.ts";
import { formatLabel, type Label, type Privacy } from "../tiers/label.ts";
import { OpenSpan, type SpanEnd, type SpanStart } from "./open-span.ts";
import * as names from "./semconv.ts";
import { plainTrace, type TraceSettings } from "./trace-settings.ts";

export interface RunFacts {
  readonly runId: string;
  readonly graph: string;
  readonly graphVersion: string;
  readonly labelled: boolean;
  readonly conversationId?: string | undefined;
  /** @default spans of Tierwise alone, without content */
  readonly settings?: TraceSettings;
}

export interface StepFactsForTrace {
  readonly name: string;
  /** Without the positions in lists and loops: a span's name must not have as many values as a list has items. */
  readonly staticName: string;
  /** Position of the item or iteration that the step belongs to. */
  readonly item: number | undefined;
  readonly kind: string;
  readonly index: number;
  /** Items of the list, of a map. */
  readonly size: number | undefined;
  readonly label: Label;
  /** For steps that a policy places. */
  readonly placed: { readonly complexity: Complexity; readonly privacy: Privacy } | undefined;
}

export interface AttemptFacts {
  readonly endpoint: Endpoint;
  readonly number: number;
  readonly kind: string;
  readonly provider: string;
  readonly model: string;
  readonly server: { readonly address: string; readonly port: number } | undefined;
  readonly maxOutputTokens: number;
  readonly outputType: "text" | "json";
  readonly temperature: number | undefined;
  /** The answer comes in pieces. */
  readonly stream: boolean;
}

export interface ToolFacts {
  readonly name: string;
  readonly callId: string;
  readonly effect: string;
}

/** A person who is asked. */
export interface InterruptFacts {
  readonly step: string;
  readonly kind: "answer" | "approval" | "approve-tool";
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
  readonly #warned = new Set<string>();

  constructor(tracer: Tracer, facts: RunFacts, parent: Context) {
    this.#runId = facts.runId;
    this.#settings = facts.settings ?? plainTrace;
    const attributes = {
      [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_INVOKE_WORKFLOW,
      [names.ATTR_GEN_AI_AGENT_NAME]: facts.graph,
      [names.ATTR_GEN_AI_WORKFLOW_NAME]: facts.graph,
      [names.ATTR_RUN_ID]: facts.runId,
      [names.ATTR_GRAPH_VERSION]: facts.graphVersion,
      [names.ATTR_RUN_SEGMENT]: 1,
      [names.ATTR_PRIVACY_LABELLED]: facts.labelled,
      ...(facts.conversationId !== undefined && { [names.ATTR_GEN_AI_CONVERSATION_ID]: facts.conversationId }),
    };
    this.#span = new OpenSpan(
      tracer,
      () => ({ name: `invoke_workflow ${facts.graph}`, kind: SpanKind.INTERNAL, attributes }),
      parent,
    );
    const spanContext = trace.getSpanContext(this.#span.context);
    this.#tracer = spanContext !== undefined && isSpanContextValid(spanContext) ? tracer : undefined;
  }

  get traceId(): string {
    return this.#span.traceId;
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
    if (this.#warned.has(dimension)) return;
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

interface StepParent {
  readonly runId: string;
  readonly parent: Context;
  readonly settings: TraceSettings;
}

export class StepTrace {
  readonly span: OpenSpan;
  readonly settings: TraceSettings;
  /** Milliseconds that its requests waited for a place at their endpoints. */
  queueMs = 0;
  readonly #tracer: Tracer | undefined;
  /** What every span of the step carries. */
  #common: Attributes = {};

  constructor(tracer: Tracer | undefined, { runId, parent, settings }: StepParent, facts: () => StepFactsForTrace) {
    this.#tracer = tracer;
    this.settings = settings;
    const start = (): SpanStart => {
      const told = facts();
      this.#common = { [names.ATTR_RUN_ID]: runId, [names.ATTR_STEP_NAME]: told.name };
      const operation = told.kind === "map" ? "fanout" : "step";
      const attributes = { ...this.#common, ...stepAttributes(told) };
      return { name: `${operation} ${told.staticName}`, kind: SpanKind.INTERNAL, attributes };
    };
    this.span = new OpenSpan(tracer, start, parent);
  }

  decided(decision: Decision): void {
    if (!this.span.isRecording) return;
    const attributes = decisionAttributes(decision);
    this.span.set(attributes);
    this.span.event(names.EVENT_POLICY_DECISION, attributes);
  }

  attempt(facts: AttemptFacts): OpenSpan {
    const isOurs = this.settings.modelSpans === "tierwise";
    const start = (): SpanStart => ({
      name: `${isOurs ? "chat" : "attempt"} ${facts.model}`,
      kind: isOurs && facts.endpoint.location !== "in-process" ? SpanKind.CLIENT : SpanKind.INTERNAL,
      attributes: { ...this.#common, ...attemptAttributes(facts), ...(isOurs && requestAttributes(facts)) },
    });
    return new OpenSpan(this.#tracer, start, this.span.context);
  }

  tool({ name, callId, effect }: ToolFacts): OpenSpan {
    const start = (): SpanStart => ({
      name: `execute_tool ${name}`,
      kind: SpanKind.INTERNAL,
      attributes: {
        [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_EXECUTE_TOOL,
        [names.ATTR_GEN_AI_TOOL_NAME]: name,
        [names.ATTR_GEN_AI_TOOL_TYPE]: "function",
        [names.ATTR_GEN_AI_TOOL_CALL_ID]: callId,
        [names.ATTR_TOOL_ATTEMPT]: 1,
        [names.ATTR_TOOL_EFFECT]: effect,
        ...this.#common,
      },
    });
    return new OpenSpan(this.#tracer, start, this.span.context);
  }
}

function stepAttributes({ name, kind, index, size, label, placed, item }: StepFactsForTrace): Attributes {
  return {
    ...(item !== undefined && { [names.ATTR_FANOUT_INDEX]: item }),
    ...(size !== undefined && { [names.ATTR_FANOUT_SIZE]: size }),
    [names.ATTR_STEP_KIND]: kind,
    [names.ATTR_STEP_INDEX]: index,
    [names.ATTR_PRIVACY_LABEL]: formatLabel(label, label.integrity),
    ...(placed && {
      [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_INVOKE_AGENT,
      [names.ATTR_GEN_AI_AGENT_NAME]: name,
      [names.ATTR_COMPLEXITY_TIER]: placed.complexity,
      [names.ATTR_PRIVACY_TIER]: placed.privacy,
    }),
  };
}

function decisionAttributes(decision: Decision): Attributes {
  return {
    [names.ATTR_POLICY_RULE]: decision.decidedBy,
    [names.ATTR_POLICY_VERSION]: `${decision.policy.name}@${decision.policy.version}`,
    [names.ATTR_POLICY_REASON]: decision.reason,
    [names.ATTR_POLICY_CLASS]: decision.class,
    [names.ATTR_POLICY_MODEL]: decision.ladder[0]?.endpoint ?? "",
    [names.ATTR_POLICY_REJECTED]: decision.refused.map(
      ({ endpoint, rule, reason }) => `${endpoint}: ${rule}: ${reason}`,
    ),
    ...(decision.flags.length > 0 && { [names.ATTR_POLICY_FLAGS]: [...decision.flags] }),
    ...(decision.assignments.length > 0 && {
      [names.ATTR_POLICY_ARMS]: decision.assignments.map(({ experiment, arm }) => `${experiment}=${arm}`),
    }),
  };
}

/** What makes back ends count a span as a model call, so it stands on one of two spans of the same call only. */
function requestAttributes(facts: AttemptFacts): Attributes {
  const { server, temperature } = facts;
  return {
    [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_CHAT,
    [names.ATTR_GEN_AI_PROVIDER_NAME]: facts.provider,
    [names.ATTR_GEN_AI_REQUEST_MODEL]: facts.model,
    [names.ATTR_GEN_AI_REQUEST_MAX_TOKENS]: facts.maxOutputTokens,
    ...(temperature !== undefined && { [names.ATTR_GEN_AI_REQUEST_TEMPERATURE]: temperature }),
    [names.ATTR_GEN_AI_REQUEST_STREAM]: facts.stream,
    [names.ATTR_GEN_AI_OUTPUT_TYPE]: facts.outputType,
    ...(server && { [names.ATTR_SERVER_ADDRESS]: server.address, [names.ATTR_SERVER_PORT]: server.port }),
  };
}

function attemptAttributes(facts: AttemptFacts): Attributes {
  const { endpoint } = facts;
  return {
    [names.ATTR_MODEL_ENDPOINT]: endpoint.name,
    [names.ATTR_MODEL_CLASS]: endpoint.class,
    [names.ATTR_MODEL_LOCATION]: endpoint.location,
    ...(endpoint.standIn && { [names.ATTR_MODEL_STAND_IN]: true }),
    [names.ATTR_ATTEMPT_NUMBER]: facts.number,
    [names.ATTR_ATTEMPT_KIND]: facts.kind,
  };
}
