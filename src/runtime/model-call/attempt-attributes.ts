/** What the span of an attempt says at its end. */
import type { Attributes } from "@opentelemetry/api";
import type { Endpoint } from "../../catalog/endpoint.ts";
import { picoToUsd, type PicoUsd } from "../../catalog/money.ts";
import type { CheckedUsage, Usage } from "../../catalog/usage.ts";
import type { ModelReply } from "../../models/port.ts";
import * as names from "../../telemetry/semconv.ts";
import type { TraceSettings } from "../../telemetry/trace-settings.ts";
import type { Evaluation } from "./evaluate-reply.ts";

/** What a request cost; `cost` is `undefined` when its endpoint has no price. */
export interface Charge {
  readonly endpoint: Endpoint;
  readonly cost: PicoUsd | undefined;
  readonly checked: CheckedUsage;
  readonly settings: TraceSettings;
}

export function answerAttributes(
  reply: ModelReply,
  evaluation: Evaluation,
  { acceptAt, ...charge }: Charge & { readonly acceptAt: number },
): Attributes {
  const { raw, calibrated, kind } = evaluation.confidence;
  return {
    ...costAttributes(charge),
    ...(charge.settings.modelSpans === "tierwise" && responseAttributes(reply)),
    [names.ATTR_ATTEMPT_OUTCOME]: evaluation.accepted ? "accepted" : "rejected",
    ...(evaluation.rejectReason && { [names.ATTR_ATTEMPT_REJECT_REASON]: evaluation.rejectReason }),
    [names.ATTR_CONFIDENCE_KIND]: evaluation.basis === "ungated" ? "ungated" : kind,
    ...(raw !== undefined && { [names.ATTR_CONFIDENCE_RAW]: raw }),
    ...(calibrated !== undefined && { [names.ATTR_CONFIDENCE_CALIBRATED]: calibrated }),
    [names.ATTR_CONFIDENCE_THRESHOLD]: acceptAt,
  };
}

function responseAttributes(reply: ModelReply): Attributes {
  return {
    ...(reply.responseModel !== undefined && { [names.ATTR_GEN_AI_RESPONSE_MODEL]: reply.responseModel }),
    ...(reply.responseId !== undefined && { [names.ATTR_GEN_AI_RESPONSE_ID]: reply.responseId }),
    ...(reply.finishReason !== undefined && { [names.ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: [reply.finishReason] }),
  };
}

/** What an attempt without an answer to judge says: why it failed is its `error.type`. */
export function failureAttributes(errorType: string, charge: Charge): Attributes {
  return { ...costAttributes(charge), [names.ATTR_ATTEMPT_OUTCOME]: errorType === "cancelled" ? errorType : "failed" };
}

function costAttributes({ endpoint: { price }, cost, checked: { usage, source }, settings }: Charge): Attributes {
  const isOurs = settings.modelSpans === "tierwise";
  const costUsd = cost === undefined ? undefined : picoToUsd(cost);
  return {
    ...(isOurs && usageAttributes(usage)),
    [names.ATTR_USAGE_SOURCE]: source,
    [names.ATTR_COST_SOURCE]: price === undefined ? "unpriced" : source === "provider" ? "price" : "estimate",
    ...(costUsd !== undefined && { [names.ATTR_COST_USD]: costUsd }),
    ...(price !== undefined && { [names.ATTR_COST_PRICE_VERSION]: price.version }),
    ...(isOurs && settings.costAliases && Object.fromEntries(names.COST_ALIASES.map((name) => [name, costUsd]))),
  };
}

function usageAttributes(usage: Usage): Attributes {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    [names.ATTR_GEN_AI_USAGE_INPUT_TOKENS]: inputTokens,
    [names.ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: outputTokens,
    ...(cacheReadTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && {
      [names.ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS]: cacheWriteTokens,
      [names.ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS]: cacheWriteTokens,
    }),
    ...(reasoningTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: reasoningTokens }),
  };
}
