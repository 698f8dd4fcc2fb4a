import type { ListedModel, Price } from "./price.ts";

/** Prices of many models as of one day. `loadPrices()` of `tierwise/prices` is one; an own list may be another. */
export interface PriceList {
  /** Identifies the list and its data; for reports. */
  readonly version: string;
  /** Day of the data, as `YYYY-MM-DD`. */
  readonly date: string;
  /** `undefined` where the list does not know the model, or has no price that is counted in tokens. Never 0 for unknown. */
  priceOf(model: ListedModel): Price | undefined;
}
