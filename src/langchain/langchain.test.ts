import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { RunnableLambda, type RunnableConfig } from "@langchain/core/runnables";
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

class ChainEnds extends BaseCallbackHandler {
  readonly name = "chain-ends";
  readonly outputs: unknown[] = [];

  override handleChainEnd(outputs: unknown): void {
    this.outputs.push(outputs);
  }
}

describe("the result of a graph as a Runnable", () => {
  const said = () => {
    const g = graph("said", { input: z.string() });
    const spec = { needs: { x: g.input }, complexity: "generation", output: z.string() } as const;
    return g.output(g.model("said", { ...spec, prompt: ({ x }) => x }));
  };

  it("reaches the host with its ledger before the chain goes on, with the config of the call", async () => {
    const seen: unknown[] = [];
    const chain = toRunnable(runtime, said(), {
      onResult: ({ output, ledger }, { metadata }) => void seen.push(output, ledger.attempts, metadata?.["of"]),
    }).pipe(RunnableLambda.from((text: string) => [text, seen.length]));
    expect(await chain.invoke("x", { metadata: { of: "call" } })).toEqual(["ok", 3]);
    expect(seen).toEqual(["ok", 1, "call"]);
  });

  it("does not go on where the host throws", async () => {
    const runnable = toRunnable(runtime, said(), {
      onResult: () => {
        throw new RangeError("too dear");
      },
    });
    await expect(runnable.invoke("x")).rejects.toThrow("too dear");
  });
});

describe("a Runnable as a step", () => {
  it("is called with what the host makes of the step, but the step's signal", async () => {
    const ended = new ChainEnds();
    let seen: RunnableConfig = {};
    const shout = RunnableLambda.from((text: string, config: RunnableConfig) => {
      seen = config;
      return text.toUpperCase();
    });
    const g = graph("shout", { input: z.string() });
    let stepSignal: AbortSignal | undefined;
    const run = runRunnable(shout, ({ text }: { text: string }) => text, {
      config: ({ signal }) => {
        stepSignal = signal;
        return {
          ...{ tags: ["desk"], signal: AbortSignal.abort() },
          callbacks: [ended],
        };
      },
    });
    const shouted = g.code("shouted", { needs: { text: g.input }, run });
    expect((await runtime.run(g.output(shouted), "hi")).output).toBe("HI");
    expect([seen.tags, seen.signal?.aborted, stepSignal?.aborted]).toEqual([["desk"], false, false]);
    expect(ended.outputs).toEqual([{ output: "HI" }]);
  });

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
