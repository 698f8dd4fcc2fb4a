/** The service on a free port, over models that the test scripts. */
import type { AddressInfo } from "node:net";
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { ChatOpenAI } from "@langchain/openai";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import type { EndpointModel, Runtime } from "tierwise";
import { faults, ScriptedModel, type Script, type ServerReply, type ServerRequest } from "tierwise/testing";
import { buildApp, type AppOptions } from "../../examples/service/app.ts";
import { deskRuntime } from "../../examples/service/desk-runtime.ts";
import { serviceGraph } from "../../examples/service/service-graph.ts";
import { startTracing } from "../../examples/service/tracing.ts";

/** What both models say: a topic is unclear, so no tool is called; then a reply, then the letter in three pieces. */
export const desk: Script = ({ messages, streamed }) => {
  const text = messages.map(({ content }) => content).join("\n");
  if (text.includes("Choose the one label")) return { text: "uncertain" };
  if (streamed) return { chunks: ["Dear Tom, ", "all is ", "well."] };
  return { text: `Hi ${/reply to (\S+) about/.exec(text)?.[1] ?? ""}, all is well.` };
};

/** The same from a server. */
export function servedDesk({ body }: ServerRequest): ServerReply {
  const text = (body["messages"] as { content: string }[]).map(({ content }) => content).join("\n");
  if (text.includes("Choose the one label")) return { content: "uncertain" };
  if (body["stream"] === true) return { content: "Dear Tom, all is well.", ...faults.drip({ everyMs: 1 }) };
  return { content: `Hi ${/reply to (\S+) about/.exec(text)?.[1] ?? ""}, all is well.` };
}

export const ticket = { ticket: "where is it???", customerId: "c-104" };
export const asTenant = { "x-tenant": "acme", "content-type": "application/json" };

export function openAi(baseURL: string): EndpointModel {
  return new ChatOpenAI({ model: "tiny", apiKey: "none", configuration: { baseURL } });
}

export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly app: FastifyInstance;
  readonly runtime: Runtime;
  readonly exporter: InMemorySpanExporter;
  readonly logs: string[];
  post(body: unknown, options?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Response>;
}

export interface ServiceSetting extends Partial<Pick<AppOptions, "budget" | "heartbeatMs" | "drainMs">> {
  readonly model?: EndpointModel;
  readonly tenants?: ReadonlyMap<string, number>;
}

export async function startService({ model, tenants, ...options }: ServiceSetting = {}): Promise<Service> {
  const exporter = new InMemorySpanExporter();
  const tracing = startTracing({}, [new SimpleSpanProcessor({ exporter })]);
  const price = { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 };
  const text = { model: model ?? new ScriptedModel(desk).factory, standIn: true, price };
  const known = tenants ?? new Map([["acme", 100]]);
  const runtime = deskRuntime({
    models: { small: text, large: text, standIns: [], priced: true },
    config: { tenants: known, macKey: undefined },
    retry: { maxAttempts: 1 },
    telemetry: { tracerProvider: tracing.provider },
  });
  const logs: string[] = [];
  const app = buildApp({
    ...{ runtime, graph: serviceGraph, tenants: known, debug: true },
    budget: { costUsd: 0.05, durationMs: 60_000 },
    tracer: tracing.provider.getTracer("test"),
    logger: pino({ level: "debug" }, { write: (line: string) => void logs.push(line) }),
    ...options,
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return {
    ...{ url, app, runtime, exporter, logs },
    post: (body, { headers = {}, signal } = {}) =>
      fetch(`${url}/tickets`, {
        method: "POST",
        headers: { ...asTenant, ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...(signal && { signal }),
      }),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await tracing.shutdown();
      trace.disable();
    },
  };
}

export interface SseMessage {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

export function readEvents(text: string): SseMessage[] {
  const blocks = text.split("\n\n").filter((block) => block.startsWith("event: "));
  return blocks.map((block) => {
    const [, event = "", data = "null"] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
    return { event, data: JSON.parse(data) as Record<string, unknown> };
  });
}

/** Looks again each turn of the event loop; the test's own timeout ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
