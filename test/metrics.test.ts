import { metrics as metricsApi, type MeterProvider } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../src/index.ts";
import type { Clock, Endpoint, EndpointSpec, RuntimeOptions } from "../src/index.ts";
import { ScriptedModel, type ScriptedReply } from "../src/testing/index.ts";
import { MetricRecorder } from "./support/metric-recorder.ts";

const canary = "CANARY-4711";
const usage = { inputTokens: 100, outputTokens: 10 };
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const callUsd = 0.00011;
const busy = Object.assign(new Error(canary), { status: 503 });

afterEach(() => metricsApi.disable());

/** Time moves only where a model or tool takes some; no timeout ever fires. */
class WorkClock implements Clock {
  #nowMs = 0;
  nowMs = (): number => this.#nowMs;
  epochMs = (): number => this.#nowMs;
  work = (byMs: number): void => {
    this.#nowMs += byMs;
  };

  setTimer(delayMs: number, fire: () => void): () => void {
    if (delayMs > 0) return () => undefined;
    const timer = setImmediate(fire);
    return () => clearImmediate(timer);
  }
}

interface Place {
  readonly clock: WorkClock;
  readonly takesMs: number;
  readonly script: readonly ScriptedReply[];
  readonly spec?: Partial<EndpointSpec>;
}

function place(name: string, { clock, takesMs, script, spec }: Place): Endpoint {
  const left = [...script];
  const answer = (): ScriptedReply => {
    clock.work(takesMs);
    return left.shift() ?? { text: "yes", usage };
  };
  const model = new ScriptedModel(answer, { model: `${name}-model` });
  return endpoint(name, { class: "slm", location: "on-prem", price, model: model.factory, ...spec });
}

function runtimeOn(endpoints: readonly Endpoint[], options: Partial<RuntimeOptions>) {
  return createRuntime({
    catalog: createCatalog(endpoints),
    policy: defaultPolicy(),
    random: () => 0,
    feedback: false,
    ...options,
  });
}

/** An answer at the second endpoint, one after a failure, a list of three, and a tool that costs money. */
function deskGraph(clock: WorkClock) {
  const g = graph("desk", { input: z.object({ text: z.string() }) });
  const said = { complexity: "generation", output: z.string(), prompt: () => `prompt ${canary}` } as const;
  const hard = g.model("hard", { ...said, needs: {}, output: z.object({ total: z.number() }) });
  const flaky = g.model("flaky", { ...said, needs: { hard } });
  const items = g.code("items", {
    needs: { flaky },
    run: () => ["a", "b", "c"].map((text) => ({ text: `${text} ${canary}` })),
  });
  const each = graph("each", { input: z.object({ text: z.string() }) });
  const built = each.output(each.model("draft", { ...said, needs: {} }));
  const drafts = g.map("drafts", { over: items, each: built, concurrency: 1 });
  const look = {
    name: "look",
    schema: z.object({ q: z.string() }),
    invoke: () => {
      clock.work(250);
      return canary;
    },
  };
  const work = g.agent("work", {
    needs: { drafts },
    output: z.string(),
    prompt: () => "p",
    tools: [{ tool: look, effect: "read", cost: { perCallUsd: 0.5 } }],
  });
  const never = g.model("never", { ...said, needs: { work }, when: () => false });
  return g.output({ work, never });
}

async function desk() {
  const clock = new WorkClock();
  const recorder = new MetricRecorder();
  const small = place("small", {
    ...{ clock, takesMs: 100 },
    script: [
      { text: `{"total":"${canary}"}`, usage },
      { error: busy },
      ...["yes", "one", "two", "three", "done"].map((text) => ({ text, usage })),
    ],
  });
  const large = place("large", {
    ...{ clock, takesMs: 1_000 },
    script: [
      { text: '{"total":3}', usage },
      { toolCalls: [{ name: "look", args: { q: canary } }], usage },
    ],
    spec: { class: "llm", location: "cloud" },
  });
  const runtime = runtimeOn([small, large], { clock, telemetry: { meterProvider: recorder.provider } });
  const result = await runtime.run(deskGraph(clock), { text: canary }, { tags: { tenant: canary } });
  return { recorder, result, series: await recorder.series() };
}

