import { heldOutTickets } from "../../examples/support-desk/shop.ts";

export interface ClientsOptions {
  readonly url: string;
  readonly random: () => number;
  /** Requests at once. */
  readonly clients: number;
  /** Share of requests that are given up on the way. */
  readonly abortRatio: number;
  /** Before the ids of requests. */
  readonly prefix: string;
}

/** One request, and what came of it. */
export interface Answered {
  readonly id: string;
  readonly startedMs: number;
  readonly durationMs: number;
  /** `lost`: the connection broke without our doing, or what came is not one whole answer. */
  readonly outcome: "answered" | "aborted" | "lost";
  /** Of the head; for events that of their last one. */
  readonly status: number;
  /** Of what went wrong, as the service calls it. */
  readonly code: string;
}

type Judged = Pick<Answered, "outcome" | "status" | "code">;

const tenant = "load";
const longestAbortMs = 1_500;
/** Longer than the service may take; who has heard nothing until then was lost. */
const patienceMs = 90_000;

/** Clients that ask one thing after the other, half of them as events, until they are stopped. */
export class Clients {
  readonly answers: Answered[] = [];
  readonly #options: ClientsOptions;
  readonly #asking = new Set<AbortController>();
  #isStopped = false;
  #count = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** Resolves when they were stopped and every request has come to its end. */
  async go(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.clients }, () => this.#work()));
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** All at once, in the middle of what they asked. */
  leave(): void {
    this.stop();
    for (const controller of this.#asking) controller.abort();
  }

  async #work(): Promise<void> {
    while (!this.#isStopped) {
      this.#count += 1;
      const id = `${this.#options.prefix}-${this.#count}`;
      const startedMs = performance.now();
      const outcome = await this.#ask(id);
      this.answers.push({ id, startedMs, durationMs: performance.now() - startedMs, ...outcome });
    }
  }

  async #ask(id: string): Promise<Judged> {
    const { random, abortRatio, url } = this.#options;
    const controller = new AbortController();
    const delayMs = random() < abortRatio ? random() * longestAbortMs : undefined;
    const timer = delayMs === undefined ? undefined : setTimeout(() => controller.abort(), delayMs);
    const { text, customerId } = heldOutTickets[Math.floor(random() * heldOutTickets.length)]!;
    const accept = random() < 0.5 ? "application/json" : "text/event-stream";
    // The key makes the run's id, which shows whose answer it is.
    const headers = { "x-tenant": tenant, "x-request-id": id, "idempotency-key": id, accept };
    const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(patienceMs)]);
    this.#asking.add(controller);
    try {
      const body = JSON.stringify({ ticket: text, customerId });
      const init = { method: "POST", headers: { ...headers, "content-type": "application/json" }, body, signal };
      const response = await fetch(`${url}/tickets`, init);
      return judged(id, response, await response.text());
    } catch {
      return { outcome: controller.signal.aborted ? "aborted" : "lost", status: 0, code: "" };
    } finally {
      clearTimeout(timer);
      this.#asking.delete(controller);
    }
  }
}

/** One answer, whole, and to this request. Fastify's own 503 while it closes carries no id. */
function judged(id: string, response: Response, text: string): Judged {
  const { status, headers } = response;
  const isOurs = headers.get("x-request-id") === id || (status === 503 && !headers.has("x-request-id"));
  const last = headers.get("content-type")?.startsWith("text/event-stream") === true ? lastEvent(text) : text;
  const data = parsed(last);
  const isOfOurRun =
    data?.runId === undefined ? status !== 200 || data?.code !== undefined : data.runId === runIdOf(id);
  if (!isOurs || !isOfOurRun || data === undefined) return { outcome: "lost", status, code: "" };
  return { outcome: "answered", status: data.status ?? status, code: data.code ?? "" };
}

/** The data of the one `result` or `error` that ends a stream; nothing where there is none, or more than one. */
function lastEvent(text: string): string {
  const ends = [...text.matchAll(/^event: (?:result|error)\ndata: (.*)\n\n/gm)];
  return ends.length === 1 && text.endsWith(ends[0]![0]) ? ends[0]![1]! : "";
}

/** As the service makes it of tenant and key. */
function runIdOf(id: string): string {
  return `${tenant}:key:${id}`;
}

interface Told {
  readonly runId?: string;
  readonly status?: number;
  readonly code?: string;
}

function parsed(text: string): Told | undefined {
  try {
    return JSON.parse(text) as Told;
  } catch {
    return undefined;
  }
}
