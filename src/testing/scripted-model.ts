import type { ChatModelFactory, ChatModelLike } from "../catalog/model-like.ts";
import type { ReportedUsage } from "../catalog/usage.ts";
import { utf8Bytes } from "../common/utf8.ts";

/** What the model answers once. */
export interface ScriptedReply {
  readonly text?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly args: Readonly<Record<string, unknown>> }[];
  /** Token counts as the provider would report them; `"none"` reports nothing. @default a quarter of the bytes */
  readonly usage?: ReportedUsage | "none";
  /** @default "stop", or "tool_calls" */
  readonly finishReason?: string;
  /** Log-probabilities of the answer's tokens, in the format of OpenAI-compatible servers. */
  readonly logprobs?: readonly {
    token: string;
    logprob: number;
    top_logprobs: readonly { token: string; logprob: number }[];
  }[];
  /** Thrown instead of answering. */
  readonly error?: Error;
  /** Never answers; ends when it is aborted. */
  readonly hangs?: boolean;
}

/** One request as the model saw it. */
export interface ScriptedCall {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** Names of the tools that were bound. */
  readonly tools: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** Replies in order, or a function that answers every call. */
export type Script = readonly ScriptedReply[] | ((call: ScriptedCall) => ScriptedReply);

/**
 * A chat model that answers from a script, through the same adapter as any LangChain model. A list is used up in order: a
 * call beyond its end fails, and so does `assertDone` while replies are left. A function answers every call.
 */
export class ScriptedModel implements ChatModelLike {
  readonly model: string;
  readonly calls: ScriptedCall[] = [];
  readonly #script: Script;

  constructor(script: Script, { model = "scripted-stand-in" }: { readonly model?: string } = {}) {
    this.#script = script;
    this.model = model;
  }

  /** For `endpoint({ model })`: takes any output limit, so that it may stand under a money budget. */
  get factory(): ChatModelFactory {
    return () => this;
  }

  _llmType(): string {
    return "scripted";
  }

  bindTools(tools: readonly { function: { name: string } }[]): ChatModelLike {
    return {
      invoke: (messages: unknown, options: unknown) =>
        this.#answer(
          messages,
          options,
          tools.map((tool) => tool.function.name),
        ),
    };
  }

  invoke(messages: unknown, options?: unknown): Promise<unknown> {
    return this.#answer(messages, options, []);
  }

  /** @throws {Error} when the script has replies that nobody asked for */
  assertDone(): void {
    if (typeof this.#script === "function") return;
    const left = this.#script.length - this.calls.length;
    if (left > 0)
      throw new Error(`scripted model "${this.model}": ${left} of ${this.#script.length} replies were not used`);
  }

  async #answer(messages: unknown, options: unknown, tools: readonly string[]): Promise<unknown> {
    const signal = (options as { signal?: AbortSignal } | undefined)?.signal;
    const call: ScriptedCall = { messages: messages as ScriptedCall["messages"], tools, signal };
    this.calls.push(call);
    const reply = typeof this.#script === "function" ? this.#script(call) : this.#script[this.calls.length - 1];
    if (reply === undefined)
      throw new Error(`scripted model "${this.model}": call ${this.calls.length} is not in the script`);
    if (reply.hangs === true) await untilAbort(signal);
    if (reply.error !== undefined) return Promise.reject(reply.error);
    return aiMessage(reply, call, this.calls.length);
  }
}

function untilAbort(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

function aiMessage(reply: ScriptedReply, call: ScriptedCall, number: number) {
  const { text = "", toolCalls = [], usage, logprobs } = reply;
  const finish = reply.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
  const quarter = (value: unknown): number => Math.ceil(utf8Bytes(JSON.stringify(value)) / 4);
  const counted = usage ?? { inputTokens: quarter(call.messages), outputTokens: quarter([text, toolCalls]) };
  return {
    id: `scripted-${number}`,
    content: text,
    tool_calls: toolCalls.map(({ name, args }, index) => ({ id: `call-${number}-${index}`, name, args })),
    invalid_tool_calls: [],
    ...(counted !== "none" && { usage_metadata: usageMetadata(counted) }),
    response_metadata: { finish_reason: finish, ...(logprobs && { logprobs: { content: logprobs } }) },
  };
}

function usageMetadata(usage: ReportedUsage) {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    input_token_details: { cache_read: usage.cacheReadTokens, cache_creation: usage.cacheWriteTokens },
    output_token_details: { reasoning: usage.reasoningTokens },
  };
}
