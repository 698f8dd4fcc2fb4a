/** An engine that breaks in the middle of a run has failed it; what is left behind is as after any other failure. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  TierwiseError,
  type Graph,
  type RunEvent,
} from "../src/index.ts";
import { ScriptedModel, SimulatedClock } from "../src/testing/index.ts";
import { FailingEngine, type Loss } from "./support/failing-engine.ts";
import { MetricRecorder } from "./support/metric-recorder.ts";
import { Recorder } from "./support/span-recorder.ts";

const input = z.object({});
type Input = z.infer<typeof input>;
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1, version: "test" };
const broken = new Error("the store is gone");
const never = (): Promise<never> => new Promise(() => undefined);

function asking() {
  const g = graph("asking", { input });
  return g.output(g.model("ask", { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" }));
}

function code() {
  const g = graph("code", { input });
  return g.output(g.code("work", { needs: {}, run: never }));
}

function tools() {
  const g = graph("tools", { input });
  const look = { name: "look", schema: z.object({}), invoke: never };
  const spec = { needs: {}, output: z.string(), prompt: () => "p" };
  return g.output(g.agent("work", { ...spec, tools: [{ tool: look, effect: "read" }] }));
}

function nested() {
  const middle = graph("middle", { input });
  const below = middle.output(middle.subgraph("below", { graph: asking(), input: middle.input }));
  const g = graph("nested", { input });
  return g.output(g.subgraph("outer", { graph: below, input: g.input }));
}

function list() {
  const g = graph("list", { input });
  const items = g.code("items", { needs: { item: g.input }, run: ({ item }) => [item, item, item] });
  return g.output(g.map("each", { over: items, each: asking(), concurrency: 2 }));
}

/** Each hangs in its last step, below whatever is around it. */
const graphs: readonly (readonly [string, () => Graph<Input, unknown>, readonly string[]])[] = [
  ["a model", asking, ["invoke_workflow asking", "  step ask", "    chat small-model"]],
  ["code", code, ["invoke_workflow code", "  step work"]],
  ["a tool", tools, ["invoke_workflow tools", "  step work", "    chat small-model", "    execute_tool look"]],
  [
    "a graph inside a graph",
    nested,
    [
      "invoke_workflow nested",
      "  step outer",
      "    step outer/below",
      "      step outer/below/ask",
      "        chat small-model",
    ],
  ],
  [
    "a list",
    list,
    [
      "invoke_workflow list",
      "  step items",
      "  fanout each",
      "    step each/ask",
      "      chat small-model",
      "    step each/ask",
      "      chat small-model",
    ],
  ],
];

async function readToEnd(run: AsyncIterable<RunEvent>): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

async function broke(build: () => Graph<Input, unknown>, loss: Loss) {
  const clock = new SimulatedClock();
  const [spans, metrics] = [new Recorder(), new MetricRecorder()];
  const engine = new FailingEngine(clock, loss);
  const looks = { toolCalls: [{ name: "look", args: {} }], usage: { inputTokens: 100, outputTokens: 10 } };
  const model = new ScriptedModel(() => (build === tools ? looks : { hangs: true }), { model: "small-model", clock });
  const runtime = createRuntime({
    catalog: createCatalog([endpoint("small", { class: "slm", location: "on-prem", price, model: model.factory })]),
    policy: defaultPolicy(),
    retry: { maxAttempts: 1 },
    telemetry: { tracerProvider: spans.provider, meterProvider: metrics.provider },
    clock,
    engine,
  });
  const run = await runtime.start(build(), {}, { budget: { durationMs: 60_000 } });
  const heard: RunEvent[] = [];
  run.on("*", (event) => void heard.push(event));
  const read = readToEnd(run);
  await clock.advance(100);
  engine.break(broken);
  const error = await run.result.catch((thrown: unknown) => thrown);
  return { run, runtime, clock, spans, metrics, error, heard, read: await read };
}

describe.each<Loss>(["advance", "result"])("an engine whose %s breaks", (loss) => {
  describe.each(graphs)("while %s is under way", (_what, build, tree) => {
    it("fails the run with INTERNAL, and says why in its cause alone", async () => {
      const { error } = await broke(build, loss);
      expect(error).toBeInstanceOf(TierwiseError);
      expect(error).toMatchObject({ code: "INTERNAL", cause: broken });
      expect((error as Error).message).not.toContain(broken.message);
    });

    it("leaves no span open, and no parent ends before its child", async () => {
      const { spans } = await broke(build, loss);
      expect(await spans.tree()).toEqual(tree);
      await spans.expectWellFormed();
      const root = await spans.named(tree[0]!);
      expect(root.attributes).toMatchObject({ "tierwise.run.outcome": "failed", "error.type": "TierwiseError" });
    });

    it("ends the events with one run-end, for listeners and readers", async () => {
      const { heard, read } = await broke(build, loss);
      for (const events of [heard, read]) {
        expect(events.filter(({ type }) => type === "run-end")).toHaveLength(1);
        expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "failed" });
      }
    });

    it("has everything that was asked on the books, and in the run's metrics", async () => {
      const { run, metrics, heard } = await broke(build, loss);
      const count = (type: RunEvent["type"]): number => heard.filter((event) => event.type === type).length;
      expect(count("attempt-end") + count("attempt-error")).toBe(count("attempt-start"));
      expect(count("tool-end")).toBe(count("tool-start"));
      const { costUsd, attempts, reservedUsd } = run.ledger();
      expect({ attempts, reservedUsd }).toEqual({ attempts: count("attempt-start"), reservedUsd: 0 });
      expect(heard.at(-1)).toMatchObject({ costUsd });
      const { "tierwise.run.cost": cost } = await metrics.series();
      expect(cost).toMatchObject([{ attributes: { "tierwise.run.outcome": "failed" }, sum: costUsd, count: 1 }]);
    });

    it("leaves no timer and no run behind", async () => {
      const { clock, runtime, heard } = await broke(build, loss);
      const told = heard.length;
      await runtime.shutdown({ timeoutMs: 100 });
      await clock.advance(120_000);
      // The run may hear of its last events late.
      for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(heard).toHaveLength(told);
      expect(clock.pending).toBe(0);
    });
  });
});
