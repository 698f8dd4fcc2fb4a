import type { ChatModelLike, ModelNeeds } from "../catalog/model-like.ts";
import type { ChatClient } from "../models/chat-client.ts";
import type { RecordedClient, RecordedRequest } from "./recording.ts";

/** One call of a client: as it came, and as plain JSON. */
export interface ClientCall {
  readonly messages: unknown;
  readonly options: { readonly signal?: AbortSignal } | undefined;
  readonly tools: readonly unknown[];
  readonly request: RecordedRequest;
}

/** How a stand-in answers a call, whole and in pieces. */
export interface Answers {
  readonly answer: (call: ClientCall) => Promise<unknown>;
  /** `undefined` for a client that cannot stream. */
  readonly stream: ((call: ClientCall) => AsyncIterable<unknown>) | undefined;
}

/** A client that looks like another one, and answers as told. */
export function clientStandIn(
  { type, model, tools, logprobs }: RecordedClient,
  needs: ModelNeeds,
  { answer, stream }: Answers,
): ChatClient {
  const withTools = (bound: readonly unknown[]): ChatModelLike => {
    const callOf = (messages: unknown, options: ClientCall["options"]): ClientCall => {
      const call = { messages, options, tools: bound };
      return { ...call, request: requestOf(call, needs) };
    };
    return {
      invoke: (messages: unknown, options: ClientCall["options"]) => answer(callOf(messages, options)),
      ...(stream && {
        stream: (messages: unknown, options: ClientCall["options"]) => stream(callOf(messages, options)),
      }),
    };
  };
  return {
    ...withTools([]),
    ...(model !== undefined && { model }),
    ...(type !== undefined && { _llmType: () => type }),
    ...(tools && { bindTools: withTools }),
    logprobs: logprobs && needs.logprobs,
  };
}

function requestOf(
  { messages, options, tools }: Omit<ClientCall, "request">,
  { maxOutputTokens, logprobs }: ModelNeeds,
): RecordedRequest {
  // Gone in JSON: what is undefined, and functions.
  const json = JSON.stringify({
    maxOutputTokens,
    logprobs,
    messages,
    tools,
    options: { ...options, signal: undefined },
  });
  return JSON.parse(json) as RecordedRequest;
}
