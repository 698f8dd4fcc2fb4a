import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../src/index.ts";
import { ScriptedModel } from "../src/testing/index.ts";

interface Posted {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly type: string | undefined;
  readonly body: Buffer;
}

/** What an OTLP back end such as Jaeger is to an exporter: a port that takes posts. */
async function receiver() {
  const posts: Posted[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url: path, headers } = request;
      posts.push({ method, path, type: headers["content-type"], body: Buffer.concat(chunks) });
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { posts, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, close };
}

const canary = "CANARY-4711";

it("sends the spans of a run to an OTLP receiver through the official exporter, and no content", async () => {
  const { posts, url, close } = await receiver();
  try {
    const exporter = new OTLPTraceExporter({ url });
    const tracerProvider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
    const model = new ScriptedModel([{ text: `answer ${canary}` }], { model: "tiny-model" });
    const g = graph("otlp-graph", { input: z.object({ text: z.string() }) });
    const reply = g.model("reply", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ input: { text } }) => text,
    });
    const runtime = createRuntime({
      catalog: createCatalog([endpoint("tiny", { class: "slm", location: "edge", model: model.factory })]),
      policy: defaultPolicy(),
      telemetry: { tracerProvider },
    });
    const { traceId } = await runtime.run(g.output(reply), { text: canary });
    await tracerProvider.shutdown();
    expect(posts.map(({ method, path, type }) => ({ method, path, type }))).toEqual([
      { method: "POST", path: "/v1/traces", type: "application/x-protobuf" },
    ]);
    const body = posts[0]!.body;
    for (const text of ["invoke_workflow otlp-graph", "step reply", "chat tiny-model", "tierwise.cost.bucket"])
      expect(body.includes(text), text).toBe(true);
    expect(body.includes(Buffer.from(traceId, "hex"))).toBe(true);
    expect(body.includes(canary)).toBe(false);
  } finally {
    await close();
  }
});
