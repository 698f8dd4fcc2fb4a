import type { get, IncomingMessage } from "node:http";
import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import * as callbackManager from "@langchain/core/callbacks/manager";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { graph } from "../src/index.ts";
import { FaultServer } from "../src/testing/index.ts";
import { asking, runtimeOn } from "./support/asking-a-server.ts";
import { GlobalSpans, parentOf } from "./support/global-spans.ts";

let spansOfAll: GlobalSpans;

beforeEach(() => void (spansOfAll = GlobalSpans.register()));
afterEach(() => spansOfAll.unregister());

/** What back ends add up: the tokens of a request, by the names of either convention. */
const countsTokens = ({ attributes }: ReadableSpan): boolean =>
  Object.keys(attributes).some((name) => /^(gen_ai\.usage\.|llm\.token_count\.)/.test(name));

it("beside an instrumentation of LangChain, with modelSpans provider, a request is counted once", async () => {
  await using server = await FaultServer.start([{ content: "hello" }]);
  const instrumentation = new LangChainInstrumentation();
  instrumentation.setTracerProvider(spansOfAll.provider);
  instrumentation.manuallyInstrument(callbackManager);
  try {
    const { output } = await runtimeOn(server, "provider").run(asking(), {});
    expect(output).toBe("hello");
  } finally {
    instrumentation.disable();
  }
  const spans = await spansOfAll.ended();
  const counted = spans.filter(countsTokens);
  expect(counted.map(({ attributes }) => attributes["openinference.span.kind"])).toEqual(["LLM"]);
  expect(spans.map(({ name }) => name)).toContain("attempt tiny");
  expect(spans.filter(({ attributes }) => attributes["gen_ai.operation.name"] === "chat")).toEqual([]);
  // Below our attempt, in our trace.
  expect(parentOf(spans, counted[0]!)?.name).toBe("attempt tiny");
});

it("without such an instrumentation the chat span counts it, once", async () => {
  await using server = await FaultServer.start([{ content: "hello" }]);
  await runtimeOn(server, "tierwise").run(asking(), {});
  expect((await spansOfAll.ended()).filter(countsTokens).map(({ name }) => name)).toEqual(["chat tiny"]);
});

/** Models are asked through `fetch`, which this one does not see (`instrumentations-fetch.test.ts`); a tool shows the nesting. */
it("beside the instrumentation of node:http, a tool's requests nest below its execute_tool span", async () => {
  const toolCalls = [{ id: "call-1", name: "look", args: "{}" }];
  await using server = await FaultServer.start([{ toolCalls }, { content: "{}" }, { content: "done" }]);
  const instrumentation = new HttpInstrumentation({ ignoreIncomingRequestHook: () => true });
  instrumentation.setTracerProvider(spansOfAll.provider);
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
  const requests = await spansOfAll.below("instrumentation-http");
  expect(requests.map(({ span, parent }) => [span.name, parent?.name])).toEqual([["GET", "execute_tool look"]]);
});

interface ModuleDefinition {
  readonly name: string;
  readonly patch?: (module: unknown) => unknown;
  readonly unpatch?: (module: unknown) => void;
}
