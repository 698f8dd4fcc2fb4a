/**
 * Every name that spans carry. `gen_ai.*` follows the OpenTelemetry GenAI conventions (repository
 * open-telemetry/semantic-conventions-genai, all in development), copied here because the published constants are frozen
 * and deprecated. Own names start with `tierwise.`.
 */

/** Version of the conventions these names were copied from. */
export const SEMCONV_GENAI_VERSION = "0.1.0";

export const ATTR_GEN_AI_OPERATION_NAME = "gen_ai.operation.name";
export const ATTR_GEN_AI_AGENT_NAME = "gen_ai.agent.name";
export const ATTR_GEN_AI_WORKFLOW_NAME = "gen_ai.workflow.name";
/** The host's own id of what the run is part of; only where it was given. */
export const ATTR_GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id";
export const ATTR_GEN_AI_PROVIDER_NAME = "gen_ai.provider.name";
export const ATTR_GEN_AI_REQUEST_MODEL = "gen_ai.request.model";
export const ATTR_GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
export const ATTR_GEN_AI_REQUEST_TEMPERATURE = "gen_ai.request.temperature";
export const ATTR_GEN_AI_REQUEST_STREAM = "gen_ai.request.stream";
export const ATTR_GEN_AI_OUTPUT_TYPE = "gen_ai.output.type";
export const ATTR_GEN_AI_RESPONSE_MODEL = "gen_ai.response.model";
export const ATTR_GEN_AI_RESPONSE_ID = "gen_ai.response.id";
export const ATTR_GEN_AI_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
/** Seconds from the request to the first piece of a streamed answer. */
export const ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";
export const ATTR_GEN_AI_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
export const ATTR_GEN_AI_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
export const ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens";
/** Tokens that the provider wrote to its cache: newer name of the next one, which back ends still read. */
export const ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS = "gen_ai.usage.cache_write.input_tokens";
export const ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = "gen_ai.usage.cache_creation.input_tokens";
export const ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens";
export const ATTR_GEN_AI_TOOL_NAME = "gen_ai.tool.name";
export const ATTR_GEN_AI_TOOL_TYPE = "gen_ai.tool.type";
export const ATTR_GEN_AI_TOOL_CALL_ID = "gen_ai.tool.call.id";
/** Content: only where the host switched it on and its clearance covers the label. JSON, as the conventions write messages. */
export const ATTR_GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages";
export const ATTR_GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages";
export const ATTR_GEN_AI_TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
export const ATTR_GEN_AI_TOOL_CALL_RESULT = "gen_ai.tool.call.result";
/** The same cost under the names by which other back ends add it up; only where the host asks for them. */
export const COST_ALIASES = ["gen_ai.usage.cost.total", "operation.cost", "llm.cost.total"] as const;
export const ATTR_SERVER_ADDRESS = "server.address";
export const ATTR_SERVER_PORT = "server.port";
export const ATTR_ERROR_TYPE = "error.type";

export const OPERATION_INVOKE_WORKFLOW = "invoke_workflow";
export const OPERATION_INVOKE_AGENT = "invoke_agent";
export const OPERATION_CHAT = "chat";
export const OPERATION_EXECUTE_TOOL = "execute_tool";

