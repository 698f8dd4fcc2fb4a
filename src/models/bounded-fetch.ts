import { TextDecoder } from "node:util";
import { ProviderError } from "../errors.ts";
import { malformedReply } from "./provider-error.ts";

/** `error.type` of an answer that is larger than its output limit allows. It may have been billed. */
export const responseTooLarge = "response_too_large";

export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface ResponseBound {
  /** Of the endpoint, for errors. */
  readonly name: string;
  /** What the model may write, and think, for one request. */
  readonly maxOutputTokens: number;
}

// Only what dispatch let a client send goes through here; it is what the client itself would take.
// eslint-disable-next-line no-restricted-globals
const platformFetch: Fetch = (url, init) => fetch(url, init);

/**
 * A `fetch` whose bodies end: they are counted while they are read, unpacked, whether in one piece or as events. One that is
 * larger than an honest answer can be is cut off, so memory stays bounded and the connection is closed. An answer must be
 * UTF-8, or characters would be replaced without a word. Bodies are read through `text()` or `body`, as OpenAI's client does.
 * @param send the host's own, by default the platform's
 */
export function boundedFetch(send: Fetch = platformFetch, bound: ResponseBound): Fetch {
  return async (url, init) => {
    const response = await send(url, init);
    const { body } = response as { body: Partial<ReadableStream<Uint8Array>> | null };
    if (typeof body?.getReader !== "function") return response;
    const intake = new Intake(body as ReadableStream<Uint8Array>, {
      ...bound,
      isAnswer: response.ok,
      asked: init?.body,
    });
    // Beside a new `Response` around a stream of ours, this costs nothing that could be measured.
    return Object.defineProperties(response, {
      text: { value: () => intake.text() },
      body: { get: () => intake.stream },
    });
  };
}

interface Expected extends ResponseBound {
  /** False for the page that comes with an error status: it is only looked at, in whatever characters it is written. */
  readonly isAnswer: boolean;
  /** Body of the request. */
  readonly asked: unknown;
}

/** The body of one response, read once. */
class Intake {
  readonly #body: ReadableStream<Uint8Array>;
  readonly #expected: Expected;
  #bytes = 0;
  #allowedBytes = envelopeBytes;
  #stream: ReadableStream<Uint8Array> | undefined;

  constructor(body: ReadableStream<Uint8Array>, expected: Expected) {
    this.#body = body;
    this.#expected = expected;
  }

  /** @throws {ProviderError} */
  async text(): Promise<string> {
    const reader = this.#body.getReader();
    const chunks: Uint8Array[] = [];
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        this.#count(read.value);
        chunks.push(read.value);
      }
    } catch (error) {
      throw cutOff(reader, error);
    }
    return this.#decode(this.#decoder(), chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  }

  get stream(): ReadableStream<Uint8Array> {
    this.#stream ??= this.#open();
    return this.#stream;
  }

  #open(): ReadableStream<Uint8Array> {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const decoder = this.#decoder();
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      reader ??= this.#body.getReader();
      const { done, value } = await reader.read();
      try {
        if (!done) this.#count(value);
        // A character may be split over two chunks, but not over the end.
        this.#decode(decoder, value, { stream: !done });
      } catch (error) {
        throw cutOff(reader, error);
      }
      if (done) controller.close();
      else controller.enqueue(value);
    };
    const cancel = (reason: unknown): Promise<void> => reader?.cancel(reason) ?? this.#body.cancel(reason);
    // Nothing is read before somebody wants it: the client looks at `body` and then reads `text()`.
    return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
  }

  /** @throws {ProviderError} when there is too much */
  #count(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes <= this.#allowedBytes) return;
    this.#allowedBytes = allowedBytes(this.#expected);
    if (this.#bytes <= this.#allowedBytes) return;
    const { name, maxOutputTokens } = this.#expected;
    const message = `endpoint "${name}": the response is larger than ${this.#allowedBytes} bytes, more than ${maxOutputTokens} tokens of output can take (maxOutputTokens); it was cut off. Is it a server that heeds max_tokens?`;
    throw new ProviderError(message, { retryable: false, errorType: responseTooLarge });
  }

  #decoder(): TextDecoder {
    return this.#expected.isAnswer ? new TextDecoder("utf-8", { fatal: true }) : new TextDecoder();
  }

  #decode(decoder: TextDecoder, bytes: Uint8Array | undefined, options?: { stream: boolean }): string {
    try {
      return decoder.decode(bytes, options);
    } catch {
      const message = `endpoint "${this.#expected.name}": the response is not UTF-8`;
      throw new ProviderError(message, { retryable: true, errorType: malformedReply });
    }
  }
}

/** Closes the connection of a body that nobody will read to its end. */
function cutOff(reader: ReadableStreamDefaultReader<Uint8Array>, error: unknown): unknown {
  // A failure to close would only hide why it is closed.
  reader.cancel(error).catch(() => undefined);
  return error;
}

/** Id, model, usage, headers of events, comments that keep a connection open. */
const envelopeBytes = 262_144;
/**
 * Text of a token, at most: 128 bytes in the vocabularies in use, written in JSON as up to twice that. The rest is for an
 * event of its own around it, of which 300 bytes are usual.
 */
const bytesPerToken = 1_024;
/** A token in a list of log-probabilities: its text, and again as a list of numbers. */
const bytesPerAlternative = 640;
/** The Responses API repeats instructions and tools in its first, its second and its last event. */
const echoes = 4;

/** What an honest answer needs at most. Looks at the request, which may be long: only for an answer beyond the envelope. */
function allowedBytes({ maxOutputTokens, asked }: Expected): number {
  const { n, logprobs, top_logprobs: top, ...limits } = requestOf(asked);
  const { max_tokens: a, max_completion_tokens: b, max_output_tokens: c } = limits;
  const tokens = Math.max(maxOutputTokens, ...[a, b, c].map(countOf));
  const listed = logprobs === true || countOf(top) > 0 ? 1 + countOf(top) : 0;
  const perToken = bytesPerToken + listed * bytesPerAlternative;
  const echoed = typeof asked === "string" ? echoes * asked.length : 0;
  return envelopeBytes + echoed + Math.max(1, countOf(n)) * tokens * perToken;
}

/** The host may have bound more to its client than we see there. */
function requestOf(asked: unknown): Readonly<Record<string, unknown>> {
  try {
    const request: unknown = typeof asked === "string" ? JSON.parse(asked) : undefined;
    return typeof request === "object" && request !== null ? (request as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function countOf(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}
