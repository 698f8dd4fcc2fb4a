/** What the span of an attempt says at its end. */
import type { Attributes } from "@opentelemetry/api";
import type { Endpoint } from "../../catalog/endpoint.ts";
import { picoToUsd, type PicoUsd } from "../../catalog/money.ts";
import type { CheckedUsage } from "../../catalog/usage.ts";
import type { ModelReply } from "../../models/port.ts";
import * as names from "../../telemetry/semconv.ts";
import type { Evaluation } from "./evaluate-reply.ts";

/** What a request cost; `cost` is `undefined` when its endpoint has no price. */
export interface Charge {
  readonly endpoint: Endpoint;
  readonly cost: PicoUsd | undefined;
  readonly checked: CheckedUsage;
}

export function answerAttributes(
  reply: ModelReply,
  evaluation: Evaluation,
  { acceptAt, ...charge }: Charge & { readonly acceptAt: number },
): Attributes {
  const { raw, calibrated, kind } = evaluation.confidence;
  return {
    ...costAttributes(charge),
    [names.ATTR_ATTEMPT_OUTCOME]: evaluation.accepted ? "accepted" : "rejected",
    ...(evaluation.rejectReason && { [names.ATTR_ATTEMPT_REJECT_REASON]: evaluation.rejectReason }),
    [names.ATTR_CONFIDENCE_KIND]: evaluation.basis === "ungated" ? "ungated" : kind,
    ...(raw !== undefined && { [names.ATTR_CONFIDENCE_RAW]: raw }),
    ...(calibrated !== undefined && { [names.ATTR_CONFIDENCE_CALIBRATED]: calibrated }),
    [names.ATTR_CONFIDENCE_THRESHOLD]: acceptAt,
    ...(reply.responseModel !== undefined && { [names.ATTR_GEN_AI_RESPONSE_MODEL]: reply.responseModel }),
    ...(reply.responseId !== undefined && { [names.ATTR_GEN_AI_RESPONSE_ID]: reply.responseId }),
    ...(reply.finishReason !== undefined && { [names.ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: [reply.finishReason] }),
  };
}

export function costAttributes({ endpoint: { price }, cost, checked: { usage, source } }: Charge): Attributes {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    [names.ATTR_GEN_AI_USAGE_INPUT_TOKENS]: inputTokens,
    [names.ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: outputTokens,
    ...(cacheReadTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS]: cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: reasoningTokens }),
    [names.ATTR_USAGE_SOURCE]: source,
    [names.ATTR_COST_SOURCE]: price === undefined ? "unpriced" : source === "provider" ? "price" : "estimate",
    ...(cost !== undefined && { [names.ATTR_COST_USD]: picoToUsd(cost) }),
    ...(price !== undefined && { [names.ATTR_COST_PRICE_VERSION]: price.version }),
  };
}
