/** A chat request of ours as LangChain clients take it. Runs and probes send through here, so a probe sees what a run sees. */
import type { ChatModelLike } from "../catalog/model-like.ts";
import type { Clock } from "../common/clock.ts";
import { utf8Bytes } from "../common/utf8.ts";
import type { ChatClient } from "./chat-client.ts";
import { readReply } from "./chat-reply.ts";
import type { ChatRequest, Message, ModelReply } from "./port.ts";
import { providerError } from "./provider-error.ts";

export interface Sending {
  readonly endpoint: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** One request. @throws {ProviderError} without any text of the provider; the signal's reason when it fired */
export async function sendChat(
  client: ChatClient,
  request: ChatRequest,
  { endpoint, signal, clock }: Sending,
): Promise<ModelReply> {
  const { messages, options } = payloadOf(request);
  try {
    return readReply(await withTools(client, request).invoke(messages, { ...options, signal }));
  } catch (error) {
    throw providerError(endpoint, error, { signal, clock });
  }
}

/** Size of what `sendChat` would send, but for the client's own fields, in UTF-8 bytes. */
export function chatBytes(request: ChatRequest): number {
  return utf8Bytes(JSON.stringify(payloadOf(request)));
}

export function payloadOf(request: ChatRequest) {
  const options = request.schema === undefined ? {} : { response_format: plainFormat(request.schema) };
  return { messages: request.messages.map(toLangChain), options, tools: request.tools.map(toFunction) };
}

/**
 * Hides the format's type from the client until it is serialised: a client that recognises `json_schema` parses the answer
 * itself and throws away the message, and with it usage and cost, when the answer does not fit.
 */
function plainFormat(schema: Readonly<Record<string, unknown>>) {
  const format = { type: "json_schema", json_schema: { name: "answer", schema } };
  return { toJSON: () => format };
}

function toLangChain(message: Message): Record<string, unknown> {
  if (message.role === "tool") return { role: "tool", content: message.content, tool_call_id: message.toolCallId };
  if (message.role !== "assistant") return message;
  const calls = message.toolCalls.map(({ id, name, args }) => ({ id, name, args: args ?? {}, type: "tool_call" }));
  return { role: "assistant", content: message.content, tool_calls: calls };
}

function toFunction({ name, description, parameters }: ChatRequest["tools"][number]) {
  return { type: "function", function: { name, description, parameters } };
}

export function withTools(client: ChatClient, { tools }: ChatRequest): ChatModelLike {
  return tools.length === 0 || client.bindTools === undefined ? client : client.bindTools(tools.map(toFunction));
}
