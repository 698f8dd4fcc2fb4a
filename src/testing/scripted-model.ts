import type { ChatModelFactory, ChatModelLike } from "../catalog/model-like.ts";
import type { ReportedUsage } from "../catalog/usage.ts";
import { sleep } from "../common/abort.ts";
import { systemClock, type Clock } from "../common/clock.ts";
import { utf8Bytes } from "../common/utf8.ts";
import { TierwiseError } from "../errors.ts";
import { checkedKept, defaultKept, keepLast } from "./keep-last.ts";

/** What the model answers once. */
export interface ScriptedReply {
  readonly text?: string;
  /**
   * The text in pieces, for steps that stream. With `error` or `hangs` they are what comes before it.
   * @default the text in one piece
   */
  readonly chunks?: readonly string[];
  /** Pause before each piece but the first, in milliseconds of the model's clock. @default 0 */
  readonly everyMs?: number;
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
  /** Whether the answer was asked for in pieces. */
  readonly streamed: boolean;
}

export interface ScriptedModelOptions {
  /** @default "scripted-stand-in" */
  readonly model?: string;
  /** What pauses between pieces wait for. @default the machine's */
  readonly clock?: Clock;
  /** How many of the last calls `calls` holds, with their messages: 0 or more, `Infinity` for all. @default 10_000 */
  readonly keepCalls?: number;
}

/** Replies in order, or a function that answers every call. */
export type Script = readonly ScriptedReply[] | ((call: ScriptedCall) => ScriptedReply);

/**
 * A chat model that answers from a script, through the same adapter as any LangChain model. A list is used up in order: a
 * call beyond its end fails the run, and `assertDone` fails while replies are left. A function answers every call. Steps that
 * stream get its answers in pieces (`chunks`).
 *
 * @example
 * ```ts
 * const small = new ScriptedModel([{ text: "refund" }, { error: Object.assign(new Error(), { status: 503 }) }]);
 * const catalog = createCatalog([endpoint("small", { class: "slm", location: "on-prem", model: small.factory })]);
 * const { output } = await createRuntime({ catalog, policy: defaultPolicy() }).run(support, input);
 * expect(small.calls[0]?.messages.at(-1)?.content).toContain("order 1042");
 * small.assertDone();
 * ```
 */
export class ScriptedModel implements ChatModelLike {
  readonly model: string;
  /** The last calls, as many as `keepCalls` says; `callCount` counts them all. */
  readonly calls: ScriptedCall[] = [];
  readonly #script: Script;
  readonly #clock: Clock;
  readonly #keepCalls: number;
  #callCount = 0;

  constructor(
    script: Script,
    { model = "scripted-stand-in", clock = systemClock, keepCalls = defaultKept }: ScriptedModelOptions = {},
  ) {
    this.#script = script;
    this.model = model;
    this.#clock = clock;
    this.#keepCalls = checkedKept("ScriptedModel keepCalls", keepCalls);
  }

  /** How often it was called. */
  get callCount(): number {
    return this.#callCount;
  }

  /** For `endpoint({ model })`: takes any output limit, so that it may stand under a money budget. */
  get factory(): ChatModelFactory {
    return () => this;
  }

  _llmType(): string {
    return "scripted";
  }

  bindTools(tools: readonly { function: { name: string } }[]): ChatModelLike {
    const names = tools.map((tool) => tool.function.name);
    return {
      invoke: (messages: unknown, options: unknown) => this.#answer({ messages, options, tools: names }),
      stream: (messages: unknown, options: unknown) => this.#stream({ messages, options, tools: names }),
    };
  }

  invoke(messages: unknown, options?: unknown): Promise<unknown> {
    return this.#answer({ messages, options, tools: [] });
  }

  stream(messages: unknown, options?: unknown): AsyncIterable<unknown> {
    return this.#stream({ messages, options, tools: [] });
  }

  /** @throws {TierwiseError} when replies of the script were not used, or when there were more calls than replies */
  assertDone(): void {
    if (typeof this.#script === "function" || this.#script.length === this.#callCount) return;
    throw this.#unexpected(`was called ${this.#callCount} times`);
  }

  async #answer(asked: Asked): Promise<unknown> {
    const { reply, call, number } = this.#next(asked, false);
    if (reply.hangs === true) await untilAbort(call.signal);
    if (reply.error !== undefined) return Promise.reject(reply.error);
    return aiMessage(reply, call, number);
  }

  async *#stream(asked: Asked): AsyncGenerator {
    const { reply, call, number } = this.#next(asked, true);
    const { signal = new AbortController().signal } = call;
    const isBroken = reply.error !== undefined || reply.hangs === true;
    const chunks = reply.chunks ?? (isBroken ? [] : [textOf(reply)]);
    for (const [index, content] of chunks.entries()) {
      if (index > 0 && reply.everyMs !== undefined) await sleep(reply.everyMs, signal, this.#clock);
      yield { content };
    }
    if (reply.hangs === true) await untilAbort(call.signal);
    if (reply.error !== undefined) throw reply.error;
    yield { ...aiMessage(reply, call, number), content: "" };
  }

  #next({ messages, options, tools }: Asked, streamed: boolean) {
    const signal = (options as { signal?: AbortSignal } | undefined)?.signal;
    const call: ScriptedCall = { messages: messages as ScriptedCall["messages"], tools, signal, streamed };
    this.#callCount += 1;
    const number = this.#callCount;
    keepLast(this.calls, call, this.#keepCalls);
    const reply = typeof this.#script === "function" ? this.#script(call) : this.#script[number - 1];
    if (reply === undefined) throw this.#unexpected(`did not expect call ${number}`);
    return { reply, call, number };
  }

  /** One of ours, and not a provider's: no fallback may hide it. */
  #unexpected(what: string): TierwiseError {
    return new TierwiseError(
      "UNEXPECTED_CALL",
      `scripted model "${this.model}" ${what}; replies in its script: ${this.#script.length}`,
    );
  }
}

interface Asked {
  readonly messages: unknown;
  readonly options: unknown;
  readonly tools: readonly string[];
}

function textOf({ text, chunks = [] }: ScriptedReply): string {
  return text ?? chunks.join("");
}

function untilAbort(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(signal?.reason as Error);
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function aiMessage(reply: ScriptedReply, call: ScriptedCall, number: number) {
  const { toolCalls = [], usage, logprobs } = reply;
  const text = textOf(reply);
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
    total_tokens: usage.totalTokens,
    input_token_details: { cache_read: usage.cacheReadTokens, cache_creation: usage.cacheWriteTokens },
    output_token_details: { reasoning: usage.reasoningTokens },
  };
}
