import { describe, expect, it } from "vitest";
import { JaegerQuery } from "../../scripts/jaeger/jaeger-query.ts";
import { readSpans, type ReadSpan } from "../../scripts/jaeger/otlp-json.ts";
import { exportRun, traceRecorder, type OtlpTraceRequest } from "../../src/index.ts";
import { goldenTree } from "./golden-tree.ts";
import { ways, type Way } from "./graphs.ts";
import { jaeger, needsJaeger, readBack } from "./jaeger.ts";
import { expectContract } from "./trace-properties.ts";

needsJaeger();

/** Runs something without an SDK. */
async function exported(way: Way): Promise<OtlpTraceRequest> {
  const recorder = traceRecorder();
  const runId = await ways[way](recorder);
  return exportRun(recorder.trace(runId), { serviceName: "exported-runs" });
}

async function post(url: string, request: OtlpTraceRequest): Promise<string> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(request) });
  expect(response.status, url).toBe(200);
  return response.text();
}

const byId = (a: ReadSpan, b: ReadSpan) => a.spanId.localeCompare(b.spanId);

describe("an exported run", () => {
  it.each<Way>(["escalate", "map", "failed", "cancelled", "tools"])(
    "%s: comes back from Jaeger as it was written, and as an SDK would have sent it",
    async (way) => {
      const request = await exported(way);
      const written = readSpans(JSON.stringify({ result: request }));
      await post(`${jaeger().otlpHttp}/v1/traces`, request);
      const read = await new JaegerQuery(jaeger().query).traceOf(written[0]!.traceId, written.length);
      expect(read.toSorted(byId)).toEqual(written.toSorted(byId));
      expectContract(read);
      expect(goldenTree(read)).toBe(goldenTree(await readBack(ways[way])));
    },
  );

  it("is what Jaeger's page loads from a file", async () => {
    const request = await exported("escalate");
    const shown = JSON.parse(await post(`${jaeger().query}/api/transform`, request)) as {
      data: { traceID: string; spans: { operationName: string }[]; processes: object }[];
    };
    expect(shown.data).toHaveLength(1);
    expect(shown.data[0]!.spans.map(({ operationName }) => operationName).toSorted()).toEqual([
      ...["chat large-model", "chat small-model", "invoke_workflow reply", "step answer"],
    ]);
    expect(JSON.stringify(shown.data[0]!.processes)).toContain("exported-runs");
  });
});
