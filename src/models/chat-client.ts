import type { Endpoint } from "../catalog/endpoint.ts";
import { isFactory, type ChatModelLike, type ModelNeeds } from "../catalog/model-like.ts";
import { DefinitionError } from "../errors.ts";
import { boundedFetch, type Fetch, type ResponseBound } from "./bounded-fetch.ts";
import type { ModelPort } from "./port.ts";

/** The members of a LangChain chat model that we look at; every one may be missing. */
export interface ChatClient extends ChatModelLike {
  readonly lc_kwargs?: Readonly<Record<string, unknown>>;
  readonly caller?: { readonly maxRetries?: number };
  readonly clientConfig?: { readonly baseURL?: string; readonly fetch?: Fetch };
  readonly model?: string;
  readonly modelName?: string;
  readonly maxTokens?: number;
  readonly maxOutputTokens?: number;
  readonly numPredict?: number;
  readonly logprobs?: boolean;
  readonly temperature?: number;
  /** What `withConfig` bound. */
  readonly defaultOptions?: unknown;
  readonly _getModelInstance?: unknown;
  _llmType?(): string;
  bindTools?(tools: readonly unknown[]): ChatModelLike;
}

/** Alternatives asked for with log-probabilities: enough for the labels of a closed set that share a beginning. */
const topLogprobs = 5;

/** What a client is built from: an endpoint, or a model that is recorded under a name. */
export type ClientSource = Pick<Endpoint, "name" | "model"> & Partial<Pick<Endpoint, "reasoningTokens">>;

/**
 * A client built for one combination of output limit and log-probabilities. Both are constructor arguments in LangChain,
 * so a given model is built again from its own arguments; retries, cache and streaming of the client are switched off on
 * the way, because one call must be one request.
 * @param streams for calls of `stream`: a client whose streaming was switched off would answer those in one piece
 */
export function buildClient(endpoint: ClientSource, needs: ModelNeeds, streams = false): ChatClient {
  const given = endpoint.model as ChatClient;
  const made = isFactory(endpoint.model) ? (endpoint.model(needs) as ChatClient) : given;
  if (isWrapped(made)) {
    throw unusable(
      endpoint,
      "it wraps a chat model (withRetry, withFallbacks, pipe, initChatModel or the like), so one attempt could be several requests; hand in the chat model itself",
    );
  }
  const { name, reasoningTokens = 0 } = endpoint;
  const wanted = {
    ...(isFactory(endpoint.model) ? {} : constructorNeeds(needs)),
    ...boundedConfiguration(made, { name, maxOutputTokens: needs.maxOutputTokens + reasoningTokens }),
  };
  const client = rebuild(made, streams ? { ...wanted, streaming: undefined } : wanted);
  const retries = client.caller?.maxRetries ?? 0;
  if (retries === 0) return client;
  throw unusable(
    endpoint,
    `its client retries ${retries} times by itself, so one attempt could be ${retries + 1} requests; build it with maxRetries: 0`,
  );
}

/** A runnable that holds a chat model, or makes one later as `initChatModel` does: its retries are out of our sight. */
function isWrapped(client: ChatClient): boolean {
  return client.lc_kwargs !== undefined && (client._llmType === undefined || client._getModelInstance !== undefined);
}

function unusable(endpoint: ClientSource, message: string): DefinitionError {
  const problem = { code: "CATALOG_INVALID", path: "model", message } as const;
  return new DefinitionError(`endpoint "${endpoint.name}"`, [problem], "CATALOG_INVALID");
}

function constructorNeeds({ maxOutputTokens, logprobs }: ModelNeeds): Record<string, unknown> {
  return {
    // One of these is the name that the class knows; `limitOf` checks that it took.
    maxTokens: maxOutputTokens,
    maxOutputTokens,
    numPredict: maxOutputTokens,
    // The Responses API drops log-probabilities.
    ...(logprobs ? { logprobs: true, topLogprobs, useResponsesApi: false } : {}),
  };
}

/** Clients of OpenAI's kind send through a `fetch` that can be given; of others we cannot see how they send. */
function boundedConfiguration({ clientConfig, lc_kwargs: given }: ChatClient, bound: ResponseBound) {
  if (clientConfig === undefined) return {};
  const configuration = (given?.["configuration"] ?? {}) as Readonly<Record<string, unknown>>;
  // A client that signs with a certificate of its own refuses every other way to send.
  if (configuration["workloadIdentity"] !== undefined || configuration["credential"] !== undefined) return {};
  return { configuration: { ...configuration, fetch: boundedFetch(clientConfig.fetch, bound) } };
}

const singleRequest = { maxRetries: 0, cache: false, streaming: false, timeout: undefined };

function rebuild(client: ChatClient, changes: Record<string, unknown>): ChatClient {
  if (client.lc_kwargs === undefined) return client;
  const Constructor = client.constructor as new (fields: Record<string, unknown>) => ChatClient;
  const rebuilt = new Constructor({ ...client.lc_kwargs, ...singleRequest, ...changes });
  // Bound options are no constructor argument.
  return client.defaultOptions === undefined
    ? rebuilt
    : Object.assign(rebuilt, { defaultOptions: client.defaultOptions });
}

/** The output limit that the client will send, as far as it shows. */
export function limitOf(client: ChatClient): number | undefined {
  return client.maxTokens ?? client.maxOutputTokens ?? client.numPredict;
}

/** What a client talks to, as far as it shows; the endpoint's own name where it names no model. */
export function targetOf(endpoint: Endpoint, client: ChatClient): Pick<ModelPort, "model" | "temperature" | "server"> {
  const model = client.model ?? client.modelName ?? endpoint.name;
  return { model, temperature: temperatureOf(client), server: serverOf(client) };
}

function temperatureOf({ temperature, lc_kwargs: given }: ChatClient): number | undefined {
  const found = temperature ?? given?.["temperature"];
  return typeof found === "number" && Number.isFinite(found) ? found : undefined;
}

function serverOf(client: ChatClient): ModelPort["server"] {
  const address =
    client.clientConfig?.baseURL ?? (client._llmType?.() === "openai" ? "https://api.openai.com" : undefined);
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { hostname, port, protocol } = new URL(address);
  return { address: hostname, port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port) };
}