export const ATTR_RUN_ID = "tierwise.run.id";
export const ATTR_RUN_SEGMENT = "tierwise.run.segment";
export const ATTR_RUN_RESUMED_FROM_TRACE_ID = "tierwise.run.resumed_from.trace_id";
export const ATTR_RUN_RESUMED_FROM_SPAN_ID = "tierwise.run.resumed_from.span_id";
export const ATTR_RUN_OUTCOME = "tierwise.run.outcome";
export const ATTR_RUN_ESCALATED = "tierwise.run.escalated";
export const ATTR_GRAPH_VERSION = "tierwise.graph.version";
export const ATTR_PRIVACY_LABELLED = "tierwise.privacy.labelled";
export const ATTR_STEPS_EXECUTED = "tierwise.steps.executed";
export const ATTR_STEPS_SKIPPED = "tierwise.steps.skipped";
/** Steps whose value was kept from an earlier run; they do not count as executed. */
export const ATTR_STEPS_CACHED = "tierwise.steps.cached";
/** Cancelled steps did not fail. */
export const ATTR_STEPS_FAILED = "tierwise.steps.failed";
export const ATTR_LLM_CALLS = "tierwise.llm.calls";
export const ATTR_TOOL_CALLS = "tierwise.tool.calls";
export const ATTR_ESCALATIONS = "tierwise.escalations";
/** Requests to the endpoint that had just failed. */
export const ATTR_RETRIES = "tierwise.retries";
export const ATTR_TOKENS_INPUT = "tierwise.tokens.input";
export const ATTR_TOKENS_OUTPUT = "tierwise.tokens.output";
export const ATTR_COST_USD = "tierwise.cost.usd";
export const ATTR_COST_CURRENCY = "tierwise.cost.currency";
export const ATTR_COST_COMPLETE = "tierwise.cost.complete";
export const ATTR_COST_BUCKET = "tierwise.cost.bucket";
export const ATTR_COST_SLM_USD = "tierwise.cost.slm_usd";
export const ATTR_COST_LLM_USD = "tierwise.cost.llm_usd";
/** Calls of tools that declare a cost; where none was made it is left out. */
export const ATTR_COST_TOOL_USD = "tierwise.cost.tool_usd";
export const ATTR_COST_BASELINE_USD = "tierwise.cost.baseline_usd";
export const ATTR_COST_SAVED_USD = "tierwise.cost.saved_usd";
export const ATTR_COST_SOURCE = "tierwise.cost.source";
export const ATTR_COST_PRICE_VERSION = "tierwise.cost.price_version";
export const ATTR_BUDGET_LIMIT_USD = "tierwise.budget.limit_usd";
export const ATTR_BUDGET_SPENT_USD = "tierwise.budget.spent_usd";
export const ATTR_REPORT = "tierwise.report";

export const ATTR_STEP_NAME = "tierwise.step.name";
export const ATTR_STEP_KIND = "tierwise.step.kind";
export const ATTR_STEP_INDEX = "tierwise.step.index";
export const ATTR_STEP_OUTCOME = "tierwise.step.outcome";
export const ATTR_STEP_ATTEMPTS = "tierwise.step.attempts";
export const ATTR_STEP_ESCALATED = "tierwise.step.escalated";
/**
 * Endpoints in the order of escalation: who answered first, then whom each weak answer led to. Retries and the turns of a
 * tool loop add nothing; a fallback stands in the place of the endpoint that failed.
 */
export const ATTR_STEP_ESCALATION_PATH = "tierwise.step.escalation_path";
export const ATTR_STEP_COST_USD = "tierwise.step.cost_usd";
/** Milliseconds that the requests of the step waited for a place at their endpoints. */
export const ATTR_STEP_QUEUE_MS = "tierwise.step.queue_ms";
/** True where the value was kept from an earlier run. */
export const ATTR_STEP_CACHED = "tierwise.step.cached";
export const ATTR_STEP_TOKENS_INPUT = "tierwise.step.tokens.input";
export const ATTR_STEP_TOKENS_OUTPUT = "tierwise.step.tokens.output";
export const ATTR_COMPLEXITY_TIER = "tierwise.complexity.tier";
export const ATTR_PRIVACY_TIER = "tierwise.privacy.tier";
export const ATTR_PRIVACY_LABEL = "tierwise.privacy.label";
/** Of the whole policy: `name@version`. */
export const ATTR_POLICY_VERSION = "tierwise.policy.version";
export const ATTR_POLICY_REASON = "tierwise.policy.reason";
export const ATTR_POLICY_CLASS = "tierwise.policy.class";
export const ATTR_POLICY_MODEL = "tierwise.policy.model";
/** The rule, or the gate, that had the last word. */
export const ATTR_POLICY_RULE = "tierwise.policy.rule";
/** Position of the item of a map, or the number of a loop's iteration, that a step belongs to. */
export const ATTR_FANOUT_INDEX = "tierwise.fanout.index";
/** Items of the list of a map. */
export const ATTR_FANOUT_SIZE = "tierwise.fanout.size";
export const ATTR_POLICY_FLAGS = "tierwise.policy.flags";
/** Arms of experiments, as `experiment=arm`. */
export const ATTR_POLICY_ARMS = "tierwise.policy.arms";
export const ATTR_POLICY_REJECTED = "tierwise.policy.rejected";

