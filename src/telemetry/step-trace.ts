/** The span of a step, and those of the calls below it. */
import { SpanKind, type Attributes, type Context, type Tracer } from "@opentelemetry/api";
import type { Endpoint } from "../catalog/endpoint.ts";
import type { Decision } from "../policy/decision.ts";
import type { Complexity } from "../tiers/complexity.ts";
import { formatLabel, type Label, type Privacy } from "../tiers/label.ts";
import { OpenSpan, type SpanStart } from "./open-span.ts";
import * as names from "./semconv.ts";
import type { TraceSettings } from "./trace-settings.ts";

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

/** What stands above a step. */
export interface StepParent {
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
  #common: Attributes | undefined;

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
