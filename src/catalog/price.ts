import type { OptionReader } from "../common/option-reader.ts";
import { show } from "../common/names.ts";
import { usdToPico, type PicoUsd } from "./money.ts";

/** What an author writes, as price pages print it. */
export interface PriceSpec {
  /** US dollars per million input tokens, 0 to 1,000,000. */
  readonly inputPerMillionTokensUsd: number;
  /** US dollars per million output tokens, 0 to 1,000,000. */
  readonly outputPerMillionTokensUsd: number;
  /** Where and when the price was read, for example "price page 2026-11-01"; ends in spans. @default "declared" */
  readonly version?: string;
}

/** Exact price of a token. */
export interface Price {
  readonly inputPicoPerToken: PicoUsd;
  readonly outputPicoPerToken: PicoUsd;
  readonly version: string;
}

/** Price of models that run inside the host's process: nobody sends a bill for them. */
export const inProcessPrice: Price = Object.freeze({
  inputPicoPerToken: 0n,
  outputPicoPerToken: 0n,
  version: "in-process",
});

const tokensPerMillion = 1_000_000n;

/** @returns the price, or `undefined` when none was given: unknown is never 0. */
export function readPrice(reader: OptionReader): Price | undefined {
  const spec = reader.get("price") as Partial<PriceSpec> | null | undefined;
  if (spec === undefined) return undefined;
  const inputPicoPerToken = perToken(spec?.inputPerMillionTokensUsd);
  const outputPicoPerToken = perToken(spec?.outputPerMillionTokensUsd);
  if (inputPicoPerToken !== undefined && outputPicoPerToken !== undefined) {
    return Object.freeze({ inputPicoPerToken, outputPicoPerToken, version: spec?.version ?? "declared" });
  }
  reader.mistake(
    "price",
    `expected { inputPerMillionTokensUsd, outputPerMillionTokensUsd } from 0 to 1,000,000 with at most 6 decimals, found ${show(spec)}; leave it out if it is unknown`,
  );
  return undefined;
}

function perToken(perMillionUsd: unknown): PicoUsd | undefined {
  if (typeof perMillionUsd !== "number" || !(perMillionUsd >= 0 && perMillionUsd <= 1_000_000)) return undefined;
  const pico = usdToPico(perMillionUsd);
  // A price that rounds to 0 is not free.
  if (pico === 0n && perMillionUsd > 0) return undefined;
  return pico % tokensPerMillion === 0n ? pico / tokensPerMillion : undefined;
}

/** Orders by what a typical request costs: three tokens in for one out. Unpriced comes last. */
export function blendedPico(price: Price | undefined): bigint | undefined {
  return price === undefined ? undefined : 3n * price.inputPicoPerToken + price.outputPicoPerToken;
}
