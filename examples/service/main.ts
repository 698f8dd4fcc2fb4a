/** The service as a process: `node examples/service/main.ts`. Ends with 0 when a signal ended it and all was answered. */
import { trace } from "@opentelemetry/api";
import { pino } from "pino";
import { buildApp } from "./app.ts";
import { readConfig } from "./config.ts";
import { deskRuntime } from "./desk-runtime.ts";
import { serviceModels } from "./models.ts";
import { serviceGraph } from "./service-graph.ts";
import { startTracing } from "./tracing.ts";

/** Beyond the drain: for answers to be sent and spans to be exported. */
const graceMs = 10_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = pino({ level: config.logLevel });
  const models = serviceModels(process.env);
  const tracing = startTracing(process.env);
  trace.setGlobalTracerProvider(tracing.provider);
  const runtime = deskRuntime({ models, config });
  const budget = { durationMs: config.requestMs, ...(models.priced && { costUsd: config.requestUsd }) };
  const app = buildApp({
    ...{ runtime, graph: serviceGraph, tenants: config.tenants, budget, logger },
    tracer: tracing.provider.getTracer("support-service"),
    ...{ debug: config.debugRoutes, drainMs: config.drainMs, lingerMs: config.lingerMs },
  });
  const close = async (signal: string): Promise<void> => {
    logger.info({ signal }, "shutting down");
    const late = setTimeout(() => process.exit(1), Math.max(config.drainMs, config.lingerMs) + graceMs).unref();
    await app.close();
    await tracing.shutdown();
    clearTimeout(late);
    logger.info("all ended");
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void close(signal));
  // Checks every flow of the graph against the catalog, so that a wrong endpoint stops the start and not a request.
  runtime.plan(serviceGraph, { budget, tags: { tenant: [...config.tenants.keys()][0] ?? "" } }).check();
  if (models.standIns.length > 0) logger.warn({ standIns: models.standIns }, "scripted stand-ins, not models");
  if (!models.priced) logger.warn("an endpoint has no price: calls are capped, money is not");
  await app.listen({ host: config.host, port: config.port });
}

try {
  await main();
} catch (error) {
  console.error(`service: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