export const ATTR_MODEL_ENDPOINT = "tierwise.model.endpoint";
export const ATTR_MODEL_CLASS = "tierwise.model.class";
export const ATTR_MODEL_LOCATION = "tierwise.model.location";
/** True when answers are scripted, not generated. */
export const ATTR_MODEL_STAND_IN = "tierwise.model.stand_in";
export const ATTR_ATTEMPT_NUMBER = "tierwise.attempt.number";
export const ATTR_ATTEMPT_KIND = "tierwise.attempt.kind";
export const ATTR_ATTEMPT_OUTCOME = "tierwise.attempt.outcome";
export const ATTR_ATTEMPT_REJECT_REASON = "tierwise.attempt.reject_reason";
export const ATTR_CONFIDENCE_KIND = "tierwise.confidence.kind";
export const ATTR_CONFIDENCE_RAW = "tierwise.confidence.raw";
export const ATTR_CONFIDENCE_CALIBRATED = "tierwise.confidence.calibrated";
export const ATTR_CONFIDENCE_THRESHOLD = "tierwise.confidence.threshold";
export const ATTR_USAGE_SOURCE = "tierwise.usage.source";
/** Always 1: a call is made once, because it may have had its effect. */
export const ATTR_TOOL_ATTEMPT = "tierwise.tool.attempt";
export const ATTR_TOOL_EFFECT = "tierwise.tool.effect";
/** Where the tool declares a cost. */
export const ATTR_TOOL_COST_USD = "tierwise.tool.cost_usd";
export const ATTR_TOOL_RESULT_BYTES = "tierwise.tool.result_bytes";
/** True where content was to be recorded and its label is above the host's clearance. */
export const ATTR_CONTENT_SUPPRESSED = "tierwise.content.suppressed";

/** True on a span that was exported before it ended. */
export const ATTR_UNFINISHED = "tierwise.span.unfinished";

export const EVENT_POLICY_DECISION = "tierwise.policy.decision";
export const EVENT_STEP_SKIPPED = "tierwise.step.skipped";
/** Settled and reserved together came near a cap: once for each dimension of a run. */
export const EVENT_BUDGET_WARNING = "tierwise.budget.warning";
/** `costUsd`, `tokens` or `calls`. */
export const ATTR_BUDGET_DIMENSION = "tierwise.budget.dimension";
/** Whose cap: `run` or `step`. */
export const ATTR_BUDGET_SCOPE = "tierwise.budget.scope";
/** A person is asked. */
export const EVENT_INTERRUPT = "tierwise.interrupt";
/** `answer`, `approval` or `approve-tool`. */
export const ATTR_INTERRUPT_KIND = "tierwise.interrupt.kind";

export const METRIC_GEN_AI_CLIENT_INFERENCE_DURATION = "gen_ai.client.inference.duration";
export const METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk";
export const METRIC_GEN_AI_CLIENT_INFERENCE_INPUT_TOKENS = "gen_ai.client.inference.usage.input_tokens";
export const METRIC_GEN_AI_CLIENT_INFERENCE_OUTPUT_TOKENS = "gen_ai.client.inference.usage.output_tokens";
export const METRIC_GEN_AI_INVOKE_AGENT_DURATION = "gen_ai.invoke_agent.duration";
export const METRIC_GEN_AI_EXECUTE_TOOL_DURATION = "gen_ai.execute_tool.duration";
export const METRIC_COST = "tierwise.cost";
export const METRIC_RUN_COST = "tierwise.run.cost";
export const METRIC_RUN_DURATION = "tierwise.run.duration";
export const METRIC_STEP_DURATION = "tierwise.step.duration";
export const METRIC_POLICY_DECISIONS = "tierwise.policy.decisions";
export const METRIC_ESCALATIONS = "tierwise.escalations";
export const METRIC_RETRIES = "tierwise.retries";
export const METRIC_BUDGET_EXCEEDED = "tierwise.budget.exceeded";
