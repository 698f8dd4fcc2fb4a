import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server answers once. The first member that is given counts. */
export interface Reply {
  /** Never answers; the client has to give up. */
  readonly hangs?: boolean;
  /** Destroys the connection: before the head, or in the middle of the body. */
  readonly cuts?: "head" | "body";
  /** @default 200 */
  readonly status?: number;
  /** Sent as it stands, instead of a completion. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: string | null;
  /** As the server would write them: `args` is the text of the arguments. */
  readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly args: string }[];
  readonly finishReason?: string | null;
  /** `null` leaves the member out. @default 10 in, 5 out */
  readonly usage?: Readonly<Record<string, unknown>> | null;
  readonly logprobs?: unknown;
}

/** One request as it arrived. */
export interface Received {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves when the client closed the connection before it had an answer. */
  readonly closed: Promise<undefined>;
}

/** Replies in order, or a function that answers every request. */
export type Script = readonly Reply[] | ((request: Received) => Reply);

/**
 * An OpenAI-compatible server on the loopback interface that answers from a script. A request beyond its end gets status
 * 418, so that a hidden retry shows in the count. `await using` closes it with all its connections.
 */
export class OpenAiServer {
  readonly requests: Received[] = [];
  readonly #script: Script;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #arrived = Promise.withResolvers<undefined>();

  private constructor(script: Script) {
    this.#script = script;
  }

  static async start(script: Script): Promise<OpenAiServer> {
    const server = new OpenAiServer(script);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get baseURL(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  /** Resolves when the next request is in. */
  async arrival(): Promise<void> {
    await this.#arrived.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const closed = Promise.withResolvers<undefined>();
    response.once("close", () => {
      if (!response.writableFinished) closed.resolve(undefined);
    });
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Received["body"];
    const received: Received = { path: request.url ?? "", body, closed: closed.promise };
    this.requests.push(received);
    this.#arrived.resolve(undefined);
    this.#arrived = Promise.withResolvers();
    const reply = this.#replyTo(received);
    if (reply.hangs === true) return;
    if (reply.cuts === "head") return void request.socket.destroy();
    send(response, reply);
  }

  #replyTo(received: Received): Reply {
    if (typeof this.#script === "function") return this.#script(received);
    return this.#script[this.requests.length - 1] ?? { status: 418, raw: '{"error":{"message":"not scripted"}}' };
  }
}

function send(response: ServerResponse, reply: Reply): void {
  const body = reply.raw ?? JSON.stringify(completion(reply));
  response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
  if (reply.cuts !== "body") return void response.end(body);
  response.write(body.slice(0, 20), () => response.destroy());
}

function completion({ content = "ok", toolCalls = [], finishReason, usage, logprobs }: Reply) {
  const calls = toolCalls.map(({ id, name, args }) => ({ id, type: "function", function: { name, arguments: args } }));
  const message = { role: "assistant", content, ...(calls.length > 0 && { tool_calls: calls }) };
  const finish = finishReason === undefined ? (calls.length > 0 ? "tool_calls" : "stop") : finishReason;
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 0,
    model: "served-model",
    choices: [{ index: 0, message, finish_reason: finish, ...(logprobs !== undefined && { logprobs }) }],
    ...(usage !== null && { usage: usage ?? { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }),
  };
}
