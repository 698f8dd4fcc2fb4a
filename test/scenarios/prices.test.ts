import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { ReportedUsage } from "../../src/catalog/usage.ts";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type RunEvent } from "../../src/index.ts";
import { loadPrices } from "../../src/prices/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";

const price = {
  inputPerMillionTokensUsd: 1,
  outputPerMillionTokensUsd: 10,
  cacheReadPerMillionTokensUsd: 0.1,
  cacheWritePerMillionTokensUsd: 1.25,
  reasoningPerMillionTokensUsd: 12,
};
const dearPrice = { inputPerMillionTokensUsd: 3, outputPerMillionTokensUsd: 15, cacheReadPerMillionTokensUsd: 0.3 };

function askGraph() {
  const g = graph("ask", { input: z.object({}) });
  const options = { needs: {}, complexity: "generation", output: z.string(), maxOutputTokens: 100 } as const;
  return g.output(g.model("answer", { ...options, prompt: () => "p".repeat(2_000) }));
}

/** One answer with this usage from the small endpoint; a dearer large one stands by. */
async function ask(
  usage: ReportedUsage | "none",
  { alone = false, ...budget }: { costUsd?: number; alone?: boolean } = {},
) {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const model = new ScriptedModel([{ text: "ok", usage }]);
  const small = endpoint("small", { class: "slm", location: "edge", model: model.factory, price });
  const other = new ScriptedModel([]).factory;
  const large = endpoint("large", { class: "llm", location: "cloud", model: other, price: dearPrice });
  const catalog = createCatalog(alone ? [small] : [small, large]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), telemetry: { tracerProvider } });
  const run = await runtime.start(askGraph(), {}, { budget });
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  const { ledger } = await run.result;
  const span = exporter.getFinishedSpans().find(({ name }) => name.startsWith("chat"));
  return { ledger, attributes: span?.attributes ?? {}, ended: events.find(({ type }) => type === "attempt-end") };
}

describe("a request of which parts have their own price", () => {
  const cached = {
    inputTokens: 200,
    outputTokens: 70,
    cacheReadTokens: 150,
    cacheWriteTokens: 20,
    reasoningTokens: 10,
  };

  it("costs the sum of its parts in the ledger, the event and the span", async () => {
    const { ledger, attributes, ended } = await ask(cached);
    // 30 x 1 + 150 x 0.1 + 20 x 1.25 + 60 x 10 + 10 x 12 millionths of a dollar
    expect(ledger.costUsd).toBe(0.00079);
    expect(ledger).toMatchObject({ inputTokens: 200, outputTokens: 70, complete: true });
    expect(ended).toMatchObject({ ...cached, usageSource: "provider", costUsd: 0.00079 });
    expect(attributes).toMatchObject({
      "gen_ai.usage.input_tokens": 200,
      "gen_ai.usage.output_tokens": 70,
      "gen_ai.usage.cache_read.input_tokens": 150,
      "gen_ai.usage.cache_creation.input_tokens": 20,
      "gen_ai.usage.reasoning.output_tokens": 10,
      "tierwise.usage.source": "provider",
      "tierwise.cost.usd": 0.00079,
    });
  });

  it("is compared with the dearest endpoint's plain input price, where no cache was warm", async () => {
    const { ledger } = await ask(cached);
    expect(ledger.baselineUsd).toBe((200 * 3 + 70 * 15) / 1e6);
  });

  it("saves nothing against itself: where no other endpoint could have answered, the baseline is the cost", async () => {
    const { ledger } = await ask(cached, { alone: true });
    expect(ledger.baselineUsd).toBe(ledger.costUsd);
  });

  it.each<[string, ReportedUsage]>([
    ["more read than there was", { ...cached, cacheReadTokens: 201 }],
    ["a negative part", { ...cached, cacheWriteTokens: -1 }],
    ["more reasoning than output", { ...cached, outputTokens: 20, reasoningTokens: 21 }],
    ["parts that leave nothing for each other", { ...cached, cacheReadTokens: 190 }],
  ])("is charged its worst case for %s, and no such part reaches a span", async (_name, usage) => {
    const { ledger, attributes } = await ask(usage);
    const { ledger: unreported } = await ask("none");
    expect(ledger.costUsd).toBe(unreported.costUsd);
    expect(ledger.complete).toBe(false);
    expect(attributes["tierwise.usage.source"]).toBe("suspect");
    expect(Object.keys(attributes).filter((key) => /usage\.(cache|reasoning)/.test(key))).toEqual([]);
  });

  it("reserves the dearest rates: what was not reported costs all of the reservation and no more", async () => {
    const { costUsd: worst } = (await ask("none")).ledger;
    const { ledger } = await ask("none", { costUsd: worst });
    expect(ledger).toMatchObject({ costUsd: worst, overshootUsd: 0, reservedUsd: 0 });
    await expect(ask("none", { costUsd: worst - 1e-9 })).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  });
});

describe("a run whose prices come from a list", () => {
  it("says in its span which entry of which list was charged", async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const model = new ScriptedModel([{ text: "ok", usage: { inputTokens: 100, outputTokens: 10 } }]);
    const spec = { class: "llm", location: "cloud", model: model.factory } as const;
    const prices = await loadPrices({ at: new Date("2026-10-01") });
    const listed = endpoint("gpt", { ...spec, price: { list: { provider: "openai", model: "gpt-5" } } });
    const catalog = createCatalog([listed], { prices });
    const runtime = createRuntime({ catalog, policy: defaultPolicy(), telemetry: { tracerProvider } });
    const { ledger } = await runtime.run(askGraph(), {}, { budget: { costUsd: 0.01 } });
    expect(ledger.costUsd).toBe((100 * 1.25 + 10 * 10) / 1e6);
    const chat = exporter.getFinishedSpans().find(({ name }) => name.startsWith("chat"));
    expect(chat?.attributes["tierwise.cost.price_version"]).toBe(`${prices.version}: openai/gpt-5`);
  });
});
