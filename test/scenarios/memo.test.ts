import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type LabelSpec,
  type RunOptions,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock } from "../../src/testing/index.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };

function setUp(reply: (prompt: string) => string = (prompt) => prompt.toUpperCase()) {
  const clock = new SimulatedClock();
  const model = new ScriptedModel(({ messages }) => ({ text: reply(messages.at(-1)?.content ?? "") }));
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", clearance: "classified", model: model.factory, price }),
  ]);
  return { clock, model, runtime: createRuntime({ catalog, policy: defaultPolicy(), clock }) };
}

function shouting(memo: boolean | { ttlMs: number }, label: LabelSpec["level"] = "public") {
  const g = graph("shout", { input: z.object({ word: z.string(), noise: z.string().default("") }), label });
  const said = g.model("said", {
    needs: { word: g.input.field("word") },
    complexity: "generation",
    output: z.string(),
    prompt: ({ word }) => word,
    memo,
  });
  return g.output(said);
}

describe("a memorised step", () => {
  it("is not asked again for the same content, whatever else the input holds", async () => {
    const { runtime, model } = setUp();
    const built = shouting(true);
    expect((await runtime.run(built, { word: "a", noise: "1" })).output).toBe("A");
    const run = await runtime.start(built, { word: "a", noise: "2" });
    const cached: string[] = [];
    run.on("step-cached", ({ step }) => cached.push(step));
    const { output, ledger } = await run.result;
    expect([output, ledger.costUsd, cached, model.calls.length]).toEqual(["A", 0, ["said"], 1]);
    expect((await runtime.run(built, { word: "b" })).output).toBe("B");
    expect(model.calls).toHaveLength(2);
  });

  it.each<[string, RunOptions, RunOptions]>([
    ["another tenant", { tags: { tenant: "a" } }, { tags: { tenant: "b" } }],
    ["no tenant", { tags: { tenant: "a" } }, {}],
  ])("is asked again for %s", async (_who, first, second) => {
    const { runtime, model } = setUp();
    const built = shouting(true);
    await runtime.run(built, { word: "a" }, first);
    await runtime.run(built, { word: "a" }, second);
    expect(model.calls).toHaveLength(2);
  });

  it("is asked again when what was kept is too old", async () => {
    const { runtime, model, clock } = setUp();
    const built = shouting({ ttlMs: 1_000 });
    await runtime.run(built, { word: "a" });
    await clock.advance(999);
    await runtime.run(built, { word: "a" });
    expect(model.calls).toHaveLength(1);
    await clock.advance(1);
    await runtime.run(built, { word: "a" });
    expect(model.calls).toHaveLength(2);
  });

  it("keeps no failure", async () => {
    let answers = 0;
    const { runtime } = setUp(() => ((answers += 1) === 1 ? "" : "fine"));
    const built = shouting(true);
    await expect(runtime.run(built, { word: "a" })).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    expect((await runtime.run(built, { word: "a" })).output).toBe("fine");
  });

  it("of another graph, label or version is another step", async () => {
    const { runtime, model } = setUp();
    await runtime.run(shouting(true, "customer"), { word: "a" });
    await runtime.run(shouting(true, "public"), { word: "a" });
    expect(model.calls).toHaveLength(2);
  });

  it("hands out copies", async () => {
    const g = graph("list", { input: z.string() });
    const made = g.code("made", { needs: { x: g.input }, run: ({ x }) => [x], memo: true });
    const built = g.output(made);
    const { runtime } = setUp();
    const { output } = await runtime.run(built, "a");
    output.push("mine");
    expect((await runtime.run(built, "a")).output).toEqual(["a"]);
  });
});
