/** A chat request whose answer comes in pieces. One request, as in `chat-request.ts`; what LangChain leaves open is settled here. */
import { untilAborted } from "../common/abort.ts";
import type { Clock } from "../common/clock.ts";
import { ProviderError } from "../errors.ts";
import { responseTooLarge } from "./bounded-fetch.ts";
import type { ChatClient } from "./chat-client.ts";
import { readReply } from "./chat-reply.ts";
import { payloadOf, sendChat, withTools, type Sending } from "./chat-request.ts";
import { ChunkFold } from "./fold-chunks.ts";
import type { ChatRequest, ModelReply, Streaming } from "./port.ts";
import { malformedReply, providerError } from "./provider-error.ts";

export interface StreamSending extends Sending {
  readonly streaming: Streaming;
  /** What the model may think beyond its output limit. */
  readonly reasoningTokens: number;
}

/**
 * One request. A client that cannot stream is asked for the whole answer, which is then one piece.
 * @throws {ProviderError} also for an answer that falls silent, grows past every limit or ends without a finish reason; the
 * signal's reason when it fired
 */
export async function streamChat(
  client: ChatClient,
  request: ChatRequest,
  sending: StreamSending,
): Promise<ModelReply> {
  const asked = withTools(client, request);
  if (typeof asked.stream === "function")
    return new ChatStream(sending).read((signal) => {
      const { messages, options } = payloadOf(request);
      return asked.stream!(messages, { ...options, signal });
    }, request);
  const reply = await sendChat(client, request, sending);
  if (reply.text !== "") await sending.streaming.onText(reply.text);
  return reply;
}

/** UTF-8 bytes of an answer: those of the longest token in the vocabularies in use, and room for chunks without text. */
const bytesPerToken = 128;
const bytesAround = 65_536;

class ChatStream {
  readonly #sending: StreamSending;
  readonly #clock: Clock;
  readonly #fold = new ChunkFold();
  /** Ends the request: with the signal, after an idle time, and when nobody wants the rest. */
  readonly #stop = new AbortController();
  #wasIdle = false;

  constructor(sending: StreamSending) {
    this.#sending = sending;
    this.#clock = sending.clock;
  }

  async read(open: (signal: AbortSignal) => unknown, { maxOutputTokens }: ChatRequest): Promise<ModelReply> {
    const { signal, endpoint, clock, reasoningTokens } = this.#sending;
    const follow = (): void => this.#stop.abort(signal.reason);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
    const mostBytes = bytesPerToken * (maxOutputTokens + reasoningTokens) + bytesAround;
    try {
      await this.#readAll(open, mostBytes);
      return readReply(this.#fold.message());
    } catch (error) {
      if (error instanceof ConsumerFailure) throw error.cause;
      throw this.#wasIdle && !signal.aborted ? this.#idle() : providerError(endpoint, error, { signal, clock });
    } finally {
      signal.removeEventListener("abort", follow);
      // Closes the connection of a stream that was not read to its end.
      this.#stop.abort();
    }
  }

  async #readAll(open: (signal: AbortSignal) => unknown, mostBytes: number): Promise<void> {
    const { signal } = this.#stop;
    const opening = async (): Promise<AsyncIterator<unknown>> => {
      const chunks = (await open(signal)) as AsyncIterable<unknown>;
      return chunks[Symbol.asyncIterator]();
    };
    const chunks = await untilAborted(opening(), signal);
    let chunk = await untilAborted(chunks.next(), signal);
    if (chunk.done !== true) this.#sending.streaming.onFirst?.();
    while (chunk.done !== true) {
      await this.#take(chunk.value, mostBytes);
      chunk = await this.#next(chunks);
    }
    if (this.#fold.finishReason === undefined) throw this.#malformed("the stream ended without a finish reason");
  }

  async #take(chunk: unknown, mostBytes: number): Promise<void> {
    const text = this.#fold.add(chunk);
    if (this.#fold.bytes > mostBytes) {
      const message = `endpoint "${this.#sending.endpoint}": the answer is longer than ${mostBytes} bytes, far beyond its output limit; it was cut off`;
      throw new ProviderError(message, { retryable: false, errorType: responseTooLarge });
    }
    if (text === "") return;
    try {
      await this.#sending.streaming.onText(text);
    } catch (error) {
      throw new ConsumerFailure(error);
    }
  }

  /** The clock of idleness runs while we wait for the server, and only then. */
  async #next(chunks: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    const cancelTimer = this.#clock.setTimer(this.#sending.streaming.idleTimeoutMs, () => {
      this.#wasIdle = true;
      this.#stop.abort(new DOMException("timed out", "TimeoutError"));
    });
    try {
      return await untilAborted(chunks.next(), this.#stop.signal);
    } finally {
      cancelTimer();
    }
  }

  #idle(): ProviderError {
    const { endpoint, streaming } = this.#sending;
    const message = `endpoint "${endpoint}": nothing more came for ${streaming.idleTimeoutMs} ms (stream.idleTimeoutMs)`;
    return new ProviderError(message, { code: "ATTEMPT_TIMEOUT", retryable: true, errorType: "timeout" });
  }

  #malformed(what: string): ProviderError {
    const options = { retryable: true, errorType: malformedReply };
    return new ProviderError(`endpoint "${this.#sending.endpoint}": ${what}`, options);
  }
}

/** What the reader of the pieces threw is no failure of the provider. */
class ConsumerFailure extends Error {
  constructor(cause: unknown) {
    super("the reader of a stream failed", { cause });
  }
}
