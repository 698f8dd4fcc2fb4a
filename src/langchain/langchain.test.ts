import { RunnableLambda } from "@langchain/core/runnables";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../index.ts";
import { ScriptedModel } from "../testing/index.ts";
import { runRunnable, toRunnable } from "./index.ts";

const catalog = createCatalog([
  endpoint("small", { class: "slm", location: "on-prem", model: new ScriptedModel(() => ({ text: "ok" })).factory }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });

function doubling() {
  const g = graph("double", { input: z.number() });
  return g.output(g.code("double", { needs: { n: g.input }, run: ({ n }) => 2 * n }));
}

describe("a graph as a Runnable", () => {
  it("stands in a chain", async () => {
    const chain = RunnableLambda.from((text: string) => text.length)
      .pipe(toRunnable(runtime, doubling()))
      .pipe(RunnableLambda.from((n: number) => `${n}!`));
    expect(await chain.invoke("four")).toBe("8!");
    expect(await chain.batch(["a", "bb"])).toEqual(["2!", "4!"]);
  });

  it("is cancelled by LangChain's signal", async () => {
    const g = graph("wait", { input: z.number() });
    const waits = g.code("waits", {
      needs: { n: g.input },
      run: (_values, { signal }) =>
        new Promise<number>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
    });
    const abort = new AbortController();
    const result = toRunnable(runtime, g.output(waits)).invoke(1, { signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(result).rejects.toThrow();
  });

  it("has the options that the host makes of the config", async () => {
    const g = graph("poor", { input: z.string() });
    const said = g.model("said", {
      needs: { x: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ x }) => x,
    });
    const runnable = toRunnable(runtime, g.output(said), { runOptions: () => ({ budget: { costUsd: 0.01 } }) });
    await expect(runnable.invoke("x")).rejects.toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
  });
});

describe("a Runnable as a step", () => {
  it("gets what the author picks, and the step's signal", async () => {
    let seen: AbortSignal | undefined;
    const shout = RunnableLambda.from((text: string, { signal }: { signal?: AbortSignal }) => {
      seen = signal;
      return text.toUpperCase();
    });
    const g = graph("shout", { input: z.object({ text: z.string() }) });
    const shouted = g.code("shouted", { needs: { all: g.input }, run: runRunnable(shout, ({ all }) => all.text) });
    expect((await runtime.run(g.output(shouted), { text: "hi" })).output).toBe("HI");
    expect(seen).toBeInstanceOf(AbortSignal);
  });
});
