/**
 * What outlives a worker: the shop's services and the model, on the loopback interface. They count what reaches them, so the
 * books here say what really happened, whatever a worker believes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { FaultServer, type ServerReply, type ServerRequest } from "tierwise/testing";

export interface Effect {
  readonly key: string;
  readonly receipt: string;
  readonly amountCents: number;
}

export class OutsideWorld implements AsyncDisposable {
  /** By idempotency key: a key is booked once. */
  readonly effects = new Map<string, Effect>();
  /** Keys in the order in which they arrived. */
  readonly sentKeys: string[] = [];
  orderLookUps = 0;
  readonly #services = createServer((request, response) => void this.#serve(request, response));
  readonly #model: FaultServer;
  #beforeAnswer: () => Promise<void> = () => Promise.resolve();

  private constructor(model: FaultServer) {
    this.#model = model;
  }

  static async open(): Promise<OutsideWorld> {
    const world = new OutsideWorld(await FaultServer.start(reply));
    await new Promise<void>((ready) => world.#services.listen(0, "127.0.0.1", ready));
    return world;
  }

  get shopUrl(): string {
    return `http://127.0.0.1:${(this.#services.address() as AddressInfo).port}`;
  }

  get modelUrl(): string {
    return this.#model.baseURL;
  }

  get modelRequests(): number {
    return this.#model.requestCount;
  }

  /** Requests that said the same as one before. */
  get repeatedModelRequests(): number {
    const { requests } = this.#model;
    return requests.length - new Set(requests.map(({ body }) => JSON.stringify(body))).size;
  }

  /** The next refund is booked, and then not answered: resolves when it is booked. */
  cutNextRefund(): Promise<void> {
    return new Promise((booked) => {
      this.#beforeAnswer = () => {
        this.#beforeAnswer = () => Promise.resolve();
        booked();
        return new Promise(() => undefined);
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.stop();
    this.#services.closeAllConnections();
    await new Promise((closed) => this.#services.close(closed));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, what, id = ""] = (request.url ?? "").split("/");
    if (what === "orders") {
      this.orderLookUps += 1;
      response.end(JSON.stringify({ id, item: "blue lamp", paidCents: 2_500 }));
      return;
    }
    const { amountCents } = JSON.parse(await text(request)) as { amountCents: number };
    const key = String(request.headers["idempotency-key"]);
    this.sentKeys.push(key);
    const effect = this.effects.get(key) ?? { key, receipt: `R-${this.effects.size + 1}`, amountCents };
    this.effects.set(key, effect);
    await this.#beforeAnswer();
    response.end(JSON.stringify({ receipt: effect.receipt, amountCents: effect.amountCents }));
  }
}

/** A scripted stand-in: it calls the tool, reads the receipt, and writes one fixed sentence. */
function reply({ body }: ServerRequest): ServerReply {
  const messages = body["messages"] as { role: string; content: string }[];
  const told = messages.map(({ content }) => content).join("\n");
  if (body["tools"] === undefined) return { content: "(scripted stand-in) Your money is on its way." };
  const [, receipt] = /"receipt":"([^"]+)"/.exec(messages.find(({ role }) => role === "tool")?.content ?? "") ?? [];
  const amountCents = Number(/Pay back (\d+) cents/.exec(told)?.[1]);
  if (receipt !== undefined) return { content: JSON.stringify({ refundedCents: amountCents, receipt }) };
  return { toolCalls: [{ id: "call-1", name: "pay_back", args: JSON.stringify({ amountCents }) }] };
}
