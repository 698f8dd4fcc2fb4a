/** Beside the instrumentation of Node's `fetch` (undici), through which LangChain's clients ask. */
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FaultServer } from "../src/testing/index.ts";
import { asking, askingForEach, runtimeOn, type ModelSpans } from "./support/asking-a-server.ts";
import { GlobalSpans } from "./support/global-spans.ts";

let spans: GlobalSpans;
let instrumentation: UndiciInstrumentation;

beforeEach(() => {
  spans = GlobalSpans.register();
  instrumentation = new UndiciInstrumentation();
  instrumentation.setTracerProvider(spans.provider);
});

afterEach(() => {
  instrumentation.disable();
  spans.unregister();
});

async function requests(): Promise<readonly (readonly [name: string, parent: string | undefined, status: unknown])[]> {
  const found = await spans.below("instrumentation-undici");
  return found.map(({ span, parent }) => [span.name, parent?.name, span.attributes["http.response.status_code"]]);
}

describe.each<[ModelSpans, string]>([
  ["tierwise", "chat tiny"],
  ["provider", "attempt tiny"],
])("with modelSpans %s the request for an answer is below the span %s", (modelSpans, name) => {
  it("that comes at once", async () => {
    await using server = await FaultServer.start([{ content: "hello" }]);
    const { traceId } = await runtimeOn(server, modelSpans).run(asking(), {});
    expect(await requests()).toEqual([["POST", name, 200]]);
    const [request] = await spans.below("instrumentation-undici");
    expect(request!.span.spanContext().traceId).toBe(traceId);
  });

  it("that comes in pieces", async () => {
    await using server = await FaultServer.start([{ content: "hello" }]);
    const run = await runtimeOn(server, modelSpans).start(asking({ stream: true }), {});
    const shown: string[] = [];
    for await (const event of run) if (event.type === "token") shown.push(event.text);
    expect(shown.join("")).toBe("hello");
    expect(await requests()).toEqual([["POST", name, 200]]);
  });

  it("of its own attempt, where it is asked for again", async () => {
    await using server = await FaultServer.start([{ status: 503 }, { content: "hello" }]);
    const retry = { maxAttempts: 2, initialDelayMs: 1 };
    await runtimeOn(server, modelSpans, { retry }).run(asking(), {});
    expect(await requests()).toEqual([
      ["POST", name, 503],
      ["POST", name, 200],
    ]);
    expect(new Set((await spans.below("instrumentation-undici")).map(({ parent }) => parent)).size).toBe(2);
  });

  it("of its own attempt, where ten are asked for side by side", async () => {
    await using server = await FaultServer.start(() => ({ content: "hello" }));
    const items = Array.from({ length: 10 }, () => ({}));
    await runtimeOn(server, modelSpans).run(askingForEach(), items);
    expect(await requests()).toEqual(items.map(() => ["POST", name, 200]));
    const parents = (await spans.below("instrumentation-undici")).map(({ parent }) => parent);
    expect(new Set(parents.map((parent) => parent?.attributes["tierwise.step.name"])).size).toBe(10);
  });
});
