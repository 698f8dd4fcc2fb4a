/**
 * The models a runtime may call: where they stand, what they may see, can do and cost. Start with `endpoint.ts`. Money is
 * in `money.ts`, and only there. May import `tiers` and `common`.
 * @module
 */
import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { isEndpoint, type Endpoint } from "./endpoint.ts";
import type { PriceList } from "./price-list.ts";
import type { Price } from "./price.ts";

export interface Catalog {
  readonly endpoints: readonly Endpoint[];
}

export interface CatalogOptions {
  /** Where endpoints with `price: "list"` or `price: { list }` take their price from: `await loadPrices()` of `tierwise/prices`. */
  readonly prices?: PriceList;
}

/**
 * Collects endpoints and looks up the prices that they take from a list. What is looked up stays: a catalog never changes.
 *
 * @throws {DefinitionError} when it is empty, holds something else than endpoints, or two of one name; when an endpoint takes
 * its price from a list and there is none, or the list does not know its model: an unknown price is never 0
 */
export function createCatalog(endpoints: readonly Endpoint[], options: CatalogOptions = {}): Catalog {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "CATALOG_INVALID", path, message });
  const given: readonly unknown[] = Array.isArray(endpoints) ? endpoints : [];
  if (given.length === 0) report("endpoints", `expected at least one endpoint(...), found ${show(endpoints)}`);
  const prices = readPrices(options, report);
  const names = new Set<string>();
  const priced = given.flatMap((item, index) => {
    const path = `endpoints[${index}]`;
    if (!isEndpoint(item)) report(path, `expected what endpoint(...) returns, found ${show(item)}`);
    else if (names.has(item.name)) report(path, `there are two endpoints called "${item.name}"; names must differ`);
    else {
      names.add(item.name);
      return withPrice(item, prices, (message) => report(path, message));
    }
    return [];
  });
  if (problems.length > 0) throw new DefinitionError("catalog", problems, "CATALOG_INVALID");
  return Object.freeze({ endpoints: Object.freeze(priced) });
}

/** The list, `"none"`, or `"wrong"` where one was meant and its mistake is reported. */
function readPrices(options: unknown, report: Report): PriceList | "none" | "wrong" {
  if (isPriceList(options)) {
    report("options", "expected { prices: … }, found the price list itself; write { prices: await loadPrices() }");
    return "wrong";
  }
  const wrong: string[] = [];
  const reader = new OptionReader(options, "options", (path, message) => {
    wrong.push(path);
    report(path, message);
  });
  reader.only(["prices"]);
  const found = reader.get("prices");
  if (isPriceList(found)) return found;
  if (found === undefined) return wrong.length === 0 ? "none" : "wrong";
  const what = found instanceof Promise ? "a promise; write await loadPrices()" : show(found);
  reader.mistake("prices", `expected a price list, as loadPrices() of "tierwise/prices" resolves to, found ${what}`);
  return "wrong";
}

function isPriceList(found: unknown): found is PriceList {
  const list = typeof found === "object" && found !== null ? (found as Partial<PriceList>) : {};
  return typeof list.priceOf === "function" && typeof list.version === "string";
}

function withPrice(
  endpoint: Endpoint,
  prices: PriceList | "none" | "wrong",
  report: (message: string) => void,
): Endpoint {
  const { name, listed } = endpoint;
  if (listed === undefined || prices === "wrong") return endpoint;
  const declare = "declare the price: { inputPerMillionTokensUsd, outputPerMillionTokensUsd }";
  if (prices === "none") {
    report(
      `endpoint "${name}" takes its price from a list and there is none; write createCatalog(endpoints, { prices: await loadPrices() }) with loadPrices from "tierwise/prices", or ${declare}`,
    );
    return endpoint;
  }
  const price: Partial<Price> | undefined = prices.priceOf(listed);
  if (isPrice(price)) return Object.freeze({ ...endpoint, price });
  const model = `model ${show(listed.model)} of provider ${show(listed.provider)}`;
  report(
    price === undefined
      ? `endpoint "${name}": the price list (${prices.version}) has no price in tokens for ${model}; name it as the list does with price: { list: { provider: "…", model: "…" } }, or ${declare}`
      : `endpoint "${name}": expected the price list (${prices.version}) to give pico-dollars of at least 0 as bigint for ${model}, found something else; correct the list, or ${declare}`,
  );
  return endpoint;
}

/** A list may be anybody's; a number among its `bigint`s would fail only once a request is paid for. */
function isPrice(price: Partial<Price> | undefined): price is Price {
  if (price === undefined || typeof price.version !== "string") return false;
  const { inputPicoPerToken, outputPicoPerToken, cacheReadPicoPerToken, cacheWritePicoPerToken } = price;
  return [
    ...[inputPicoPerToken, outputPicoPerToken, cacheReadPicoPerToken, cacheWritePicoPerToken],
    price.reasoningPicoPerToken,
  ].every((pico) => typeof pico === "bigint" && pico >= 0n);
}
