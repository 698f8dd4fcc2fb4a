/**
 * Published prices of hosted models, from the optional peer `@pydantic/genai-prices`, which is loaded when it is asked for and
 * never before. May import `catalog` and `common`.
 * @module
 */
export { loadPrices, type LoadPricesOptions } from "./load-prices.ts";
export type { PriceList } from "../catalog/price-list.ts";
export type { ListedModel, Price } from "../catalog/price.ts";
