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
export const ATTR_GEN_AI_PROVIDER_NAME = "gen_ai.provider.name";
export const ATTR_GEN_AI_REQUEST_MODEL = "gen_ai.request.model";
export const ATTR_GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
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
export const ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = "gen_ai.usage.cache_creation.input_tokens";
export const ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens";
export const ATTR_GEN_AI_TOOL_NAME = "gen_ai.tool.name";
export const ATTR_GEN_AI_TOOL_TYPE = "gen_ai.tool.type";
export const ATTR_GEN_AI_TOOL_CALL_ID = "gen_ai.tool.call.id";
export const ATTR_SERVER_ADDRESS = "server.address";
export const ATTR_SERVER_PORT = "server.port";
export const ATTR_ERROR_TYPE = "error.type";

export const OPERATION_INVOKE_WORKFLOW = "invoke_workflow";
export const OPERATION_INVOKE_AGENT = "invoke_agent";
export const OPERATION_CHAT = "chat";
export const OPERATION_EXECUTE_TOOL = "execute_tool";

export const ATTR_RUN_ID = "tierwise.run.id";
export const ATTR_RUN_SEGMENT = "tierwise.run.segment";
export const ATTR_RUN_OUTCOME = "tierwise.run.outcome";
export const ATTR_RUN_ESCALATED = "tierwise.run.escalated";
export const ATTR_GRAPH_VERSION = "tierwise.graph.version";
export const ATTR_PRIVACY_LABELLED = "tierwise.privacy.labelled";
export const ATTR_STEPS_EXECUTED = "tierwise.steps.executed";
export const ATTR_STEPS_SKIPPED = "tierwise.steps.skipped";
export const ATTR_STEPS_FAILED = "tierwise.steps.failed";
export const ATTR_LLM_CALLS = "tierwise.llm.calls";
export const ATTR_TOOL_CALLS = "tierwise.tool.calls";
export const ATTR_ESCALATIONS = "tierwise.escalations";
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
export const ATTR_STEP_ESCALATION_PATH = "tierwise.step.escalation_path";
export const ATTR_STEP_COST_USD = "tierwise.step.cost_usd";
export const ATTR_STEP_TOKENS_INPUT = "tierwise.step.tokens.input";
export const ATTR_STEP_TOKENS_OUTPUT = "tierwise.step.tokens.output";
export const ATTR_COMPLEXITY_TIER = "tierwise.complexity.tier";
export const ATTR_PRIVACY_TIER = "tierwise.privacy.tier";
export const ATTR_PRIVACY_LABEL = "tierwise.privacy.label";
export const ATTR_POLICY_VERSION = "tierwise.policy.version";
export const ATTR_POLICY_REASON = "tierwise.policy.reason";
export const ATTR_POLICY_CLASS = "tierwise.policy.class";
export const ATTR_POLICY_MODEL = "tierwise.policy.model";
export const ATTR_POLICY_RULE = "tierwise.policy.rule";
/** Position of the item of a map, or the number of a loop's iteration, that a step belongs to. */
export const ATTR_FANOUT_INDEX = "tierwise.fanout.index";
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
export const ATTR_TOOL_EFFECT = "tierwise.tool.effect";
export const ATTR_TOOL_RESULT_BYTES = "tierwise.tool.result_bytes";

export const EVENT_POLICY_DECISION = "tierwise.policy.decision";
export const EVENT_STEP_SKIPPED = "tierwise.step.skipped";
