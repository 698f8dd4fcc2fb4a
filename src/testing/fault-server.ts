import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { completionBody, eventStreamBody } from "./completion-body.ts";
import { deliver, type Answer } from "./deliver.ts";
import { checkedKept, defaultKept, keepLast } from "./keep-last.ts";
import type { Delivery, ServerReply } from "./server-reply.ts";

/** One request as it arrived. */
export interface ServerRequest {
  readonly path: string;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** Empty when it was no JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
  /** On the clock of `performance.now()`. */
  readonly atMs: number;
  /** Resolves when the client closed the connection before it had the whole answer. */
  readonly closed: Promise<undefined>;
  /** Whether it has. */
  readonly closedByClient: boolean;
}

export interface FaultServerOptions {
  /** How many of the last requests `requests` holds, with their bodies: 0 or more, `Infinity` for all. @default 10_000 */
  readonly keepRequests?: number;
}

/** Replies in order, or a function that answers every request. */
export type ServerScript = readonly ServerReply[] | ((request: ServerRequest) => ServerReply);

/**
 * An OpenAI-compatible server on the loopback interface that answers from a script: good answers, and with `faults` all the
 * ways in which one goes wrong. It answers every path, streams where the request says `stream: true`, and remembers its
 * requests. One beyond the end of a list gets status 418, so that a hidden retry shows in the count and in `assertDone`.
 *
 * @example
 * ```ts
 * await using server = await FaultServer.start([faults.rateLimited({ retryAfter: 1 }), { content: "hello" }]);
 * const model = new ChatOpenAI({ model: "tiny", apiKey: "none", configuration: { baseURL: server.baseURL } });
 * // ... run a graph on endpoint("tiny", { model, ... })
 * expect(server.requests).toHaveLength(2);
 * ```
 */
export class FaultServer implements AsyncDisposable {
  /** The last requests, as many as `keepRequests` says; `requestCount` counts them all. */
  readonly requests: ServerRequest[] = [];
  readonly #script: ServerScript;
  readonly #keepRequests: number;
  #requestCount = 0;
  readonly #http = createServer((request, response) => this.#take(request, response));
  readonly #answering = new Set<Promise<void>>();
  #port = 0;
  #stopping = false;
  #failure: { readonly cause: unknown } | undefined;
  #arrived = Promise.withResolvers<undefined>();

  private constructor(script: ServerScript, { keepRequests = defaultKept }: FaultServerOptions) {
    this.#script = script;
    this.#keepRequests = checkedKept("FaultServer keepRequests", keepRequests);
  }

  /** Resolves when it can be asked. */
  static async start(script: ServerScript, options: FaultServerOptions = {}): Promise<FaultServer> {
    const server = new FaultServer(script, options);
    await server.resume();
    return server;
  }

  /** How many requests have arrived. */
  get requestCount(): number {
    return this.#requestCount;
  }

  get port(): number {
    return this.#port;
  }

  /** For clients: `http://127.0.0.1:<port>/v1`. */
  get baseURL(): string {
    return `http://127.0.0.1:${this.#port}/v1`;
  }

  /** Resolves when the next request is in. */
  async arrival(): Promise<void> {
    await this.#arrived.promise;
  }

  /** @throws {Error} when replies of a list were not asked for, when there were more requests than replies, or when the script threw */
  assertDone(): void {
    if (this.#failure !== undefined) throw new Error("fault server: the script threw; see cause", this.#failure);
    if (typeof this.#script === "function" || this.#script.length === this.#requestCount) return;
    throw new Error(`fault server: ${this.#script.length} replies were scripted, ${this.#requestCount} were asked for`);
  }

  /** From now on connections are refused; those that are open are cut. */
  async stop(): Promise<void> {
    if (!this.#http.listening) return;
    this.#stopping = true;
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
    await Promise.all(this.#answering);
  }

  /** Listens again where it did before. */
  async resume(): Promise<void> {
    if (this.#http.listening) return;
    this.#stopping = false;
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject).listen(this.#port, "127.0.0.1", () => {
        this.#http.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** Ends everything that it started: connections, pauses, the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    // One side went away in the middle: there is nobody to tell.
    const answering = this.#answer(request, response).catch(() => undefined);
    this.#answering.add(answering);
    void answering.then(() => this.#answering.delete(answering));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = parsed(Buffer.concat(chunks).toString());
    const received = new Received(request, body ?? {});
    let broken = false;
    response.once("close", () => {
      if (!response.writableFinished && !broken && !this.#stopping) received.close();
      gone.abort();
    });
    this.#requestCount += 1;
    const number = this.#requestCount;
    keepLast(this.requests, received, this.#keepRequests);
    this.#arrived.resolve(undefined);
    this.#arrived = Promise.withResolvers();
    const { delivery, ...answer } = body === undefined ? answerTo(received, notJson) : this.#answerTo(received, number);
    broken = delivery.then === "reset" || delivery.then === "close";
    await deliver(response, answer, { ...delivery, signal: gone.signal });
  }

  #answerTo(received: ServerRequest, number: number): PlannedAnswer {
    try {
      const script = this.#script;
      const reply = typeof script === "function" ? script(received) : script[number - 1];
      return answerTo(received, reply ?? notScripted);
    } catch (error) {
      // Without an answer the client would wait for ever, and nobody would learn why.
      this.#failure ??= { cause: error };
      return answerTo(received, scriptThrew);
    }
  }
}

const scriptThrew: ServerReply = { status: 500, raw: '{"error":{"message":"the script threw"}}' };
const notScripted: ServerReply = { status: 418, raw: '{"error":{"message":"not scripted"}}' };
const notJson: ServerReply = { status: 400, raw: '{"error":{"message":"the body is not a JSON object"}}' };

class Received implements ServerRequest {
  readonly path: string;
  readonly headers: Readonly<IncomingHttpHeaders>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly atMs = performance.now();
  readonly #closed = Promise.withResolvers<undefined>();
  #closedByClient = false;

  constructor(request: IncomingMessage, body: Readonly<Record<string, unknown>>) {
    this.path = request.url ?? "";
    this.headers = request.headers;
    this.body = body;
  }

  get closed(): Promise<undefined> {
    return this.#closed.promise;
  }

  get closedByClient(): boolean {
    return this.#closedByClient;
  }

  close(): void {
    this.#closedByClient = true;
    this.#closed.resolve(undefined);
  }
}

/** `undefined` for what is no JSON object; no body at all is an empty one. */
function parsed(text: string): Record<string, unknown> | undefined {
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

interface PlannedAnswer extends Answer {
  readonly delivery: Delivery;
}

function answerTo({ body: asked }: ServerRequest, reply: ServerReply): PlannedAnswer {
  const { status = 200, raw, delivery = {} } = reply;
  const streams = asked["stream"] === true && raw === undefined;
  const type = streams ? "text/event-stream" : "application/json";
  const options = asked["stream_options"] as { include_usage?: unknown } | null | undefined;
  const body =
    raw ?? (streams ? eventStreamBody(reply, { wantsUsage: options?.include_usage === true }) : completionBody(reply));
  return {
    status,
    headers: { "content-type": type, ...reply.headers },
    body: typeof body === "string" ? Buffer.from(body) : body,
    delivery,
  };
}
