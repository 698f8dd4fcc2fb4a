import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OptionReader } from "../common/option-reader.ts";
import { endpoint, type EndpointSpec } from "./endpoint.ts";
import type { EndpointModel } from "./model-like.ts";
import { blendedPico, inProcessPrice, readPrice, type DeclaredPrice, type Price } from "./price.ts";

interface Read extends DeclaredPrice {
  readonly mistakes: readonly string[];
}

function read(price: unknown, { model = {}, provider }: { model?: unknown; provider?: unknown } = {}): Read {
  const mistakes: string[] = [];
  const bag = { price, model, provider };
  const reader = new OptionReader(bag, "endpoint", (path, message) => void mistakes.push(`${path}: ${message}`));
  return { ...readPrice(reader, model as EndpointModel), mistakes };
}

const both = (usd: unknown) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });

describe("readPrice of a given price", () => {
  it("turns a price page into exact pico-dollars a token", () => {
    const { price, mistakes } = read({
      inputPerMillionTokensUsd: 1.25,
      outputPerMillionTokensUsd: 10,
      cacheReadPerMillionTokensUsd: 0.125,
      cacheWritePerMillionTokensUsd: 1.5625,
      reasoningPerMillionTokensUsd: 12,
      version: "price page 2026-11-01",
    });
    expect(mistakes).toEqual([]);
    expect(price).toEqual({
      inputPicoPerToken: 1_250_000n,
      outputPicoPerToken: 10_000_000n,
      cacheReadPicoPerToken: 125_000n,
      cacheWritePicoPerToken: 1_562_500n,
      reasoningPicoPerToken: 12_000_000n,
      version: "price page 2026-11-01",
    });
    expect(Object.isFrozen(price)).toBe(true);
  });

  it("fills in what is left out: cached input costs what input costs, reasoning what output costs", () => {
    expect(read({ inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 1.25 }).price).toEqual({
      inputPicoPerToken: 50_000n,
      outputPicoPerToken: 1_250_000n,
      cacheReadPicoPerToken: 50_000n,
      cacheWritePicoPerToken: 50_000n,
      reasoningPicoPerToken: 1_250_000n,
      version: "declared",
    });
  });

  it("takes a cache read for nothing as said", () => {
    const { price, mistakes } = read({ ...both(2), cacheReadPerMillionTokensUsd: 0 });
    expect(mistakes).toEqual([]);
    expect(price?.cacheReadPicoPerToken).toBe(0n);
  });

  it.each([0, -0, 0.0005, 0.001, 0.0028, 0.003625, 0.1 + 0.2, 600, 1_000_000])("takes %d dollars a million", (usd) => {
    const { price, mistakes } = read(both(usd));
    expect(mistakes).toEqual([]);
    expect(price?.inputPicoPerToken).toBe(BigInt(Math.round(usd * 1e6)));
    expect(price?.version).toBe("declared");
  });

  const perToken = "looks like a price per token; prices are per million tokens: multiply by 1,000,000";
  const unit = "US dollars per million tokens";
  it.each<[string, unknown, string]>([
    ["of $1.25 a million per token", 0.00000125, `0.00000125 ${perToken}`],
    ["of $10 a million per token", 0.00001, `0.00001 ${perToken}`],
    ["of $400 a million per token", 0.0004, `0.0004 ${perToken}`],
    ["that would round to nothing", 1e-13, `1e-13 ${perToken}`],
    ["as small as a number can be", Number.MIN_VALUE, `5e-324 ${perToken}`],
    ["with seven decimals", 1.1234567, "expected at most 6 decimals, found 1.1234567; round it up"],
    ["below nothing", -0.01, `expected 0 or more ${unit}, found -0.01`],
    ["above a million", 1_000_001, `expected at most 1,000,000 ${unit}, found 1000001`],
    ["that is no number", NaN, `expected a number of ${unit}, found NaN`],
    ["without end", Infinity, `expected a number of ${unit}, found Infinity`],
    ["below all", -Infinity, `expected a number of ${unit}, found -Infinity`],
    ["in a text", "1.25", `expected a number of ${unit}, found "1.25"`],
    ["as bigint", 1n, `expected a number of ${unit}, found a bigint`],
    ["of null", null, `expected a number of ${unit}, found null`],
  ])("refuses a price %s, once", (_name, usd, message) => {
    for (const key of Object.keys(read(both(1)).price ?? {}).filter((name) => name.endsWith("PicoPerToken"))) {
      const member = key.replace("PicoPerToken", "PerMillionTokensUsd");
      const { price, mistakes } = read({ ...both(1), [member]: usd });
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).toContain(`endpoint.price.${member}: ${message}`);
      if (["inputPerMillionTokensUsd", "outputPerMillionTokensUsd"].includes(member)) expect(price).toBeUndefined();
    }
  });

  it("names every mistake at once", () => {
    expect(read({ ...both(-1), cacheReadPerMillionTokensUsd: "free", version: " " }).mistakes).toEqual([
      `endpoint.price.inputPerMillionTokensUsd: expected 0 or more ${unit}, found -1`,
      `endpoint.price.outputPerMillionTokensUsd: expected 0 or more ${unit}, found -1`,
      `endpoint.price.cacheReadPerMillionTokensUsd: expected a number of ${unit}, found "free"`,
      'endpoint.price.version: expected a text that is not empty, found " "',
    ]);
  });

  it("says which price is missing", () => {
    expect(read({ outputPerMillionTokensUsd: 1 }).mistakes).toEqual([
      `endpoint.price.inputPerMillionTokensUsd: expected a number of ${unit}, found undefined`,
    ]);
    expect(read({}).mistakes).toHaveLength(2);
  });

  it.each(["inputPer1kTokensUsd", "perToken", "inputPerMillion", "cacheReadPer1kTokensUsd", "currency", "__proto__x"])(
    "says of the member %s what the unit is, and does not call another missing, too",
    (key) => {
      expect(read({ outputPerMillionTokensUsd: 1, [key]: 0.5 }).mistakes).toEqual([
        `endpoint.price.${key}: unknown option; prices are US dollars per million tokens, and known are inputPerMillionTokensUsd, outputPerMillionTokensUsd, cacheReadPerMillionTokensUsd, cacheWritePerMillionTokensUsd, reasoningPerMillionTokensUsd, version`,
      ]);
    },
  );

  it.each<[string, unknown]>([
    ["null", null],
    ['"free"', "free"],
    ["3", 3],
    ["an array", []],
    ["a function", () => 1],
    ["true", true],
  ])("refuses %s as a price", (_name, price) => {
    const found = read(price);
    expect(found).toMatchObject({ price: undefined, listed: undefined });
    expect(found.mistakes).toHaveLength(1);
    expect(found.mistakes[0]).toMatch(
      /^endpoint\.price: expected \{ inputPerMillionTokensUsd, outputPerMillionTokensUsd \}, "list" or .*, found .*; leave it out if it is unknown$/,
    );
  });

  it("takes a missing price for unknown, which is not nothing", () => {
    expect(read(undefined)).toEqual({ price: undefined, listed: undefined, mistakes: [] });
    expect(blendedPico(undefined)).toBeUndefined();
    expect(blendedPico(read(both(0)).price)).toBe(0n);
  });

  it("is exact for every price with six decimals", () => {
    fc.assert(
      fc.property(fc.integer({ min: 500, max: 10 ** 12 }), (micro) => {
        expect(read(both(micro / 1e6)).price?.outputPicoPerToken).toBe(BigInt(micro));
      }),
    );
  });

  it("never throws, and gives a price or a mistake", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (input, output) => {
        const found = read({ inputPerMillionTokensUsd: input, outputPerMillionTokensUsd: output });
        expect(found.price === undefined).toBe(found.mistakes.length > 0);
      }),
    );
  });
});

