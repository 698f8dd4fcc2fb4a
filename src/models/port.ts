/**
 * The one way to call a model. Two real implementations: LangChain chat models (`langchain.ts`) and embedded classifiers
 * (`label-model.ts`). A port makes exactly one request per call and never retries. May import `catalog`, `confidence`,
 * `tiers` and `common`.
 * @module
 */
import type { Capabilities } from "../catalog/candidate.ts";
import type { ReportedUsage } from "../catalog/usage.ts";
import type { TokenLogprob } from "../confidence/label-margin.ts";

/** A call of a tool as the model wrote it: nothing about it is trusted yet. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** `undefined` when the arguments were not JSON. */
  readonly args: Readonly<Record<string, unknown>> | undefined;
}

export type Message =
  | { readonly role: "system" | "user"; readonly content: string }
  | { readonly role: "assistant"; readonly content: string; readonly toolCalls: readonly ToolCall[] }
  | { readonly role: "tool"; readonly content: string; readonly toolCallId: string };

export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

interface RequestBase {
  readonly maxOutputTokens: number;
}

/** Text, or JSON when a schema is given, or tool calls. */
export interface ChatRequest extends RequestBase {
  readonly kind: "chat";
  readonly messages: readonly Message[];
  readonly tools: readonly ToolSpec[];
  /** JSON Schema of the answer. The answer is never parsed here: a bad one must keep its usage. */
  readonly schema: Readonly<Record<string, unknown>> | undefined;
}

/** One of a closed set of labels. Chat models are asked for the bare label, or for `uncertain`. */
export interface ClassifyRequest extends RequestBase {
  readonly kind: "classify";
  readonly text: string;
  readonly labels: readonly string[];
  readonly system: string | undefined;
}

export type ModelRequest = ChatRequest | ClassifyRequest;

export interface ModelReply {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  /** `stop`, `tool_calls`, `length`, … ; `undefined` when the provider gave none. */
  readonly finishReason: string | undefined;
  /** As reported, so not trusted; `undefined` when the model counts no tokens. */
  readonly usage: ReportedUsage | undefined;
  readonly logprobs: readonly TokenLogprob[];
  /** A classifier's own probabilities. */
  readonly probability?: { readonly raw: number; readonly calibrated: number };
  readonly responseId: string | undefined;
  readonly responseModel: string | undefined;
}

/** How an answer is wanted that comes in pieces. */
export interface Streaming {
  /** Longest silence between two pieces, in milliseconds. The first piece is waited for as long as the signal allows. */
  readonly idleTimeoutMs: number;
  /** The first piece came, of whatever kind. */
  readonly onFirst?: () => void;
  /** Called with each piece of text. The next piece is not read before it has returned, so a slow reader slows the server. */
  readonly onText: (piece: string) => void | Promise<void>;
}

export interface ModelPort {
  /** For spans: `gen_ai.provider.name`. */
  readonly provider: string;
  /** For spans: `gen_ai.request.model`. */
  readonly model: string;
  /** For spans: `gen_ai.request.temperature`; `undefined` where the client does not show it. */
  readonly temperature?: number | undefined;
  readonly server: { readonly address: string; readonly port: number } | undefined;
  readonly capabilities: Capabilities;
  /** Size of what would be sent, in UTF-8 bytes: what a budget reserves as tokens. */
  requestBytes(request: ModelRequest): number;
  /** Whether answers can come in pieces. */
  readonly streams: boolean;
  /** The request as it leaves the process, for spans; `undefined` where nothing would be sent. @default the request itself */
  sent?(request: ModelRequest): ModelRequest | undefined;
  /**
   * One request. With `streaming`, a chat model's answer is handed on in pieces while it comes, and in one piece where its
   * client cannot stream; the reply is the whole answer all the same. What `onText` throws is passed on.
   * @throws {ProviderError} without any text of the provider, which may quote the prompt
   */
  call(request: ModelRequest, signal: AbortSignal, streaming?: Streaming): Promise<ModelReply>;
}
