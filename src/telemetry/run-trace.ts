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
import { OpenSpan, type SpanEnd } from "./open-span.ts";
import * as names from "./semconv.ts";

export interface RunFacts {
  readonly runId: string;
  readonly graph: string;
  readonly graphVersion: string;
  readonly labelled: boolean;
}

export interface StepFactsForTrace {
  readonly name: string;
  readonly kind: string;
  readonly index: number;
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
}

export interface ToolFacts {
  readonly name: string;
  readonly callId: string;
  readonly effect: string;
}

export class RunTrace {
  readonly #tracer: Tracer;
  readonly #facts: RunFacts;
  readonly #span: OpenSpan;
  /** Without an SDK, building attributes would double the cost of a step. */
  readonly #traced: boolean;

  constructor(tracer: Tracer, facts: RunFacts, parent: Context) {
    this.#tracer = tracer;
    this.#facts = facts;
    const attributes = {
      [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_INVOKE_WORKFLOW,
      [names.ATTR_GEN_AI_AGENT_NAME]: facts.graph,
      [names.ATTR_GEN_AI_WORKFLOW_NAME]: facts.graph,
      [names.ATTR_RUN_ID]: facts.runId,
      [names.ATTR_GRAPH_VERSION]: facts.graphVersion,
      [names.ATTR_RUN_SEGMENT]: 1,
      [names.ATTR_PRIVACY_LABELLED]: facts.labelled,
    };
    this.#span = new OpenSpan(
      tracer,
      { name: `invoke_workflow ${facts.graph}`, kind: SpanKind.INTERNAL, attributes },
      parent,
    );
    const spanContext = trace.getSpanContext(this.#span.context);
    this.#traced = spanContext !== undefined && isSpanContextValid(spanContext);
  }

  get traceId(): string {
    return this.#span.traceId;
  }

  skipped(step: string): void {
    this.#span.event(names.EVENT_STEP_SKIPPED, { [names.ATTR_STEP_NAME]: step });
  }

  step(facts: StepFactsForTrace): StepTrace {
    return new StepTrace(
      this.#tracer,
      { runId: this.#facts.runId, traced: this.#traced, parent: this.#span.context },
      facts,
    );
  }

  /** @param attributes built only when somebody records them */
  end(attributes: () => Attributes, end: SpanEnd): void {
    this.#span.end({ ...end, ...(this.#span.isRecording ? { attributes: attributes() } : {}) });
  }
}

interface StepParent {
  readonly runId: string;
  readonly traced: boolean;
  readonly parent: Context;
}

export class StepTrace {
  readonly span: OpenSpan;
  readonly #tracer: Tracer;
  readonly #common: Attributes;
  readonly #traced: boolean;

  constructor(tracer: Tracer, { runId, traced, parent }: StepParent, facts: StepFactsForTrace) {
    this.#tracer = tracer;
    this.#traced = traced;
    this.#common = traced ? { [names.ATTR_RUN_ID]: runId, [names.ATTR_STEP_NAME]: facts.name } : {};
    const attributes = traced ? { ...this.#common, ...stepAttributes(facts) } : {};
    this.span = new OpenSpan(tracer, { name: `step ${facts.name}`, kind: SpanKind.INTERNAL, attributes }, parent);
  }

  decided(decision: Decision): void {
    if (!this.span.isRecording) return;
    const attributes = decisionAttributes(decision);
    this.span.set(attributes);
    this.span.event(names.EVENT_POLICY_DECISION, attributes);
  }

  attempt(facts: AttemptFacts): OpenSpan {
    const kind = facts.endpoint.location === "in-process" ? SpanKind.INTERNAL : SpanKind.CLIENT;
    const attributes = this.#traced ? { ...attemptAttributes(facts), ...this.#common } : {};
    return new OpenSpan(this.#tracer, { name: `chat ${facts.model}`, kind, attributes }, this.span.context);
  }

  tool({ name, callId, effect }: ToolFacts): OpenSpan {
    const attributes = this.#traced
      ? {
          [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_EXECUTE_TOOL,
          [names.ATTR_GEN_AI_TOOL_NAME]: name,
          [names.ATTR_GEN_AI_TOOL_TYPE]: "function",
          [names.ATTR_GEN_AI_TOOL_CALL_ID]: callId,
          [names.ATTR_TOOL_EFFECT]: effect,
          ...this.#common,
        }
      : {};
    return new OpenSpan(
      this.#tracer,
      { name: `execute_tool ${name}`, kind: SpanKind.INTERNAL, attributes },
      this.span.context,
    );
  }
}

function stepAttributes({ name, kind, index, label, placed }: StepFactsForTrace): Attributes {
  return {
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
    [names.ATTR_POLICY_RULE]: decision.policy.name,
    [names.ATTR_POLICY_VERSION]: decision.policy.version,
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

function attemptAttributes(facts: AttemptFacts): Attributes {
  const { endpoint, server } = facts;
  return {
    [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_CHAT,
    [names.ATTR_GEN_AI_PROVIDER_NAME]: facts.provider,
    [names.ATTR_GEN_AI_REQUEST_MODEL]: facts.model,
    [names.ATTR_GEN_AI_REQUEST_MAX_TOKENS]: facts.maxOutputTokens,
    [names.ATTR_GEN_AI_OUTPUT_TYPE]: facts.outputType,
    ...(server && { [names.ATTR_SERVER_ADDRESS]: server.address, [names.ATTR_SERVER_PORT]: server.port }),
    [names.ATTR_MODEL_ENDPOINT]: endpoint.name,
    [names.ATTR_MODEL_CLASS]: endpoint.class,
    [names.ATTR_MODEL_LOCATION]: endpoint.location,
    ...(endpoint.standIn && { [names.ATTR_MODEL_STAND_IN]: true }),
    [names.ATTR_ATTEMPT_NUMBER]: facts.number,
    [names.ATTR_ATTEMPT_KIND]: facts.kind,
  };
}
