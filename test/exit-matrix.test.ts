/** Every kind of span under every way in which a run can be left: nothing stays open, each ends once, parents end last. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  graph,
  ProviderError,
  type Graph,
  type Run,
  type Runtime,
} from "../src/index.ts";
import { ScriptedModel, SimulatedClock, type Script, type ScriptedReply } from "../src/testing/index.ts";
import { callsTool, priced, usage } from "./support/priced-models.ts";
import { Recorder } from "./support/span-recorder.ts";

const input = { text: "hello" };
const never = (): Promise<never> => new Promise(() => undefined);
const boom = (): never => {
  throw new Error("boom");
};
const down = new ProviderError("down", { retryable: false, errorType: "503", status: 503 });

/** Where the run is when it is left: what the code, the tool or the model at that place does. */
interface Place {
  readonly code?: () => unknown;
  readonly tool?: () => unknown;
  readonly model?: ScriptedReply;
}

type Input = typeof input;
const schema = z.object({ text: z.string() });
const looks = callsTool("look");
const say: ScriptedReply = { chunks: Array<string>(400).fill("a"), usage };

function codeGraph(name: string, { code }: Place) {
  const g = graph(name, { input: schema });
  return g.output(g.code("work", { needs: {}, run: code ?? (() => "done") }));
}

function modelGraph(name: string) {
  const g = graph(name, { input: schema });
  const spec = { complexity: "generation", output: z.string(), prompt: () => "p", stream: true } as const;
  return g.output(g.model("work", { needs: {}, ...spec }));
}

function toolGraph({ tool }: Place) {
  const g = graph("tools", { input: schema });
  const look = { name: "look", schema: z.object({}), invoke: tool ?? (() => "found") };
  const spec = { output: z.string(), prompt: () => "p", stream: true } as const;
  return g.output(g.agent("work", { needs: {}, ...spec, tools: [{ tool: look, effect: "read" }] }));
}

function listGraph() {
  const g = graph("list", { input: schema });
  const items = g.code("items", { needs: { input: g.input }, run: ({ input: item }) => [item, item, item] });
  return g.output(g.map("each", { over: items, each: modelGraph("inner"), concurrency: 2 }));
}

function nestedGraph() {
  const inner = graph("middle", { input: schema });
  const below = inner.subgraph("below", { graph: modelGraph("inner"), input: inner.input });
  const g = graph("nested", { input: schema });
  return g.output(g.subgraph("outer", { graph: inner.output(below), input: g.input }));
}

interface Kind {
  readonly build: (place: Place) => Graph<Input, unknown>;
  readonly script: (place: Place) => Script;
  /** A span that must be in the trace. */
  readonly span: string;
}

const answering =
  ({ model = say }: Place): Script =>
  () =>
    model;

const kinds: Readonly<Record<string, Kind>> = {
  run: { build: (place) => codeGraph("run", place), script: () => [], span: "invoke_workflow run" },
  step: { build: (place) => codeGraph("code", place), script: () => [], span: "step work" },
  fanout: { build: listGraph, script: answering, span: "fanout each" },
  chat: { build: () => modelGraph("model"), script: answering, span: "chat small-model" },
  execute_tool: {
    build: toolGraph,
    // The loop goes wrong in its tool, or else in the answer after it.
    script: ({ model = say }) => {
      const rest = [looks, model];
      return () => rest.shift() ?? say;
    },
    span: "execute_tool look",
  },
  "step of a nested graph": { build: nestedGraph, script: answering, span: "step outer/below/work" },
};

interface Exit {
  readonly place: Place;
  readonly leave?: (run: Run<unknown>, runtime: Runtime, clock: SimulatedClock) => Promise<void>;
  readonly outcome: string | ((kind: string) => string);
}

const hanging: Place = { code: never, tool: never, model: { hangs: true } };
/** Code has no stream: there it is as if it had thrown. */
const cut: Place = { code: boom, model: { chunks: ["a", "b"], error: down } };

const exits: Readonly<Record<string, Exit>> = {
  "a return": { place: {}, outcome: "completed" },
  "a throw": {
    place: { code: boom, tool: boom, model: { error: down } },
    outcome: "failed",
  },
  "an abort": {
    place: hanging,
    leave: async (run, _runtime, clock) => {
      await clock.advance(100);
      run.cancel(new Error("enough"));
    },
    outcome: "cancelled",
  },
  "an error in the middle of a stream": { place: cut, outcome: "failed" },
  "a consumer that returns early": {
    place: {},
    leave: async (run) => {
      for await (const { type } of run) if (type === "step-start" || type === "token") break;
    },
    outcome: "completed",
  },
  "a consumer that no longer reads": {
    place: {},
    leave: async (run, _runtime, clock) => {
      await run[Symbol.asyncIterator]().next();
      // Past the run's deadline, from which on nobody is waited for.
      await clock.advance(5_000);
    },
    outcome: (kind) => (kind === "run" || kind === "step" ? "completed" : "failed"),
  },
  "the drain of the process": {
    place: hanging,
    leave: async (_run, runtime, clock) => {
      const shut = runtime.shutdown({ timeoutMs: 100 });
      await clock.advance(200);
      await shut;
    },
    outcome: "cancelled",
  },
};

describe.each(Object.entries(exits))("after %s", (_exit, { place, leave, outcome }) => {
  it.each(Object.entries(kinds))("no span is open: %s", async (kind, { build, script, span }) => {
    const recorder = new Recorder();
    const clock = new SimulatedClock();
    const model = new ScriptedModel(script(place), { model: "small-model", clock });
    const runtime = createRuntime({
      catalog: createCatalog([priced("small", model)]),
      policy: defaultPolicy(),
      retry: { maxAttempts: 1 },
      telemetry: { tracerProvider: recorder.provider },
      clock,
    });
    const run = await runtime.start(build(place), input, { budget: { durationMs: 1_000 } });
    const ended = run.result.catch(() => undefined);
    await leave?.(run, runtime, clock);
    await clock.advance(500);
    await ended;
    await recorder.expectWellFormed();
    const spans = await recorder.spans();
    expect(spans.map(({ name }) => name)).toContain(span);
    expect(new Set(spans.map((each) => each.spanContext().spanId)).size).toBe(spans.length);
    expect(spans.every((each) => each.spanContext().traceId === run.traceId)).toBe(true);
    const root = spans.find(({ name }) => name.startsWith("invoke_workflow"))!;
    expect(root.attributes["tierwise.run.outcome"]).toBe(typeof outcome === "string" ? outcome : outcome(kind));
    // What was cancelled did not fail.
    const failed = spans.filter(({ attributes }) => attributes["tierwise.step.outcome"] === "failed");
    expect(root.attributes["tierwise.steps.failed"]).toBe(failed.length);
  });
});
