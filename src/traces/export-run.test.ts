import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { canary, Lab, replying } from "../../test/support/traced-runs.ts";
import { exportRun } from "./export-run.ts";
import type { OtlpTraceRequest } from "./otlp.ts";
import type { RecordedSpan, RecordedTrace } from "./recorded-trace.ts";

const traceId = "a".repeat(32);
const epochMs = 1_800_000_000_000;

function span(spanId: string, more: Partial<RecordedSpan> = {}): RecordedSpan {
  return {
    ...{ traceId, spanId: spanId.repeat(16), parentSpanId: undefined, name: `span ${spanId}`, kind: SpanKind.INTERNAL },
    ...{ scope: { name: "tierwise", version: undefined }, startMs: epochMs, endMs: epochMs + 1.5 },
    ...{ attributes: {}, events: [], links: [], status: { code: SpanStatusCode.UNSET } },
    dropped: { attributes: 0, events: 0, links: 0 },
    ...more,
  };
}

function traceOf(...spans: readonly RecordedSpan[]): RecordedTrace {
  return { runId: "r1", traceId, takenAtMs: epochMs + 2, spans, droppedSpans: 0 };
}

const spansOf = ({ resourceSpans }: OtlpTraceRequest) =>
  resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans);

describe("exportRun", () => {
  it("writes OpenTelemetry's JSON exactly", async () => {
    const chat = span("c", {
      ...{ parentSpanId: "b".repeat(16), kind: SpanKind.CLIENT, startMs: epochMs + 0.25 },
      attributes: { text: "t", yes: true, whole: 3, part: 0.5, huge: 2 ** 60, none: NaN, list: ["a", 1] },
      events: [{ name: "e", atMs: epochMs + 1, attributes: { a: "b" } }],
      links: [{ context: { traceId: "d".repeat(32), spanId: "e".repeat(16), traceFlags: 1 }, attributes: {} }],
      status: { code: SpanStatusCode.ERROR, message: "CODE" },
      dropped: { attributes: 1, events: 2, links: 3 },
    });
    const told = { serviceName: "desk", resource: { "deployment.environment.name": "test" } };
    expect(await exportRun(traceOf(span("b"), chat), told)).toEqual({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: "deployment.environment.name", value: { stringValue: "test" } },
              { key: "service.name", value: { stringValue: "desk" } },
            ],
          },
          scopeSpans: [
            {
              scope: { name: "tierwise" },
              spans: [
                {
                  ...{ traceId, spanId: "b".repeat(16), name: "span b", kind: 1 },
                  ...{ startTimeUnixNano: "1800000000000000000", endTimeUnixNano: "1800000000001500000" },
                  ...{ attributes: [], events: [], links: [], status: { code: 0 } },
                  ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
                },
                {
                  ...{ traceId, spanId: "c".repeat(16), parentSpanId: "b".repeat(16), name: "span c", kind: 3 },
                  ...{ startTimeUnixNano: "1800000000000250000", endTimeUnixNano: "1800000000001500000" },
                  attributes: [
                    { key: "text", value: { stringValue: "t" } },
                    { key: "yes", value: { boolValue: true } },
                    { key: "whole", value: { intValue: "3" } },
                    { key: "part", value: { doubleValue: 0.5 } },
                    { key: "huge", value: { doubleValue: 2 ** 60 } },
                    { key: "none", value: { doubleValue: "NaN" } },
                    { key: "list", value: { arrayValue: { values: [{ stringValue: "a" }, { intValue: "1" }] } } },
                  ],
                  events: [
                    {
                      ...{ timeUnixNano: "1800000000001000000", name: "e" },
                      attributes: [{ key: "a", value: { stringValue: "b" } }],
                    },
                  ],
                  links: [{ traceId: "d".repeat(32), spanId: "e".repeat(16), attributes: [] }],
                  status: { code: 2, message: "CODE" },
                  ...{ droppedAttributesCount: 1, droppedEventsCount: 2, droppedLinksCount: 3 },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it("groups spans by the library that made them", async () => {
    const scope = { name: "http", version: "1.0" };
    const { resourceSpans } = await exportRun(traceOf(span("b"), span("c", { scope }), span("d")));
    expect(resourceSpans[0]!.scopeSpans.map(({ scope: by, spans }) => [by, spans.length])).toEqual([
      [{ name: "tierwise" }, 2],
      [scope, 1],
    ]);
  });

  it("ends a span that is under way when the trace was taken, and says so", async () => {
    const [open, ended] = spansOf(await exportRun(traceOf(span("b", { endMs: undefined }), span("c"))));
    expect(open!.endTimeUnixNano).toBe("1800000000002000000");
    expect(open!.attributes).toEqual([{ key: "tierwise.span.unfinished", value: { boolValue: true } }]);
    expect(ended!.attributes).toEqual([]);
  });

  it("writes the same to a file, without content", async () => {
    const lab = new Lab();
    await lab.run(replying(), "r1", { small: lab.slow({ text: `right ${canary}` }) });
    const folder = mkdtempSync(join(tmpdir(), "tierwise-export-"));
    const file = join(folder, "run.json");
    try {
      const request = await exportRun(lab.recorder.trace("r1"), { file });
      const written = readFileSync(file, "utf8");
      expect(JSON.parse(written)).toEqual(request);
      expect(written).not.toContain(canary);
      expect(spansOf(request).map(({ name }) => name)).toEqual([
        "invoke_workflow reply",
        "step answer",
        "chat small-model",
      ]);
      await expect(exportRun(lab.recorder.trace("r1"), { file: join(folder, "no", "run.json") })).rejects.toThrow(
        /ENOENT/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
