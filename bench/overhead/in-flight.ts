/**
 * What a run retains while its second of three steps is under way. Runs in a process of its own with `--expose-gc`:
 * `node --expose-gc bench/overhead/in-flight.ts [sdk]`; prints bytes a run.
 * @module
 */
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { graph } from "tierwise";
import * as z from "zod";
import { newRuntime } from "./code-steps.ts";
import { discard } from "./discard.ts";

const runs = 5_000;

const processor = new BatchSpanProcessor({ exporter: discard, maxQueueSize: 10 * runs });
const runtime = newRuntime(process.argv[2] === "sdk" ? new TracerProvider({ spanProcessors: [processor] }) : undefined);

let letGo: () => void = () => undefined;
let arrived = 0;

function threeSteps(gate: Promise<void>) {
  const g = graph("in-flight", { input: z.number() });
  const first = g.code("first", { needs: { value: g.input }, run: ({ value }) => value + 1 });
  const second = g.code("second", {
    needs: { first },
    run: async ({ first: value }) => {
      arrived += 1;
      await gate;
      return value + 1;
    },
  });
  return g.output(g.code("third", { needs: { second }, run: ({ second: value }) => value + 1 }));
}

/** Heap after everything that can be collected was. */
function heapUsed(): number {
  for (let time = 0; time < 3; time += 1) globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

async function retainedBytes(): Promise<number> {
  const built = threeSteps(new Promise((resolve) => (letGo = resolve)));
  arrived = 0;
  const before = heapUsed();
  const results = Array.from({ length: runs }, (_, index) => runtime.run(built, index));
  while (arrived < runs) await new Promise((resolve) => setImmediate(resolve));
  await processor.forceFlush();
  const bytes = (heapUsed() - before) / runs;
  letGo();
  await Promise.all(results);
  // What waits for export must not be there when the next measurement begins, and gone when it ends.
  await processor.forceFlush();
  return bytes;
}

// The first time, code is compiled and buffers grow.
await retainedBytes();
console.log(await retainedBytes());
process.exit();
