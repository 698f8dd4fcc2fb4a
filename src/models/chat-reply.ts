import type { ReportedUsage } from "../catalog/usage.ts";
import type { TokenLogprob } from "../confidence/label-margin.ts";
import { ProviderError } from "../errors.ts";
import type { ModelReply, ToolCall } from "./port.ts";

/** The members of a LangChain AI message that we read; nothing about them is trusted. */
interface AiMessage {
  readonly content?: unknown;
  readonly id?: unknown;
  readonly tool_calls?: readonly { id?: unknown; name?: unknown; args?: unknown }[];
  readonly invalid_tool_calls?: readonly { id?: unknown; name?: unknown }[];
  readonly usage_metadata?: {
    input_tokens?: unknown;
    output_tokens?: unknown;
    total_tokens?: unknown;
    input_token_details?: { cache_read?: unknown; cache_creation?: unknown } | null;
    output_token_details?: { reasoning?: unknown } | null;
  } | null;
  readonly response_metadata?: {
    finish_reason?: unknown;
    model_name?: unknown;
    logprobs?: { content?: unknown } | null;
  };
}

export function readReply(found: unknown): ModelReply {
  if (typeof found !== "object" || found === null) {
    throw new ProviderError("the model returned no message", { retryable: false, errorType: "_OTHER" });
  }
  const message = found as AiMessage;
  const metadata = message.response_metadata;
  return {
    text: textOf(message.content),
    toolCalls: toolCallsOf(message),
    finishReason: identifier(metadata?.finish_reason),
    usage: usageOf(message.usage_metadata),
    logprobs: logprobsOf(metadata?.logprobs?.content),
    responseId: identifier(message.id),
    responseModel: identifier(metadata?.model_name),
  };
}

const identifierPattern = /^[\w.:/@-]{1,128}$/;

/** These go into spans, whose readers are cleared for no content: what does not look like an identifier is left out. */
function identifier(value: unknown): string | undefined {
  return typeof value === "string" && identifierPattern.test(value) ? value : undefined;
}

/** Content is a string or a list of blocks, of which the text ones count. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block: { text?: unknown } | null) => (typeof block?.text === "string" ? block.text : ""))
    .join("");
}

function toolCallsOf({ tool_calls: valid = [], invalid_tool_calls: invalid = [] }: AiMessage): ToolCall[] {
  const calls = [...valid, ...invalid.map((call) => ({ ...call, args: undefined }))];
  const used = new Set<string>();
  return calls.map(({ id, name, args }, index) => {
    // Servers send empty and repeated ids; results are matched by id, so each call needs its own.
    let own = identifier(id) ?? `call_${index}`;
    while (used.has(own)) own = `${own}_${index}`;
    used.add(own);
    const isBag = typeof args === "object" && args !== null && !Array.isArray(args);
    return {
      id: own,
      name: typeof name === "string" ? name : "",
      args: isBag ? (args as Record<string, unknown>) : undefined,
    };
  });
}

function usageOf(usage: AiMessage["usage_metadata"]): ReportedUsage | undefined {
  if (usage === undefined || usage === null) return undefined;
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    totalTokens: usage.total_tokens,
    cacheReadTokens: usage.input_token_details?.cache_read,
    cacheWriteTokens: usage.input_token_details?.cache_creation,
    reasoningTokens: usage.output_token_details?.reasoning,
  };
}

interface RawLogprob {
  readonly token?: unknown;
  readonly logprob?: unknown;
  readonly top_logprobs?: unknown;
}

function logprobsOf(content: unknown): TokenLogprob[] {
  if (!Array.isArray(content)) return [];
  return (content as readonly (RawLogprob | null)[]).flatMap((raw) => {
    const own = readLogprob(raw);
    if (own === undefined) return [];
    const listed: readonly unknown[] = Array.isArray(raw?.top_logprobs) ? raw.top_logprobs : [];
    return [{ ...own, alternatives: listed.flatMap((item) => readLogprob(item as RawLogprob | null) ?? []) }];
  });
}

/** A probability that is no number (JSON writes NaN as `null`) stays one, so that its token is not taken for sure. */
function readLogprob(raw: RawLogprob | null | undefined): { token: string; logprob: number } | undefined {
  if (typeof raw?.token !== "string") return undefined;
  return { token: raw.token, logprob: typeof raw.logprob === "number" ? raw.logprob : Number.NaN };
}