describe("readPrice of a price to be looked up", () => {
  const gpt = { invoke: () => undefined, model: "gpt-5", _llmType: () => "openai", clientConfig: {} };

  it.each<[string, unknown, unknown, object]>([
    ["the client's type and model", gpt, undefined, { provider: "openai", model: "gpt-5" }],
    ["modelName", { ...gpt, model: undefined, modelName: "o3" }, undefined, { provider: "openai", model: "o3" }],
    ["the declared provider first", gpt, "azure", { provider: "azure", model: "gpt-5" }],
    [
      "the declared provider of another server",
      { ...gpt, clientConfig: { baseURL: "https://api.together.xyz/v1" } },
      "together",
      { provider: "together", model: "gpt-5" },
    ],
    [
      "OpenAI's own address",
      { ...gpt, clientConfig: { baseURL: "https://api.openai.com/v1" } },
      undefined,
      { provider: "openai", model: "gpt-5" },
    ],
    [
      "a client of its own at its own address",
      { ...gpt, _llmType: () => "xai", clientConfig: { baseURL: "https://api.x.ai/v1" } },
      undefined,
      { provider: "xai", model: "gpt-5" },
    ],
    [
      "the namespace where there is no type",
      { model: "m", lc_namespace: ["langchain", "chat_models", "acme"] },
      undefined,
      { provider: "acme", model: "m" },
    ],
  ])("names the model by %s", (...[, model, provider, listed]) => {
    expect(read("list", { model, provider })).toEqual({ price: undefined, listed, mistakes: [] });
  });

  const instead = 'write { list: { provider: "…", model: "…" } }';
  it.each<[string, unknown, string]>([
    ["a factory", () => gpt, `"list" cannot look into a factory for the name of its model; ${instead}`],
    ["a chat model without name", { invoke: () => 1 }, `"list" finds no name on this chat model; ${instead}`],
    ["an empty name", { ...gpt, model: " " }, `"list" finds no name on this chat model; ${instead}`],
    ["no provider", { model: "m" }, `"list" finds no provider on this chat model; ${instead}`],
    [
      "an own server that speaks OpenAI's protocol",
      { ...gpt, clientConfig: { baseURL: "http://localhost:8000/v1" } },
      `"list" cannot tell who bills for "localhost", an address that is not OpenAI's own; ${instead}, or declare the price`,
    ],
    [
      "a trained classifier",
      { kind: "classifier", classify: () => 1 },
      "a trained classifier runs in-process and is in no list; leave the price out: it costs 0",
    ],
  ])("says what to write instead for %s", (_name, model, message) => {
    expect(read("list", { model })).toEqual({
      price: undefined,
      listed: undefined,
      mistakes: [`endpoint.price: ${message}`],
    });
  });

  it("takes the names as given for what cannot be looked into", () => {
    const listed = { provider: "openai", model: "gpt-5" };
    expect(read({ list: listed }, { model: () => gpt })).toEqual({ price: undefined, listed, mistakes: [] });
  });

  it("says nothing more of a model that was refused already", () => {
    const unusable = { price: "list", model: "gpt-5" };
    const spec = { class: "llm", location: "cloud", ...unusable } as unknown as EndpointSpec;
    expect(() => endpoint("gpt", spec)).toThrow(/^endpoint "gpt": 1 problem\n {2}endpoint\.model: .*$/);
  });

  it("finds no list for a classifier, however it is named", () => {
    const model = { kind: "classifier", classify: () => 1 };
    expect(read({ list: { provider: "a", model: "b" } }, { model }).mistakes).toHaveLength(1);
  });

  it.each<[string, unknown, readonly string[]]>([
    ["a text", { list: "gpt-5" }, ['endpoint.price.list: expected { provider: "…", model: "…" }, found "gpt-5"']],
    [
      "no provider",
      { list: { model: "m" } },
      ["endpoint.price.list.provider: expected a text that is not empty, found undefined"],
    ],
    [
      "an empty model",
      { list: { provider: "a", model: "" } },
      ['endpoint.price.list.model: expected a text that is not empty, found ""'],
    ],
    [
      "a member beside it",
      { list: { provider: "a", model: "b" }, inputPerMillionTokensUsd: 1 },
      ["endpoint.price.inputPerMillionTokensUsd: unknown option; known are list"],
    ],
    [
      "a member in it",
      { list: { provider: "a", model: "b", region: "eu" } },
      ["endpoint.price.list.region: unknown option; known are provider, model"],
    ],
  ])("says what is wrong with %s", (_name, price, expected) => {
    expect(read(price).mistakes).toEqual(expected);
  });
});

describe("blendedPico", () => {
  it("weighs three tokens in against one out", () => {
    const price: Price = { ...inProcessPrice, inputPicoPerToken: 5n, outputPicoPerToken: 7n };
    expect(blendedPico(price)).toBe(22n);
  });
});
