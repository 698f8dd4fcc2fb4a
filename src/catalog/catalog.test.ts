import { describe, expect, it } from "vitest";
import { createCatalog, type CatalogOptions } from "./catalog.ts";
import { endpoint, type EndpointSpec } from "./endpoint.ts";
import type { PriceList } from "./price-list.ts";
import { inProcessPrice, type ListedModel, type Price } from "./price.ts";

const invoke = () => Promise.resolve();
const gpt: EndpointSpec = {
  class: "llm",
  location: "cloud",
  model: Object.assign({ invoke }, { model: "gpt-5", _llmType: () => "openai" }),
};
const listed = endpoint("gpt", { ...gpt, price: "list" });
const price: Price = { ...inProcessPrice, inputPicoPerToken: 1_250_000n, version: "test list: openai/gpt-5" };

function listOf(known: Readonly<Record<string, unknown>>): PriceList & { readonly asked: ListedModel[] } {
  const asked: ListedModel[] = [];
  return {
    version: "test list",
    date: "2026-11-01",
    asked,
    priceOf(model) {
      asked.push(model);
      return known[`${model.provider}/${model.model}`] as Price | undefined;
    },
  };
}

describe("createCatalog with prices from a list", () => {
  it("gives a listed endpoint the price of its model, in a copy that is frozen, too", () => {
    const prices = listOf({ "openai/gpt-5": price });
    const [found] = createCatalog([listed], { prices }).endpoints;
    expect(found).toEqual({ ...listed, price });
    expect(Object.isFrozen(found)).toBe(true);
    expect(listed.price).toBeUndefined();
    expect(prices.asked).toEqual([{ provider: "openai", model: "gpt-5" }]);
  });

  it("asks by the names that were written", () => {
    const named = endpoint("gpt", {
      ...gpt,
      model: () => ({ invoke }),
      price: { list: { provider: "azure", model: "gpt-4o" } },
    });
    const prices = listOf({ "azure/gpt-4o": price });
    expect(createCatalog([named], { prices }).endpoints[0]?.price).toBe(price);
  });

  it("leaves declared, missing and in-process prices as they are and asks for none", () => {
    const declared = endpoint("a", { ...gpt, price: { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 } });
    const unpriced = endpoint("b", gpt);
    const prices = listOf({});
    const { endpoints } = createCatalog([declared, unpriced], { prices });
    expect(endpoints).toEqual([declared, unpriced]);
    expect(endpoints[0]).toBe(declared);
    expect(prices.asked).toEqual([]);
  });

  it("asks nothing of a list where nothing is listed", () => {
    expect(createCatalog([endpoint("a", gpt)]).endpoints[0]?.price).toBeUndefined();
  });

  const declare = "declare the price: { inputPerMillionTokensUsd, outputPerMillionTokensUsd }";
  const list = 'expected a price list, as loadPrices() of "tierwise/prices" resolves to, found';
  it.each<[string, unknown, string]>([
    [
      "no list",
      undefined,
      `endpoints[0]: endpoint "gpt" takes its price from a list and there is none; write createCatalog(endpoints, { prices: await loadPrices() }) with loadPrices from "tierwise/prices", or ${declare}`,
    ],
    [
      "a list that does not know the model",
      { prices: listOf({}) },
      `endpoints[0]: endpoint "gpt": the price list (test list) has no price in tokens for model "gpt-5" of provider "openai"; name it as the list does with price: { list: { provider: "…", model: "…" } }, or ${declare}`,
    ],
    [
      "a list that counts in numbers",
      { prices: listOf({ "openai/gpt-5": { ...price, outputPicoPerToken: 10 } }) },
      `endpoints[0]: endpoint "gpt": expected the price list (test list) to give pico-dollars of at least 0 as bigint for model "gpt-5" of provider "openai", found something else; correct the list, or ${declare}`,
    ],
    [
      "a list with a price below nothing",
      { prices: listOf({ "openai/gpt-5": { ...price, cacheReadPicoPerToken: -1n } }) },
      `endpoints[0]: endpoint "gpt": expected the price list (test list) to give pico-dollars of at least 0 as bigint for model "gpt-5" of provider "openai", found something else; correct the list, or ${declare}`,
    ],
    [
      "a list that leaves a rate out",
      { prices: listOf({ "openai/gpt-5": { inputPicoPerToken: 1n, outputPicoPerToken: 1n, version: "x" } }) },
      `endpoints[0]: endpoint "gpt": expected the price list (test list) to give pico-dollars of at least 0 as bigint for model "gpt-5" of provider "openai", found something else; correct the list, or ${declare}`,
    ],
    [
      "a promise of a list",
      { prices: Promise.resolve(listOf({})) },
      `options.prices: ${list} a promise; write await loadPrices()`,
    ],
    ["a function", { prices: () => price }, `options.prices: ${list} a function`],
    ["a path", { prices: "prices.json" }, `options.prices: ${list} "prices.json"`],
    ["null", { prices: null }, `options.prices: ${list} null`],
    ["a misspelt option, read as no list", { price: listOf({}) }, "options.price: unknown option; known are prices"],
    ["a text for options", "list", 'options: expected an object of options, found "list"'],
    [
      "the list itself for options",
      listOf({}),
      "options: expected { prices: … }, found the price list itself; write { prices: await loadPrices() }",
    ],
  ])("refuses %s with one sentence", (_name, options, message) => {
    const expected = `catalog: 1 problem\n  ${message}`;
    let found = "";
    try {
      createCatalog([listed], options as CatalogOptions);
    } catch (error) {
      found = (error as Error).message;
    }
    expect(found).toBe(expected);
  });

  it("names every endpoint without a price at once", () => {
    const other = endpoint("other", { ...gpt, price: { list: { provider: "acme", model: "x".repeat(60) } } });
    expect(() => createCatalog([listed, other], { prices: listOf({}) })).toThrow(
      /^catalog: 2 problems\n.*\n.*"other".*…/,
    );
  });
});
