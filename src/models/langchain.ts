import type { Capabilities } from "../catalog/candidate.ts";
import type { Endpoint } from "../catalog/endpoint.ts";
import { isFactory, type ChatModelLike } from "../catalog/model-like.ts";
import { utf8Bytes } from "../common/utf8.ts";
import { buildClient, limitOf, type ChatClient } from "./chat-client.ts";
import { readReply } from "./chat-reply.ts";
import { classifyMessages } from "./classify-prompt.ts";
import type { ChatRequest, Message, ModelPort, ModelRequest } from "./port.ts";
import { providerError } from "./provider-error.ts";

/** Any LangChain chat model as a port. LangChain itself is never imported: its models take plain messages. */
export function openChatModel(endpoint: Endpoint): ModelPort {
  const build = cached(endpoint);
  const probe = build(1, false);
  const capabilities = capabilitiesOf(endpoint, build);
  const toChat = (request: ModelRequest): ChatRequest => chatRequest(request, capabilities.jsonSchema);
  return {
    provider: endpoint.provider ?? probe._llmType?.() ?? "unknown",
    model: probe.model ?? probe.modelName ?? endpoint.name,
    server: serverOf(probe),
    capabilities,
    requestBytes: (request) => utf8Bytes(JSON.stringify(payloadOf(toChat(request)))),
    async call(request, signal) {
      const chat = toChat(request);
      const client = build(request.maxOutputTokens, request.kind === "classify" && capabilities.logprobs);
      try {
        const { messages, options } = payloadOf(chat);
        return readReply(await withTools(client, chat).invoke(messages, { ...options, signal }));
      } catch (error) {
        throw providerError(endpoint.name, error, signal);
      }
    },
  };
}

/** One client per combination; a run uses a handful. */
function cached(endpoint: Endpoint): (maxOutputTokens: number, logprobs: boolean) => ChatClient {
  const clients = new Map<string, ChatClient>();
  return (maxOutputTokens, logprobs) => {
    const key = `${maxOutputTokens}/${logprobs}`;
    const client = clients.get(key) ?? buildClient(endpoint, { maxOutputTokens, logprobs });
    clients.set(key, client);
    return client;
  };
}

function capabilitiesOf(
  endpoint: Endpoint,
  build: (maxOutputTokens: number, logprobs: boolean) => ChatClient,
): Capabilities {
  const declared = endpoint.capabilities;
  const client = build(1, true);
  return {
    onlyLabels: undefined,
    tools: declared.tools ?? typeof client.bindTools === "function",
    jsonSchema: declared.jsonSchema ?? client._llmType?.() === "openai",
    logprobs: declared.logprobs ?? client.logprobs === true,
    // A factory was told the limit and answers for it; of a rebuilt client we can see whether it took.
    outputLimit: isFactory(endpoint.model) || limitOf(build(7, false)) === 7,
    contextTokens: declared.contextTokens,
  };
}

function chatRequest(request: ModelRequest, takesSchema: boolean): ChatRequest {
  if (request.kind === "classify") {
    const { maxOutputTokens } = request;
    return { kind: "chat", messages: classifyMessages(request), tools: [], schema: undefined, maxOutputTokens };
  }
  if (request.schema === undefined || takesSchema) return request;
  const instruction = `Answer with one JSON value of this JSON Schema and nothing else:\n${JSON.stringify(request.schema)}`;
  return { ...request, schema: undefined, messages: [{ role: "system", content: instruction }, ...request.messages] };
}

/** What goes over the wire, but for the client's own fields. */
function payloadOf(request: ChatRequest) {
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

function withTools(client: ChatClient, { tools }: ChatRequest): ChatModelLike {
  return tools.length === 0 || client.bindTools === undefined ? client : client.bindTools(tools.map(toFunction));
}

function serverOf(client: ChatClient): ModelPort["server"] {
  const address =
    client.clientConfig?.baseURL ?? (client._llmType?.() === "openai" ? "https://api.openai.com" : undefined);
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { hostname, port, protocol } = new URL(address);
  return { address: hostname, port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port) };
}
