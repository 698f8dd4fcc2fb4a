import { expect, it } from "vitest";
import { goldenTree } from "./golden-tree.ts";
import { ways } from "./graphs.ts";
import { otlpGrpc } from "./grpc-exporter.ts";
import { jaeger, needsJaeger, readBack } from "./jaeger.ts";
import { expectContract } from "./trace-properties.ts";

needsJaeger();

it("gives back over gRPC what it gives back over HTTP", async ({ skip }) => {
  const exporter = await otlpGrpc(jaeger().otlpGrpc);
  skip(exporter === undefined, "@opentelemetry/exporter-trace-otlp-grpc is not installed");
  const overGrpc = await readBack(ways.escalate, exporter);
  expectContract(overGrpc);
  expect(goldenTree(overGrpc)).toBe(goldenTree(await readBack(ways.escalate)));
});
