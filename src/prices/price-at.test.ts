import { describe, expect, it } from "vitest";
import { priceAt, type DatedRates, type Rates } from "./price-at.ts";

const now = new Date("2026-11-23T12:00:00Z");
const text: Rates = { input_mtok: 2, output_mtok: 10 };

const inputOf = (rates: DatedRates, at = now) => priceAt(rates, at, "list")?.inputPicoPerToken;

describe("priceAt", () => {
  it("turns dollars a million into pico-dollars a token, and fills in what costs the same", () => {
    expect(priceAt(text, now, "list")).toEqual({
      inputPicoPerToken: 2_000_000n,
      outputPicoPerToken: 10_000_000n,
      cacheReadPicoPerToken: 2_000_000n,
      cacheWritePicoPerToken: 2_000_000n,
      reasoningPicoPerToken: 10_000_000n,
      version: "list",
    });
    const parts = { ...text, cache_read_mtok: 0.0028, cache_write_mtok: 2.5, output_reasoning_mtok: 3 };
    expect(priceAt(parts, now, "list")).toMatchObject({
      cacheReadPicoPerToken: 2_800n,
      cacheWritePicoPerToken: 2_500_000n,
      reasoningPicoPerToken: 3_000_000n,
    });
  });

  it("rounds up what is no whole number of pico-dollars, and not the noise of a double", () => {
    expect(priceAt({ ...text, cache_write_mtok: 0.08333333333333334 }, now, "list")?.cacheWritePicoPerToken).toBe(
      83_334n,
    );
    expect(inputOf({ ...text, input_mtok: 0.18000000000000002 })).toBe(180_000n);
  });

  it("takes the highest tier, in whatever order they stand", () => {
    const tiers = [
      { start: 200_000, price: 6 },
      { start: 400_000, price: 5 },
    ];
    expect(inputOf({ ...text, input_mtok: { base: 3, tiers } })).toBe(6_000_000n);
    expect(inputOf({ ...text, input_mtok: { base: 7, tiers } })).toBe(7_000_000n);
    expect(inputOf({ ...text, input_mtok: { base: 3, tiers: [] } })).toBe(3_000_000n);
  });

  it("takes the dearest cache write", () => {
    const rates = { ...text, cache_write_mtok: 2.5, cache_write_1h_mtok: 4 };
    expect(priceAt(rates, now, "list")?.cacheWritePicoPerToken).toBe(4_000_000n);
  });

  it("passes over what is never sent: sound, pictures and searches", () => {
    const unused = { input_audio_mtok: 40, cache_audio_read_mtok: 9, cache_image_read_mtok: 9, input_video_mtok: 1 };
    expect(priceAt({ ...text, ...unused, web_searches_kcount: 10, storage_searches_kcount: 3 }, now, "list")).toEqual(
      priceAt(text, now, "list"),
    );
  });

  it.each<[string, Rates]>([
    ["nothing at all", {}],
    ["input only, as of embeddings", { input_mtok: 0.1 }],
    ["output only", { output_mtok: 0.1 }],
    ["requests", { ...text, requests_kcount: 5 }],
    ["sound that it answers", { ...text, output_audio_mtok: 64 }],
    ["pictures that it answers", { ...text, output_image_mtok: 30 }],
    ["citations", { ...text, output_citation_mtok: 2 }],
    ["hours of sound", { audio_hours: 0.1, input_audio_hours: 0.1 }],
    ["pages", { input_document_kpages: 1 }],
    ["what nobody knows yet", { ...text, holograms_kcount: 1 }],
    ["0 for input", { ...text, input_mtok: 0 }],
    ["0 for output", { ...text, output_mtok: 0 }],
    ["less than nothing", { ...text, input_mtok: -1 }],
    ["NaN", { ...text, cache_read_mtok: NaN }],
    ["a tier without end", { ...text, input_mtok: { base: 1, tiers: [{ price: Infinity }] } }],
    ["more than a million", { ...text, output_mtok: 1_000_001 }],
  ])("knows no price where the list has %s", (_name, rates) => {
    expect(priceAt(rates, now, "list")).toBeUndefined();
  });

  describe("of several periods", () => {
    const since = (start_date: string, usd: number) => ({
      constraint: { type: "start_date", start_date },
      prices: { ...text, input_mtok: usd },
    });
    const daily = (usd: number, read: number) => ({
      constraint: { type: "time_of_date", start_time: "00:30:00Z", end_time: "16:30:00Z" },
      prices: { input_mtok: usd, output_mtok: 1, cache_read_mtok: read },
    });
    const always = { prices: { ...text, input_mtok: 1 } };

    it.each<[string, DatedRates, string, bigint]>([
      ["the first before any date", [always, since("2026-06-01", 2)], "2026-05-31T23:59:59Z", 1_000_000n],
      ["the next from its day on", [always, since("2026-06-01", 2)], "2026-06-01T00:00:00Z", 2_000_000n],
      ["none of the future", [always, since("2027-01-01", 9)], "2026-11-23T00:00:00Z", 1_000_000n],
      [
        "the last that has begun",
        [always, since("2026-06-01", 5), since("2026-07-01", 3)],
        "2026-11-23T00:00:00Z",
        3_000_000n,
      ],
      [
        "the first where all lie ahead",
        [since("2026-06-01", 4), since("2026-07-01", 3)],
        "2026-01-01T00:00:00Z",
        4_000_000n,
      ],
    ])("takes %s", (...[, rates, at, pico]) => {
      expect(inputOf(rates, new Date(at))).toBe(pico);
    });

    it.each(["2026-11-23T12:00:00Z", "2026-11-23T23:00:00Z"])("takes the dearest of the day, at %s too", (at) => {
      const price = priceAt([always, daily(2, 0.1), daily(4, 0.05)], new Date(at), "list");
      expect(price?.inputPicoPerToken).toBe(4_000_000n);
      // Each rate for itself: the always valid set reads its cache at its input price.
      expect(price?.cacheReadPicoPerToken).toBe(1_000_000n);
      expect(price?.outputPicoPerToken).toBe(10_000_000n);
    });

    it("looks no further back than the period in force", () => {
      expect(inputOf([daily(50, 50), always, daily(2, 2)])).toBe(2_000_000n);
    });

    it("knows no price where one of the day is not of tokens", () => {
      const perRequest = { ...daily(1, 1), prices: { ...text, requests_kcount: 1 } };
      expect(priceAt([always, perRequest], now, "list")).toBeUndefined();
    });

    it("knows no price of no period", () => {
      expect(priceAt([], now, "list")).toBeUndefined();
    });
  });
});
