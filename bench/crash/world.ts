/**
 * What outlives every worker: the model's provider, the services behind tools and code, and the books of what really
 * happened. It is in the parent, so a killed worker takes nothing of it along.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { FaultServer, type ServerReply, type ServerRequest } from "tierwise/testing";
import { prices, tokens, type ModelName } from "./prices.ts";

export interface Happening {
  readonly runId: string;
  /** Which request, effect or piece of code of the run. */
  readonly what: string;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

export interface Effect extends Happening {
  readonly tool: "pay" | "stamp" | "mail";
  readonly key: string;
}

type Heard = (runId: string, place: "request" | "effect") => void;

export class World implements AsyncDisposable {
  readonly requests: (Happening & { readonly model: ModelName })[] = [];
  readonly effects: Effect[] = [];
  readonly code: Happening[] = [];
  /** Told when something arrived and nothing was answered. */
  readonly listeners = new Set<Heard>();
  readonly #services = createServer((request, response) => void this.#serve(request, response));
  #model!: FaultServer;

  static async open(): Promise<World> {
    const world = new World();
    world.#model = await FaultServer.start((request) => world.#reply(request), { keepRequests: 0 });
    await new Promise<void>((ready) => world.#services.listen(0, "127.0.0.1", ready));
    return world;
  }

  get modelUrl(): string {
    return this.#model.baseURL;
  }

  get serviceUrl(): string {
    return `http://127.0.0.1:${(this.#services.address() as AddressInfo).port}`;
  }

  /** What the provider asks for, in US dollars: every request that arrived whole. */
  billedUsd(runId: string): number {
    const own = this.requests.filter((request) => request.runId === runId);
    return own.reduce((sum, { model }) => sum + costOf(model), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.stop();
    this.#services.closeAllConnections();
    await new Promise((closed) => this.#services.close(closed));
  }

  #tell(runId: string, place: "request" | "effect"): void {
    for (const heard of this.listeners) heard(runId, place);
  }

  #reply({ body }: ServerRequest): ServerReply {
    const { runId, what, turn } = questionOf(body);
    const model = body["model"] as ModelName;
    this.requests.push({
      runId,
      what: what === "act" ? `act ${turn}` : what === "draft" ? `draft ${model}` : what,
      model,
      atMs: Date.now(),
    });
    this.#tell(runId, "request");
    return { ...answerTo(what, model, turn), usage: tokens, delivery: { pieceBytes: 200, everyMs: 1 } };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const told = JSON.parse(await text(request)) as Omit<Effect, "atMs">;
    const happened = { ...told, atMs: Date.now() };
    if (request.url === "/done") {
      const done = this.effects.some(({ runId, tool }) => runId === told.runId && tool === told.tool);
      response.end(JSON.stringify({ done }));
      return;
    }
    if (request.url === "/code") this.code.push(happened);
    else {
      this.effects.push(happened);
      this.#tell(told.runId, "effect");
    }
    response.end(JSON.stringify({ receipt: `R-${told.key}` }));
  }
}

function costOf(model: ModelName): number {
  const { inputPerMillionTokensUsd, outputPerMillionTokensUsd } = prices[model];
  return (
    (tokens.prompt_tokens * inputPerMillionTokensUsd + tokens.completion_tokens * outputPerMillionTokensUsd) / 1_000_000
  );
}

function questionOf(body: Readonly<Record<string, unknown>>) {
  const messages = body["messages"] as readonly { readonly role: string; readonly content: unknown }[];
  const all = JSON.stringify(messages);
  const [, runId = "", what = ""] = /run=([\w-]+) step=([\w-]+)/.exec(all) ?? [];
  const turn = messages.filter(({ role }) => role === "assistant").length;
  return { runId, what, turn };
}

function answerTo(what: string, model: ModelName, turn: number): ServerReply {
  if (what !== "act") return { content: what === "draft" && model === "small" ? "weak" : `${what}, as it should be` };
  const call = (name: string) => ({ id: `call-${name}`, name, args: JSON.stringify({ amount: 5 }) });
  if (turn === 0) return { toolCalls: [call("pay"), call("stamp")] };
  if (turn === 1) return { toolCalls: [call("mail")] };
  return { content: JSON.stringify({ sent: true }) };
}
