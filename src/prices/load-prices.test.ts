import { calcPrice, waitForUpdate } from "@pydantic/genai-prices";
import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, it } from "vitest";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint } from "../catalog/endpoint.ts";
import { picoToUsd } from "../catalog/money.ts";
import { costOf } from "../catalog/usage.ts";
import { loadPrices } from "./load-prices.ts";

/** A day on which the data of 0.1.8 is in force. */
const at = new Date("2026-10-01T12:00:00Z");

describe("loadPrices", () => {
  it("knows the published price of a model, exactly, and says where it stands", async () => {
    const prices = await loadPrices({ at });
    const price = prices.priceOf({ provider: "openai", model: "gpt-5" });
    expect(price).toEqual({
      inputPicoPerToken: 1_250_000n,
      outputPicoPerToken: 10_000_000n,
      cacheReadPicoPerToken: 125_000n,
      cacheWritePicoPerToken: 1_250_000n,
      reasoningPicoPerToken: 10_000_000n,
      version: `${prices.version}: openai/gpt-5`,
    });
    expect(Object.isFrozen(price)).toBe(true);
  });

  it("names the package, its version, the day of its newest price and its data", async () => {
    const { version, date } = await loadPrices({ at });
    expect(version).toMatch(/^@pydantic\/genai-prices \d+\.\d+\.\d+, data of \d{4}-\d\d-\d\d \([0-9a-f]{8}\)$/);
    expect(date).toMatch(/^2026-0\d-\d\d$/);
    expect((await loadPrices({ at })).version).toBe(version);
    expect((await loadPrices({ at: new Date("2025-06-01") })).date).toBe("2025-05-22");
    expect((await loadPrices({ at: new Date(0) })).date).toBe("undated");
  });

  it.each<[string, string, string | undefined]>([
    ["openai", "gpt-5-2025-08-07", "openai/gpt-5"],
    ["azure_openai", "gpt-4o", "azure/gpt-4o"],
    ["azure.ai.openai", "gpt-4o", "azure/gpt-4o"],
    ["anthropic", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"],
    ["google-genai", "gemini-2.5-flash", "google/gemini-2.5-flash"],
    ["gcp.gen_ai", "gemini-2.5-flash", "google/gemini-2.5-flash"],
    ["xai", "grok-4.5", "x-ai/grok-4.5"],
    ["openai", "gpt-99", undefined],
    ["openai", "phi-4", undefined],
    ["perplexity", "sonar", undefined],
    ["openai", "text-embedding-3-small", undefined],
    ["vllm", "gpt-5", undefined],
    ["", "gpt-5", undefined],
    ["__proto__", "gpt-5", undefined],
    ["constructor", "gpt-5", undefined],
    ["openai", "", undefined],
  ])("finds %s %s as %s", async (provider, model, entry) => {
    const prices = await loadPrices({ at });
    const version = prices.priceOf({ provider, model })?.version;
    expect(version).toBe(entry && `${prices.version}: ${entry}`);
  });

  it("takes the dearer tier and the dearest cache write: budgets fail closed", async () => {
    const prices = await loadPrices({ at });
    expect(prices.priceOf({ provider: "anthropic", model: "claude-sonnet-4-5" })).toMatchObject({
      inputPicoPerToken: 6_000_000n,
      outputPicoPerToken: 22_500_000n,
      cacheReadPicoPerToken: 600_000n,
      cacheWritePicoPerToken: 12_000_000n,
    });
  });

  it("takes the price in force at the date, and the dearest of a day", async () => {
    const model = { provider: "deepseek", model: "deepseek-v4-flash" };
    const before = (await loadPrices({ at: new Date("2026-08-01") })).priceOf(model);
    const after = (await loadPrices({ at: new Date("2026-09-01T20:00:00Z") })).priceOf(model);
    expect(after?.inputPicoPerToken).toBe(440_000n);
    expect(before!.inputPicoPerToken <= after!.inputPicoPerToken).toBe(true);
  });

  it("never gives less than the package's own sum, for every model, and gives it exactly where there is one rate", async () => {
    const prices = await loadPrices({ at });
    const usage = { inputTokens: 1_000_000, outputTokens: 500_000, cacheReadTokens: 300_000 };
    const theirs = { input_tokens: 1_000_000, output_tokens: 500_000, cache_read_tokens: 300_000 };
    let compared = 0;
    let exact = 0;
    for (const provider of (await waitForUpdate()) ?? []) {
      for (const { id } of provider.models) {
        const price = prices.priceOf({ provider: provider.id, model: id });
        const sum = calcPrice(theirs, id, { provider, timestamp: at })?.total_price;
        if (price === undefined || sum === undefined) continue;
        compared += 1;
        const ours = picoToUsd(costOf(usage, price));
        expect(ours, `${provider.id}/${id}`).toBeGreaterThanOrEqual(sum * (1 - 1e-9));
        if (Math.abs(ours - sum) <= sum * 1e-9) exact += 1;
      }
    }
    expect(compared).toBeGreaterThan(1_000);
    expect(exact / compared).toBeGreaterThan(0.9);
  });

  it.each<[string, unknown, string]>([
    ["no date", new Date("never"), "an object"],
    ["a text", "2026-11-01", '"2026-11-01"'],
    ["null", null, "null"],
  ])("refuses %s", async (_name, when, shown) => {
    await expect(loadPrices({ at: when as Date })).rejects.toMatchObject({
      code: "CATALOG_INVALID",
      message: `Prices cannot be loaded: expected "at" to be a valid Date, found ${shown}; leave it out for today's prices.`,
    });
  });
});

describe("a catalog with loaded prices", () => {
  const spec = { class: "llm", location: "cloud", price: "list" } as const;

  it("prices a ChatOpenAI by its own name", async () => {
    const gpt = endpoint("gpt", { ...spec, model: new ChatOpenAI({ model: "gpt-5", apiKey: "x" }) });
    const { endpoints } = createCatalog([gpt], { prices: await loadPrices({ at }) });
    expect(endpoints[0]?.price?.inputPicoPerToken).toBe(1_250_000n);
  });

  it("refuses to price one that calls another server, or hides in a wrapper", () => {
    const own = { model: "gpt-5", apiKey: "x", configuration: { baseURL: "http://localhost:8000/v1" } };
    expect(() => endpoint("own", { ...spec, model: new ChatOpenAI(own) })).toThrow('who bills for "localhost"');
    const wrapped = new ChatOpenAI({ model: "gpt-5", apiKey: "x" }).withRetry();
    expect(() => endpoint("wrapped", { ...spec, model: wrapped })).toThrow("finds no name on this chat model");
  });
});
