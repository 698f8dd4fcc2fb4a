/** Whether the process lives, whether it should be sent requests, and how busy it is. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { FastifyInstance } from "fastify";
import type { EndpointStatus, Runtime } from "tierwise";
import { isLoopback } from "./config.ts";

export function healthRoutes(app: FastifyInstance, runtime: Runtime): void {
  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const endpoints = runtime.endpoints();
    const out = outOfOrder(endpoints);
    if (out.length > 0) void reply.code(503).header("retry-after", "5");
    const shown = endpoints.map(({ name, circuit, running, waiting }) => ({ name, circuit, running, waiting }));
    return reply.send({ status: out.length === 0 ? "ready" : "not ready", outOfOrder: out, endpoints: shown });
  });
}

/** A class of served models without one that takes requests. Half-open counts as taking: a request must come to find out. */
function outOfOrder(endpoints: readonly EndpointStatus[]): readonly string[] {
  const served = endpoints.filter(({ location }) => location !== "in-process");
  const classes = Map.groupBy(served, (endpoint) => endpoint.class);
  return [...classes].filter(([, some]) => some.every(({ circuit }) => circuit === "open")).map(([name]) => name);
}

/** `GET /debug/load`: the event loop's delay since the last look, and what is under way. For this machine only. */
export function debugRoutes(app: FastifyInstance, runtime: Runtime): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  app.addHook("onClose", () => void delay.disable());
  app.get("/debug/load", (request, reply) => {
    if (!isLoopback(request.ip)) return reply.code(404).send({ code: "NOT_FOUND" });
    const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => ns / 1e6);
    delay.reset();
    const calls = runtime.endpoints().reduce((sum, { running, waiting }) => sum + running + waiting, 0);
    const memory = process.memoryUsage();
    return reply.send({ eventLoopDelayMs: { p50, p99, max }, calls, heapMb: memory.heapUsed / 2 ** 20 });
  });
}
