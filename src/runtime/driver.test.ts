import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint } from "../catalog/endpoint.ts";
import { graph } from "../graph/graph.ts";
import type { Graph } from "../graph/types/graph.ts";
import type { Ref } from "../graph/types/values.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { ScriptedModel } from "../testing/scripted-model.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import type { Engine, EngineHost, Payload } from "./engine.ts";
import { createRuntime } from "./runtime.ts";
import type { RuntimeOptions } from "./runtime-options.ts";

function runtime(options: Partial<RuntimeOptions> = {}) {
  const small = endpoint("small", { class: "slm", location: "edge", model: new ScriptedModel([]).factory });
  return createRuntime({ catalog: createCatalog([small]), policy: defaultPolicy(), ...options });
}

/** What it is handed, unchanged and without a step. */
function echo<I>(input: z.ZodType<I, I>): Graph<I, I> {
  const g = graph("echo", { input });
  return g.output<I>(g.input);
}

/** The graph for every item of the input, whatever that is. */
function mapped<I, O>(each: Graph<I, O>, { collects = false }: { readonly collects?: boolean } = {}) {
  const g = graph("items", { input: z.array(z.unknown()) });
  const spec = { over: g.input, each: each as Graph<unknown, O>, maxItems: 20_000 };
  const results: Ref<readonly unknown[]> = collects
    ? g.map("each", { ...spec, onItemError: "collect" })
    : g.map("each", spec);
  return g.output(results);
}

describe("what follows without waiting", () => {
  it("is as long as a list of 20,000 items whose graph has nothing to wait for", async () => {
    const items = Array.from({ length: 20_000 }, (_, index) => index);
    const { output } = await runtime().run(mapped(echo(z.number())), items);
    expect(output).toEqual(items);
  });

  it("is as long as a list of 20,000 items that all do not fit", async () => {
    const items = Array.from({ length: 20_000 }, () => "no number");
    const each = mapped(echo(z.number()), { collects: true });
    const { output } = await runtime().run(each, items);
    expect(output).toHaveLength(20_000);
    expect(output[19_999]).toMatchObject({ ok: false, error: { code: "INPUT_INVALID" } });
  });

  it("is as long as a loop of 100 times 200 iterations", async () => {
    const loop = (body: Graph<number, number>, maxIterations: number): Graph<number, number> => {
      const g = graph("loop", { input: z.number() });
      const again = g.loop("again", { start: g.input, body, until: () => false, maxIterations, onLimit: "accept" });
      return g.output(again);
    };
    const { output } = await runtime().run(loop(loop(echo(z.number()), 200), 100), 7);
    expect(output).toBe(7);
  });
});

describe("a graph inside a step", () => {
  it("whose condition throws after others of its steps came back lets the run go on", async () => {
    const inner = graph("inner", { input: z.number() });
    const first = inner.code("first", { needs: { n: inner.input }, run: ({ n }) => n });
    const never = (): boolean => {
      throw new Error("when");
    };
    const second = inner.code("second", { needs: { first }, when: never, run: ({ first: n }) => n });
    const g = graph("outer", { input: z.number() });
    const got = g.subgraph("got", { input: g.input, graph: inner.output(second), onError: { value: 5 } });
    const next = g.code("next", { needs: { got }, run: ({ got: n }) => (n ?? 0) + 1 });
    const { output } = await runtime().run(g.output(next), 1);
    expect(output).toBe(6);
  });

  it("starts nothing more when another item failed, even where the failure becomes a value", async () => {
    const each = graph("each", { input: z.number() });
    const clock = new SimulatedClock();
    const started: string[] = [];
    const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve));
    const first = each.code("first", {
      needs: { n: each.input },
      run: async ({ n }) => {
        await wait(n);
        if (n === 1) throw new Error("first");
        return n;
      },
    });
    const second = each.code("second", {
      needs: { first },
      run: ({ first: n }) => {
        started.push(`second ${n}`);
        return n;
      },
    });
    const g = graph("outer", { input: z.array(z.number()) });
    const all = g.map("all", { over: g.input, each: each.output(second), onError: { value: [-1] } });
    const result = runtime({ clock }).run(g.output(all), [1, 2, 3]);
    await clock.advance(10);
    expect((await result).output).toEqual([-1]);
    expect(started).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("does not hide in a list of errors what ends a run", async () => {
    const each = graph("each", { input: z.string() });
    const said = each.model("said", {
      ...{ needs: { word: each.input }, complexity: "generation", output: z.string() },
      prompt: ({ word }) => word,
    });
    const g = graph("outer", { input: z.array(z.string()) });
    const all = g.map("all", { over: g.input, each: each.output(said), onItemError: "collect" });
    const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
    const model = new ScriptedModel(() => ({ text: "hm" })).factory;
    const catalog = createCatalog([endpoint("small", { class: "slm", location: "edge", model, price })]);
    const run = runtime({ catalog }).run(g.output(all), ["a"], { budget: { costUsd: 1e-9 } });
    await expect(run).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  });
});

describe("a join", () => {
  it("takes the next alternative where an optional field of the input is missing", async () => {
    const g = graph("optional", { input: z.object({ maybe: z.number().optional() }) });
    const other = g.code("other", { needs: {}, run: () => 2 });
    const built = g.output(g.firstOf("either", [g.input.field("maybe"), other]));
    expect((await runtime().run(built, {})).output).toBe(2);
    expect((await runtime().run(built, { maybe: 1 })).output).toBe(1);
  });

  it("with something required comes out the same, whichever comes first", async () => {
    for (const [early, late] of [
      [1, 5],
      [5, 1],
    ]) {
      const clock = new SimulatedClock();
      const g = graph("race", { input: z.number() });
      const after = <T>(ms: number, value: T): Promise<T> =>
        new Promise((resolve) => clock.setTimer(ms, () => resolve(value)));
      const one = g.code("one", { needs: {}, run: () => after(early!, "one") });
      const two = g.code("two", { needs: {}, run: () => after(late!, "two") });
      const result = runtime({ clock }).run(g.output(g.firstOf("first", [one, g.required(two)])), 1);
      await clock.advance(10);
      expect((await result).output).toBe("one");
    }
  });
});

describe("an engine that fails", () => {
  it("fails the run and leaves no timer behind", async () => {
    const clock = new SimulatedClock();
    const g = graph("one", { input: z.number() });
    const built = g.output(g.code("one", { needs: {}, run: () => 1 }));
    const run = runtime({ clock, engine: new BrokenEngine() }).run(built, 1);
    await expect(run).rejects.toMatchObject({ code: "INTERNAL" });
    expect(clock.pending).toBe(0);
  });
});

class BrokenEngine implements Engine {
  #host: EngineHost | undefined;
  #result: Promise<Payload> = Promise.resolve();

  serve(host: EngineHost): Promise<void> {
    this.#host = host;
    return Promise.resolve();
  }

  start(id: string, input: Payload): Promise<"started"> {
    this.#result = this.#host!.drive({ id, advance: () => Promise.reject(new Error("broken")) }, input);
    this.#result.catch(() => undefined);
    return Promise.resolve("started");
  }

  signal = () => Promise.resolve("already" as const);
  cancel = () => Promise.resolve();
  result = () => this.#result;
  drain = () => Promise.resolve();
}
