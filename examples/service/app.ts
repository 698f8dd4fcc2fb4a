/** The service as a Fastify instance: routes, one trace and one log line a request, errors without content. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { context, type Tracer } from "@opentelemetry/api";
import { fastify, LogController, type FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { problemOf } from "./errors.ts";
import { debugRoutes, healthRoutes } from "./health.ts";
import { ticketsRoute, type TicketsOptions } from "./tickets-route.ts";
import { traceRequest, type RequestTrace } from "./tracing.ts";

export interface AppOptions extends TicketsOptions {
  readonly tracer: Tracer;
  readonly logger: Logger;
  /** How long runs may go on when the app is closed; then they are cancelled, and answered with 503. @default 20_000 */
  readonly drainMs?: number;
  /** How long to listen at least when the app is closed, so that who waits to be accepted is told 503. @default 0 */
  readonly lingerMs?: number;
  /** Shows `/debug/load`. @default false */
  readonly debug?: boolean;
}

declare module "fastify" {
  interface FastifyRequest {
    trace: RequestTrace;
  }
}

const maxBodyBytes = 64 * 1_024;
/** How often, after the drain, it is looked whether all answers are sent. */
const sweepMs = 50;

export function buildApp({
  tracer,
  logger,
  debug = false,
  drainMs = 20_000,
  lingerMs = 0,
  ...options
}: AppOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: logger,
    bodyLimit: maxBodyBytes,
    // One line of our own with the trace in it instead; Fastify's would come before the span.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: ({ headers: { "x-request-id": id } }) =>
      typeof id === "string" && /^[\w.-]{1,64}$/.test(id) ? id : randomUUID(),
  }) as unknown as FastifyInstance;
  observeRequests(app, tracer);
  drainOnClose(app, () => Promise.all([options.runtime.shutdown({ timeoutMs: drainMs }), pause(lingerMs)]));
  app.setErrorHandler(async (error, _request, reply) => {
    const { status, retryAfterSeconds, ...problem } = problemOf(error);
    if (retryAfterSeconds !== undefined) void reply.header("retry-after", String(retryAfterSeconds));
    return reply.code(status).send(problem);
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ code: "NOT_FOUND", message: "no such route" }));
  healthRoutes(app, options.runtime);
  if (debug) debugRoutes(app, options.runtime);
  ticketsRoute(app, options);
  return app;
}

/** While the runs end, Fastify answers 503 to whoever still comes; only then it stops listening. */
function drainOnClose(app: FastifyInstance, drain: () => Promise<unknown>): void {
  let closing = false;
  let open = 0;
  let sweep: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    closing = true;
    await drain();
    // A connection on which nothing was asked yet is not idle for Node, which would wait half a minute for its request.
    sweep = setInterval(() => open === 0 && app.server.closeAllConnections(), sweepMs);
  });
  app.server.once("close", () => clearInterval(sweep));
  app.addHook("onRequest", (_request, reply, done) => {
    open += 1;
    reply.raw.once("close", () => (open -= 1));
    done();
  });
  // Of answers whose head was sent before: Node closes what is idle once, when it stops listening.
  app.addHook("onResponse", (_request, _reply, done) => {
    if (closing) setImmediate(() => app.server.closeIdleConnections());
    done();
  });
  // A connection that is kept alive would keep the process alive.
  app.addHook("onSend", (_request, reply) => {
    if (closing) void reply.header("connection", "close");
    return Promise.resolve();
  });
}

function observeRequests(app: FastifyInstance, tracer: Tracer): void {
  app.addHook("onRequest", (request, reply, done) => {
    request.trace = traceRequest(tracer, request, reply);
    const { traceId, spanId } = request.trace.span.spanContext();
    request.log = request.log.child({ trace_id: traceId, span_id: spanId });
    const startedMs = performance.now();
    reply.raw.once("close", () => {
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 499;
      const { url: route = "unknown" } = request.routeOptions;
      const ms = Math.round(performance.now() - startedMs);
      request.log.info({ method: request.method, route, status, ms }, "answered");
    });
    void reply.header("x-request-id", request.id);
    done();
  });
  // After the body was read, because events of a socket do not carry the context on.
  app.addHook("preHandler", (request, _reply, done) => context.with(request.trace.context, done));
}