const inGraph = { "gen_ai.workflow.name": "desk" };
const at = (step: string) => ({ ...inGraph, "tierwise.step.name": step });
const request = (model: string) => ({
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "scripted",
  "gen_ai.request.model": model,
});
const onModel = (model: string, endpointClass: string) => ({
  ...{ "gen_ai.request.model": model, "tierwise.model.class": endpointClass },
});

describe("the metrics of a run", () => {
  it("count the requests to models: time, tokens, failures", async () => {
    const { series, result } = await desk();
    expect(series["gen_ai.client.inference.duration"]).toEqual([
      { attributes: request("small-model"), count: 6, sum: 0.6 },
      { attributes: request("large-model"), count: 2, sum: 2 },
      { attributes: { ...request("small-model"), "error.type": "503" }, count: 1, sum: 0.1 },
    ]);
    // The failed request may have been billed: it counts as what it can have been at most, on the books as well.
    const sums = (name: string) => series[name]!.reduce((sum, one) => sum + one.sum, 0);
    expect(sums("gen_ai.client.inference.usage.input_tokens")).toBe(result.ledger.inputTokens);
    expect(sums("gen_ai.client.inference.usage.output_tokens")).toBe(result.ledger.outputTokens);
    expect(series["gen_ai.client.inference.usage.input_tokens"]).toContainEqual({
      attributes: request("large-model"),
      sum: 200,
    });
  });

  it("tell money by step and model, drafts that were turned down and tools included", async () => {
    const { series, result } = await desk();
    const cost = series["tierwise.cost"]!;
    expect(cost).toContainEqual({ attributes: { ...at("hard"), ...onModel("small-model", "slm") }, sum: callUsd });
    expect(cost).toContainEqual({ attributes: { ...at("hard"), ...onModel("large-model", "llm") }, sum: callUsd });
    expect(cost).toContainEqual({
      attributes: { ...at("drafts/draft"), ...onModel("small-model", "slm") },
      sum: 3 * callUsd,
    });
    expect(cost).toContainEqual({ attributes: { ...at("work"), "gen_ai.tool.name": "look" }, sum: 0.5 });
    expect(cost.reduce((sum, one) => sum + one.sum, 0)).toBeCloseTo(result.ledger.costUsd, 12);
    expect(series["tierwise.run.cost"]).toEqual([
      {
        attributes: { ...inGraph, "tierwise.run.outcome": "completed" },
        count: 1,
        sum: expect.closeTo(result.ledger.costUsd, 12) as number,
      },
    ]);
  });

  it("count escalations and retries once each, at their step, as the ledger does", async () => {
    const { series, result } = await desk();
    expect(series["tierwise.escalations"]).toEqual([{ attributes: at("hard"), sum: 1 }]);
    expect(series["tierwise.retries"]).toEqual([{ attributes: at("flaky"), sum: 1 }]);
    expect(result.ledger.escalations).toBe(1);
  });

  it("time steps, agents, tools and the run; what was skipped took none", async () => {
    const { series } = await desk();
    const ended = (step: string, kind: string) => ({
      ...{ ...at(step), "tierwise.step.kind": kind, "tierwise.step.outcome": "completed" },
    });
    expect(series["tierwise.step.duration"]).toEqual([
      { attributes: ended("hard", "model"), count: 1, sum: 1.1 },
      { attributes: ended("flaky", "model"), count: 1, sum: 0.2 },
      { attributes: ended("items", "code"), count: 1, sum: 0 },
      { attributes: ended("drafts/draft", "model"), count: 3, sum: 0.3 },
      { attributes: ended("drafts", "map"), count: 1, sum: 0.3 },
      { attributes: ended("work", "agent"), count: 1, sum: 1.35 },
    ]);
    const agent = (step: string) => ({
      ...{ ...inGraph, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": step },
    });
    expect(series["gen_ai.invoke_agent.duration"]).toEqual([
      { attributes: agent("hard"), count: 1, sum: 1.1 },
      { attributes: agent("flaky"), count: 1, sum: 0.2 },
      { attributes: agent("drafts/draft"), count: 3, sum: 0.3 },
      { attributes: agent("work"), count: 1, sum: 1.35 },
    ]);
    const called = { ...at("work"), "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look" };
    expect(series["gen_ai.execute_tool.duration"]).toEqual([{ attributes: called, count: 1, sum: 0.25 }]);
    expect(series["tierwise.run.duration"]).toEqual([
      { attributes: { ...inGraph, "tierwise.run.outcome": "completed" }, count: 1, sum: 2.95 },
    ]);
  });

  it("count what the policy decided, by class", async () => {
    const { series } = await desk();
    const decided = (step: string, policyClass: string) => ({ ...at(step), "tierwise.policy.class": policyClass });
    expect(series["tierwise.policy.decisions"]).toEqual([
      { attributes: decided("hard", "hybrid"), sum: 1 },
      { attributes: decided("flaky", "hybrid"), sum: 1 },
      { attributes: decided("drafts/draft", "hybrid"), sum: 3 },
      { attributes: decided("work", "hybrid"), sum: 2 },
    ]);
  });

  it("hold no run id, position, tag or content", async () => {
    const { recorder, result } = await desk();
    const text = JSON.stringify(await recorder.collected());
    for (const secret of [canary, result.runId, "[0]", "[2]"]) expect(text).not.toContain(secret);
  });

  it("time the first piece of a streamed answer", async () => {
    const clock = new WorkClock();
    const recorder = new MetricRecorder();
    const g = graph("shown", { input: z.object({}) });
    const spec = { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p", stream: true } as const;
    const small = place("small", { clock, takesMs: 40, script: [{ chunks: ["a", "b"], usage }] });
    const runtime = runtimeOn([small], { clock, telemetry: { meterProvider: recorder.provider } });
    await runtime.run(g.output(g.model("reply", spec)), {});
    expect((await recorder.series())["gen_ai.client.inference.time_to_first_chunk"]).toEqual([
      { attributes: request("small-model"), count: 1, sum: 0.04 },
    ]);
  });

  it("count runs that a budget ended, by whose and of what, and failed ones with their reason", async () => {
    const clock = new WorkClock();
    const recorder = new MetricRecorder();
    const g = graph("desk", { input: z.object({}) });
    const ask = g.model("ask", { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" });
    const small = place("small", { clock, takesMs: 100, script: [] });
    const runtime = runtimeOn([small], { clock, telemetry: { meterProvider: recorder.provider } });
    const run = runtime.run(g.output(ask), {}, { budget: { costUsd: 1e-9 } });
    await expect(run).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    const series = await recorder.series();
    const bound = { "tierwise.budget.scope": "run", "tierwise.budget.dimension": "costUsd" };
    expect(series["tierwise.budget.exceeded"]).toEqual([{ attributes: { ...inGraph, ...bound }, sum: 1 }]);
    const ended = { ...inGraph, "tierwise.run.outcome": "budget_exceeded", "error.type": "budget_exceeded" };
    expect(series["tierwise.run.duration"]).toEqual([{ attributes: ended, count: 1, sum: 0 }]);
    expect(series["tierwise.step.duration"]?.[0]?.attributes).toMatchObject({ "error.type": "budget_exceeded" });
    expect(series).not.toHaveProperty(["gen_ai.client.inference.duration"]);
  });
});

describe("the provider of metrics", () => {
  function oneStep() {
    const g = graph("one", { input: z.object({}) });
    const ask = g.model("ask", { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" });
    const clock = new WorkClock();
    return { built: g.output(ask), small: place("small", { clock, takesMs: 100, script: [] }), clock };
  }

  it("is the global one by default, also where it is registered after the runtime was made", async () => {
    const { built, small, clock } = oneStep();
    const runtime = runtimeOn([small], { clock });
    await runtime.run(built, {});
    const recorder = new MetricRecorder();
    metricsApi.setGlobalMeterProvider(recorder.provider);
    await runtime.run(built, {});
    await runtime.run(built, {});
    expect((await recorder.series())["tierwise.run.duration"]).toMatchObject([{ count: 2 }]);
  });

  const thrown = (): never => {
    throw new Error("metrics");
  };
  const instrument = { record: thrown, add: thrown };
  const meter = { createHistogram: () => instrument, createCounter: () => instrument };
  it.each<[string, unknown]>([
    ["when it is asked for a meter", { getMeter: thrown }],
    ["when it makes an instrument", { getMeter: () => ({ ...meter, createCounter: thrown }) }],
    ["when something is recorded", { getMeter: () => meter }],
  ])("never breaks a run, not even one that throws %s", async (_when, provider) => {
    const { built, small, clock } = oneStep();
    const runtime = runtimeOn([small], { clock, telemetry: { meterProvider: provider as MeterProvider } });
    const result = await runtime.run(built, {});
    expect(result).toMatchObject({ output: "yes", ledger: { attempts: 1, complete: true } });
  });

  it("is asked for each instrument once, however many runs there are", async () => {
    const { built, small, clock } = oneStep();
    const created: string[] = [];
    const create = (name: string) => (created.push(name), { record: () => undefined, add: () => undefined });
    const provider = { getMeter: () => ({ createHistogram: create, createCounter: create }) };
    const runtime = runtimeOn([small], { clock, telemetry: { meterProvider: provider as unknown as MeterProvider } });
    for (let run = 0; run < 3; run += 1) await runtime.run(built, {});
    expect(created).toHaveLength(14);
    expect(new Set(created).size).toBe(14);
  });
});

describe("sampling", () => {
  /** Runs of which a third escalate, and of which the last ones find an account of theirs empty. */
  async function manyRuns(share: number) {
    const clock = new WorkClock();
    const recorder = new MetricRecorder();
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({
      sampler: new TraceIdRatioBasedSampler(share),
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    });
    const g = graph("sampled", { input: z.object({}) });
    const ask = g.model("ask", {
      needs: {},
      complexity: "generation",
      output: z.object({ n: z.number() }),
      prompt: () => "p",
    });
    const built = g.output(ask);
    const drafts = Array.from({ length: 300 }, (_, run) => ({ text: run % 3 === 0 ? "bad" : '{"n":1}', usage }));
    const final = Array.from({ length: 300 }, () => ({ text: '{"n":1}', usage }));
    const small = place("small", { clock, takesMs: 100, script: drafts });
    const large = place("large", { clock, takesMs: 1_000, script: final, spec: { class: "llm" } });
    const runtime = runtimeOn([small, large], {
      clock,
      telemetry: { tracerProvider, meterProvider: recorder.provider },
      budgets: { accounts: () => [{ name: "all", per: "forever", costUsd: 0.04 }] },
    });
    const ends: unknown[] = [];
    for (let run = 0; run < 300; run += 1)
      ends.push(
        await runtime.run(built, {}).then(
          ({ ledger }) => ledger,
          (error: unknown) => (error as { code: string }).code,
        ),
      );
    await tracerProvider.forceFlush();
    const roots = exporter.getFinishedSpans().filter(({ name }) => name.startsWith("invoke_workflow")).length;
    return { ends, series: await recorder.series(), roots };
  }

  it("of one run in a hundred leaves budgets, ledgers and metrics as they are", async () => {
    const [all, few] = [await manyRuns(1), await manyRuns(0.01)];
    expect([all.roots, few.roots < 30]).toEqual([300, true]);
    expect(few.ends).toEqual(all.ends);
    expect(few.series).toEqual(all.series);
    expect(all.ends).toContain("BUDGET_EXCEEDED");
    expect(all.series["tierwise.budget.exceeded"]).toMatchObject([
      {
        attributes: { "tierwise.budget.scope": "shared" },
        sum: all.ends.filter((end) => end === "BUDGET_EXCEEDED").length,
      },
    ]);
  });
});
