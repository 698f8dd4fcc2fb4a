import type { Capabilities } from "../catalog/candidate.ts";
import type { Endpoint } from "../catalog/endpoint.ts";
import { isFactory } from "../catalog/model-like.ts";
import { systemClock, type Clock } from "../common/clock.ts";
import { buildClient, limitOf, targetOf, type ChatClient } from "./chat-client.ts";
import { chatBytes, sendChat } from "./chat-request.ts";
import { classifyMessages } from "./classify-prompt.ts";
import type { ChatRequest, ModelPort, ModelRequest } from "./port.ts";
import { streamChat } from "./stream-chat.ts";

/**
 * Any LangChain chat model as a port. LangChain itself is never imported: its models take plain messages.
 * @param clock what a date in `Retry-After` is compared with
 */
export function openChatModel(endpoint: Endpoint, clock: Clock = systemClock): ModelPort {
  const build = cached(endpoint);
  const first = build(1, false);
  const capabilities = capabilitiesOf(endpoint, build);
  const toChat = (request: ModelRequest): ChatRequest => chatRequest(request, capabilities.jsonSchema);
  return {
    provider: endpoint.provider ?? first._llmType?.() ?? "unknown",
    ...targetOf(endpoint, first),
    capabilities,
    streams: typeof first.stream === "function",
    requestBytes: (request) => chatBytes(toChat(request)),
    sent: toChat,
    call: async (request, signal, streaming) => {
      const { maxOutputTokens, kind } = request;
      const client = build(maxOutputTokens, kind === "classify" && capabilities.logprobs, streaming !== undefined);
      const sending = { endpoint: endpoint.name, signal, clock };
      const { reasoningTokens } = endpoint;
      const reply =
        streaming === undefined
          ? await sendChat(client, toChat(request), sending)
          : await streamChat(client, toChat(request), { ...sending, streaming, reasoningTokens });
      // The host's own client may ask for them all the same.
      return refusesLogprobs(endpoint) ? { ...reply, logprobs: [] } : reply;
    },
  };
}

/** One client per combination; a run uses a handful. */
function cached(endpoint: Endpoint): (maxOutputTokens: number, logprobs: boolean, streams?: boolean) => ChatClient {
  const clients = new Map<string, ChatClient>();
  return (maxOutputTokens, logprobs, streams = false) => {
    const key = `${maxOutputTokens}/${logprobs}/${streams}`;
    const client = clients.get(key) ?? buildClient(endpoint, { maxOutputTokens, logprobs }, streams);
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
  const tools = declared.tools ?? typeof client.bindTools === "function";
  const logprobs = !refusesLogprobs(endpoint) && (declared.logprobs ?? client.logprobs === true);
  return {
    onlyLabels: undefined,
    tools,
    jsonSchema: declared.jsonSchema ?? client._llmType?.() === "openai",
    logprobs,
    toolsWithLogprobs: tools && logprobs ? declared.toolsWithLogprobs : false,
    // A factory was told the limit and answers for it; of a rebuilt client we can see whether it took.
    outputLimit: isFactory(endpoint.model) || limitOf(build(7, false)) === 7,
    contextTokens: declared.contextTokens,
    languages: declared.languages,
  };
}

/** Declared, or for a draft model: some servers report its accepted tokens with probability 1, certain to every gate. */
function refusesLogprobs({ capabilities, speculativeDecoding }: Endpoint): boolean {
  const invented = speculativeDecoding !== undefined && speculativeDecoding.exactLogprobs !== true;
  return invented || capabilities.logprobs === false;
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
