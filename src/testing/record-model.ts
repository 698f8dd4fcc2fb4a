import { isFactory, type ChatModelFactory, type ChatModelLike, type ModelNeeds } from "../catalog/model-like.ts";
import { TierwiseError } from "../errors.ts";
import { buildClient, limitOf, type ChatClient } from "../models/chat-client.ts";
import { ChunkFold } from "../models/fold-chunks.ts";
import { clientStandIn, type ClientCall } from "./client-stand-in.ts";
import {
  hashOf,
  recordingError,
  writeRecording,
  type Exchange,
  type RecordedClient,
  type RecordedError,
  type RecordedReply,
  type RecordedRequest,
} from "./recording.ts";
import { checkedRedactor, redactReply, redactRequest, type RecordingRedactor } from "./redact-recording.ts";

export interface RecordingOptions {
  /** Path of the JSON file. One file per model. */
  readonly file: string;
  /**
   * Runs over every text of prompts and answers before it is written, and before requests are compared: give a replay the
   * same hook. It also takes out what differs from run to run, such as dates. @default nothing is replaced
   */
  readonly redact?: RecordingRedactor;
}

/**
 * Records what a chat model is asked and what it answers, for `replayModel`: hand the result to `endpoint({ model })` in
 * place of the model. Records anew: what was in the file is gone with the first answer.
 *
 * **The file contains prompts and outputs**, unless `redact` replaces them. It never contains what the client was built
 * with (API keys, headers, addresses), nor the text of errors. It is complete whenever a call has returned, in the order in
 * which the calls began. Calls that were aborted are not recorded.
 *
 * @example
 * ```ts
 * const file = "test/fixtures/gpt.json";
 * const model = process.env.RECORD ? recordModel(new ChatOpenAI({ model: "gpt-5" }), { file }) : replayModel({ file });
 * const catalog = createCatalog([endpoint("gpt", { class: "llm", location: "cloud", model })]);
 * ```
 * @throws {TierwiseError} when the output limit of the model cannot be set, and when calls return if the file cannot be written
 */
export function recordModel(model: ChatModelLike | ChatModelFactory, options: RecordingOptions): ChatModelFactory {
  const source = { name: `recording of ${options.file}`, model };
  const build = (needs: ModelNeeds, streams = false): ChatClient => buildClient(source, needs, streams);
  const first = build({ maxOutputTokens: 7, logprobs: true });
  if (!isFactory(model) && limitOf(first) !== 7)
    throw recordingError(
      options.file,
      "cannot set the model's output limit; give a factory: ({ maxOutputTokens }) => model",
    );
  const client = factsOf(first);
  const tape = new Tape(client, options);
  return (needs) => {
    const recorded = build(needs);
    const { clientConfig } = recorded;
    const standIn = clientStandIn(client, needs, {
      answer: (call) => tape.record(recorded, call),
      stream: recorded.stream && ((call) => tape.recordStream(build(needs, true), call)),
    });
    return { ...standIn, ...(clientConfig && { clientConfig }) };
  };
}

class Tape {
  readonly #client: RecordedClient;
  readonly #file: string;
  readonly #redacted: boolean;
  readonly #redact: (text: string) => string;
  /** By the order in which calls began, so that it does not depend on who answers first. */
  readonly #exchanges: (Exchange | undefined)[] = [];

  constructor(client: RecordedClient, { file, redact }: RecordingOptions) {
    this.#client = client;
    this.#file = file;
    this.#redacted = redact !== undefined;
    this.#redact = checkedRedactor(file, redact);
  }

  async record(client: ChatClient, call: ClientCall): Promise<unknown> {
    const { messages, options } = call;
    const end = this.#begin(call);
    try {
      const found: unknown = await bound(client, call).invoke(messages, options);
      end({ found });
      return found;
    } catch (error) {
      end({ error });
      throw error;
    }
  }

  /** The whole message is recorded, when its stream has ended; not how it was cut. */
  async *recordStream(client: ChatClient, call: ClientCall): AsyncGenerator {
    const { messages, options } = call;
    const end = this.#begin(call);
    const fold = new ChunkFold();
    try {
      for await (const chunk of (await bound(client, call).stream!(messages, options)) as AsyncIterable<unknown>) {
        fold.add(chunk);
        yield chunk;
      }
      // A client may end its stream quietly when it is aborted.
      options?.signal?.throwIfAborted();
      end({ found: fold.message() });
    } catch (error) {
      end({ error });
      throw error;
    }
  }

  #begin({ request: asked, options }: ClientCall): (outcome: { found: unknown } | { error: unknown }) => void {
    const place = this.#exchanges.push(undefined) - 1;
    const request = redactRequest(asked, this.#redact);
    return (outcome) => {
      if ("found" in outcome) {
        this.#write(place, request, { reply: redactReply(replyOf(outcome.found), asked, this.#redact) });
        return;
      }
      const isOurs = TierwiseError.isInstance(outcome.error) || options?.signal?.aborted === true;
      if (!isOurs) this.#write(place, request, { error: errorOf(outcome.error) });
    };
  }

  #write(place: number, request: RecordedRequest, outcome: Pick<Exchange, "reply" | "error">): void {
    this.#exchanges[place] = { hash: hashOf(request), request, ...outcome };
    const exchanges = this.#exchanges.filter((exchange) => exchange !== undefined);
    writeRecording(this.#file, { client: this.#client, redacted: this.#redacted, exchanges });
  }
}

function bound(client: ChatClient, { tools }: ClientCall): ChatModelLike {
  return tools.length === 0 || client.bindTools === undefined ? client : client.bindTools(tools);
}

function factsOf(client: ChatClient): RecordedClient {
  return {
    type: client._llmType?.(),
    model: client.model ?? client.modelName,
    tools: typeof client.bindTools === "function",
    logprobs: client.logprobs === true,
  };
}

/** The members that `models/chat-reply.ts` reads. */
function replyOf(found: unknown): RecordedReply {
  const message = Object(found) as Record<string, unknown>;
  const metadata = Object(message["response_metadata"]) as Record<string, unknown>;
  return {
    ...picked(message, ["id", "content", "usage_metadata"]),
    tool_calls: calls(message["tool_calls"]),
    invalid_tool_calls: calls(message["invalid_tool_calls"]),
    response_metadata: picked(metadata, ["finish_reason", "model_name", "logprobs"]),
  };
}

function calls(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list)
    ? list.map((call) => picked(Object(call) as Record<string, unknown>, ["id", "name", "args"]))
    : [];
}

/** The members that `models/provider-error.ts` reads, its causes folded in. */
function errorOf(error: unknown): RecordedError {
  const { name, status, headers } = Object(error) as Record<string, unknown>;
  const code = codeOf(error);
  const waits = ["retry-after", "retry-after-ms"].flatMap((header) => {
    const text =
      headers instanceof Headers ? headers.get(header) : (Object(headers) as Record<string, unknown>)[header];
    return typeof text === "string" ? [[header, text]] : [];
  });
  return {
    ...(isWord(name) && { name }),
    ...(typeof status === "number" && { status }),
    ...(code !== undefined && { code }),
    ...(waits.length > 0 && { headers: Object.fromEntries(waits) as Record<string, string> }),
  };
}

function codeOf(error: unknown): string | undefined {
  let here: unknown = error;
  for (let depth = 0; depth < 4 && typeof here === "object" && here !== null; depth += 1) {
    const { code, cause } = here as { code?: unknown; cause?: unknown };
    if (isWord(code)) return code;
    here = cause;
  }
  return undefined;
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && /^\w{1,64}$/.test(value);
}

function picked(source: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]])));
}
