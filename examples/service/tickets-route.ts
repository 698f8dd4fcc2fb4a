/** `POST /tickets`: one run for one request, as JSON or, with `accept: text/event-stream`, as server-sent events. */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { checkInput, type Graph, type Run, type RunOptions, type RunResult, type Runtime } from "tierwise";
import { problemOf, RequestError } from "./errors.ts";
import type { TicketAnswer, TicketInput } from "./service-graph.ts";
import { eventsOf } from "./sse.ts";

export interface TicketsOptions {
  readonly runtime: Runtime;
  readonly graph: Graph<TicketInput, TicketAnswer>;
  readonly tenants: ReadonlyMap<string, number>;
  /** Of each request. */
  readonly budget: NonNullable<RunOptions["budget"]>;
  /** Milliseconds of silence before a comment is sent to who reads events. @default 15_000 */
  readonly heartbeatMs?: number;
}

export function ticketsRoute(app: FastifyInstance, options: TicketsOptions): void {
  const { runtime, graph, budget, heartbeatMs = 15_000 } = options;

  app.post("/tickets", async (request, reply) => {
    const tenant = tenantOf(request, options.tenants);
    const runId = runIdOf(request, tenant);
    const input = checkInput(graph, request.body);
    const run = await runtime.start(graph, input, { runId, budget, tags: { tenant }, signal: whenGone(reply) });
    logEnd(request, run);
    if (wantsEvents(request)) return sendEvents(reply, run, heartbeatMs);
    return reply.send(answer(await run.result));
  });
}

function sendEvents(reply: FastifyReply, run: Run<TicketAnswer>, heartbeatMs: number): FastifyReply {
  const events = eventsOf(run, { result: answer, heartbeatMs });
  return reply
    .header("content-type", "text/event-stream; charset=utf-8")
    .header("cache-control", "no-store")
    .header("x-accel-buffering", "no")
    .send(Readable.from(events));
}

function answer({ runId, traceId, output, ledger }: RunResult<TicketAnswer>): object {
  return { runId, traceId, ...output, costUsd: ledger.complete ? ledger.costUsd : null };
}

/** Who pays. A real service takes it from who was authenticated, not from a header that anybody may write. */
function tenantOf(request: FastifyRequest, tenants: ReadonlyMap<string, number>): string {
  const tenant = request.headers["x-tenant"];
  if (typeof tenant !== "string" || !/^[a-z][a-z0-9-]{0,31}$/.test(tenant))
    throw new RequestError(400, "TENANT_MISSING", "the header x-tenant names no tenant");
  if (!tenants.has(tenant)) throw new RequestError(403, "TENANT_UNKNOWN", "this tenant is not known here");
  return tenant;
}

/**
 * The same `Idempotency-Key` gives the same run id. While that run is under way, the runtime refuses a second one. Later it
 * runs again; its tools are handed the same idempotency keys, so that a refund is paid once.
 */
function runIdOf(request: FastifyRequest, tenant: string): string {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return `${tenant}:${crypto.randomUUID()}`;
  if (typeof key === "string" && /^[\w.-]{1,64}$/.test(key)) return `${tenant}:key:${key}`;
  throw new RequestError(400, "KEY_INVALID", "Idempotency-Key: expected 1 to 64 letters, digits and _ . -");
}

function wantsEvents({ headers: { accept = "" } }: FastifyRequest): boolean {
  return accept.includes("text/event-stream");
}

/** Fires when the connection ends before the answer was sent. */
function whenGone({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** One line for each run: what it did and cost, and nothing of what it read or wrote. */
function logEnd({ log }: FastifyRequest, run: Run<unknown>): void {
  run.on("run-end", ({ runId, outcome, durationMs, costUsd }) => {
    log.info({ runId, outcome, durationMs: Math.round(durationMs), costUsd }, "run ended");
  });
  run.result.catch((error: unknown) => log.warn({ runId: run.id, code: problemOf(error).code }, "run failed"));
}
