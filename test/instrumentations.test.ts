import type { get, IncomingMessage } from "node:http";
import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import * as callbackManager from "@langchain/core/callbacks/manager";
import { ChatOpenAI } from "@langchain/openai";
import { context as contextApi, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../src/index.ts";
import { FaultServer } from "../src/testing/index.ts";

let exporter: InMemorySpanExporter;
let provider: TracerProvider;

beforeEach(() => {
  exporter = new InMemorySpanExporter();
  provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterEach(() => {
  trace.disable();
  contextApi.disable();
});

async function ended(): Promise<readonly ReadableSpan[]> {
  await provider.forceFlush();
  return exporter.getFinishedSpans();
}

const parentOf = (spans: readonly ReadableSpan[], child: ReadableSpan): string | undefined =>
  spans.find((span) => span.spanContext().spanId === child.parentSpanContext?.spanId)?.name;

/** What back ends add up: the tokens of a request, by the names of either convention. */
const countsTokens = ({ attributes }: ReadableSpan): boolean =>
  Object.keys(attributes).some((name) => /^(gen_ai\.usage\.|llm\.token_count\.)/.test(name));

function runtimeOn(server: FaultServer, modelSpans: "tierwise" | "provider") {
  const configuration = { baseURL: server.baseURL };
  const model = new ChatOpenAI({ model: "tiny", apiKey: "none", maxRetries: 0, configuration });
  const catalog = createCatalog([endpoint("tiny", { class: "slm", location: "edge", model })]);
  return createRuntime({ catalog, policy: defaultPolicy(), telemetry: { modelSpans } });
}

function asking() {
  const g = graph("beside", { input: z.object({}) });
  const spec = { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" } as const;
  return g.output(g.model("ask", spec));
}

it("beside an instrumentation of LangChain, with modelSpans provider, a request is counted once", async () => {
  await using server = await FaultServer.start([{ content: "hello" }]);
  const instrumentation = new LangChainInstrumentation();
  instrumentation.setTracerProvider(provider);
  instrumentation.manuallyInstrument(callbackManager);
  try {
    const { output } = await runtimeOn(server, "provider").run(asking(), {});
    expect(output).toBe("hello");
  } finally {
    instrumentation.disable();
  }
  const spans = await ended();
  const counted = spans.filter(countsTokens);
  expect(counted.map(({ attributes }) => attributes["openinference.span.kind"])).toEqual(["LLM"]);
  expect(spans.map(({ name }) => name)).toContain("attempt tiny");
  expect(spans.filter(({ attributes }) => attributes["gen_ai.operation.name"] === "chat")).toEqual([]);
  // Below our attempt, in our trace.
  expect(parentOf(spans, counted[0]!)).toBe("attempt tiny");
});

it("without such an instrumentation the chat span counts it, once", async () => {
  await using server = await FaultServer.start([{ content: "hello" }]);
  await runtimeOn(server, "tierwise").run(asking(), {});
  expect((await ended()).filter(countsTokens).map(({ name }) => name)).toEqual(["chat tiny"]);
});

/** ChatOpenAI asks through `fetch`, which the instrumentation of `node:http` does not see; a tool shows the nesting. */
it("beside the instrumentation of node:http, a tool's requests nest below its execute_tool span", async () => {
  const toolCalls = [{ id: "call-1", name: "look", args: "{}" }];
  await using server = await FaultServer.start([{ toolCalls }, { content: "{}" }, { content: "done" }]);
  const instrumentation = new HttpInstrumentation({ ignoreIncomingRequestHook: () => true });
  instrumentation.setTracerProvider(provider);
  const http = await import("node:http");
  const patched = http.default as { get: typeof get };
  const original = patched.get;
  const definition = (instrumentation as unknown as { getModuleDefinitions(): ModuleDefinition[] })
    .getModuleDefinitions()
    .find(({ name }) => name === "http");
  definition?.patch?.(patched);
  try {
    const look = {
      name: "look",
      schema: z.object({}),
      invoke: async () => {
        const answer = await new Promise<IncomingMessage>((resolve, reject) =>
          patched.get(`${server.baseURL}/look`, resolve).on("error", reject),
        );
        answer.resume();
        await new Promise((resolve) => answer.once("end", resolve));
        return String(answer.statusCode);
      },
    };
    const g = graph("beside", { input: z.object({}) });
    const spec = { needs: {}, output: z.string(), prompt: () => "p" };
    const work = g.agent("work", { ...spec, tools: [{ tool: look, effect: "read" }] });
    expect((await runtimeOn(server, "tierwise").run(g.output(work), {})).output).toBe("done");
  } finally {
    definition?.unpatch?.(patched);
    instrumentation.disable();
    patched.get = original;
  }
  const spans = await ended();
  const requests = spans.filter(({ instrumentationScope }) =>
    instrumentationScope.name.endsWith("instrumentation-http"),
  );
  expect(requests.map((span) => [span.name, parentOf(spans, span)])).toEqual([["GET", "execute_tool look"]]);
});

interface ModuleDefinition {
  readonly name: string;
  readonly patch?: (module: unknown) => unknown;
  readonly unpatch?: (module: unknown) => void;
}
