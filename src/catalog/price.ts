import { show } from "../common/names.ts";
import { OptionReader } from "../common/option-reader.ts";
import { clientListing } from "./listed-model.ts";
import { isLabelModel, type EndpointModel } from "./model-like.ts";
import { usdToPico, type PicoUsd } from "./money.ts";

/** What an author writes, as price pages print it: each number 0, or 0.0005 to 1,000,000 with at most 6 decimals. */
export interface PriceSpec {
  /** US dollars per million input tokens. */
  readonly inputPerMillionTokensUsd: number;
  /** US dollars per million output tokens. */
  readonly outputPerMillionTokensUsd: number;
  /** US dollars per million input tokens that the provider reads from its prompt cache. @default the input price */
  readonly cacheReadPerMillionTokensUsd?: number;
  /** US dollars per million input tokens that the provider writes to its prompt cache. @default the input price */
  readonly cacheWritePerMillionTokensUsd?: number;
  /** US dollars per million output tokens that a model reasons with. @default the output price */
  readonly reasoningPerMillionTokensUsd?: number;
  /** Where and when the price was read, for example "price page 2026-11-01"; ends in spans. @default "declared" */
  readonly version?: string;
}

/** Name of a model in a price list. */
export interface ListedModel {
  /** As the list writes it, for example "openai". */
  readonly provider: string;
  readonly model: string;
}

/** Exact price of a token of each kind. */
export interface Price {
  readonly inputPicoPerToken: PicoUsd;
  readonly outputPicoPerToken: PicoUsd;
  readonly cacheReadPicoPerToken: PicoUsd;
  readonly cacheWritePicoPerToken: PicoUsd;
  readonly reasoningPicoPerToken: PicoUsd;
  readonly version: string;
}

/** Price of models that run inside the host's process: nobody sends a bill for them. */
export const inProcessPrice: Price = Object.freeze({
  inputPicoPerToken: 0n,
  outputPicoPerToken: 0n,
  cacheReadPicoPerToken: 0n,
  cacheWritePicoPerToken: 0n,
  reasoningPicoPerToken: 0n,
  version: "in-process",
});

/**
 * The least that is believed to be a price per million tokens and not per token, in US dollars. The cheapest published one is
 * 0.002 (a cache read; @pydantic/genai-prices 0.1.8); $500 a million, above nearly all, is 0.0005 a token.
 */
export const leastPerMillionTokensUsd = 0.0005;

const mostPerMillionTokensUsd = 1_000_000;
const tokensPerMillion = 1_000_000n;

/** What an author said about a price: given, to be looked up, or nothing. Unknown is never 0. */
export interface DeclaredPrice {
  readonly price: Price | undefined;
  readonly listed: ListedModel | undefined;
}

/** Reads the `price` of an endpoint and reports every mistake once. */
export function readPrice(reader: OptionReader, model: EndpointModel): DeclaredPrice {
  const found = reader.get("price");
  const nothing: DeclaredPrice = { price: undefined, listed: undefined };
  if (found === undefined) return nothing;
  if (typeof found === "object" && found !== null && !Array.isArray(found)) {
    const members = new OptionReader(found, "price", (path, message) => reader.mistake(path, message));
    if (!("list" in found)) return { ...nothing, price: givenPrice(members, Object.keys(found)) };
    if (!isLabelModel(model)) return { ...nothing, listed: givenListing(members, reader) };
  } else if (found !== "list") {
    reader.mistake("price", `expected ${priceShape}, found ${show(found)}; leave it out if it is unknown`);
    return nothing;
  }
  // What is no model at all was reported as such.
  if (model !== reader.get("model")) return nothing;
  const listed = clientListing(model, reader.get("provider"));
  if (typeof listed !== "string") return { ...nothing, listed };
  reader.mistake("price", listed);
  return nothing;
}

const priceShape =
  '{ inputPerMillionTokensUsd, outputPerMillionTokensUsd }, "list" or { list: { provider: "…", model: "…" } }';

/** Stands where a mistake was reported. */
const nowhere: ListedModel = { provider: "", model: "" };

function givenListing(members: OptionReader, reader: OptionReader): ListedModel {
  members.only(["list"]);
  const given = members.get("list");
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    members.mistake("list", `expected { provider: "…", model: "…" }, found ${show(given)}`);
    return nowhere;
  }
  const names = new OptionReader(given, "price.list", (path, message) => reader.mistake(path, message));
  names.only(["provider", "model"]);
  return Object.freeze({ provider: names.text("provider"), model: names.text("model") });
}

const required = ["inputPerMillionTokensUsd", "outputPerMillionTokensUsd"] as const;
const optional = [
  "cacheReadPerMillionTokensUsd",
  "cacheWritePerMillionTokensUsd",
  "reasoningPerMillionTokensUsd",
] as const;
type Rate = (typeof required)[number] | (typeof optional)[number];

function givenPrice(members: OptionReader, keys: readonly string[]): Price | undefined {
  const known: readonly string[] = [...required, ...optional, "version"];
  const unknown = keys.filter((key) => !known.includes(key));
  for (const key of unknown)
    members.mistake(key, `unknown option; prices are US dollars per million tokens, and known are ${known.join(", ")}`);
  const rates = new Map<Rate, PicoUsd>();
  for (const key of [...required, ...optional]) {
    const usd = members.get(key);
    const isLeftOut = usd === undefined && optional.some((name) => name === key);
    // A misspelt name is one mistake: the name it should have been is not reported as missing, too.
    if (isLeftOut || (usd === undefined && unknown.length > 0)) continue;
    const mistake = rateMistake(usd);
    if (mistake === undefined) rates.set(key, perToken(usd as number));
    else members.mistake(key, mistake);
  }
  return filledIn(rates, members.optionalText("version") ?? "declared");
}

function filledIn(rates: ReadonlyMap<Rate, PicoUsd>, version: string): Price | undefined {
  const inputPicoPerToken = rates.get("inputPerMillionTokensUsd");
  const outputPicoPerToken = rates.get("outputPerMillionTokensUsd");
  if (inputPicoPerToken === undefined || outputPicoPerToken === undefined) return undefined;
  return Object.freeze({
    inputPicoPerToken,
    outputPicoPerToken,
    cacheReadPicoPerToken: rates.get("cacheReadPerMillionTokensUsd") ?? inputPicoPerToken,
    cacheWritePicoPerToken: rates.get("cacheWritePerMillionTokensUsd") ?? inputPicoPerToken,
    reasoningPicoPerToken: rates.get("reasoningPerMillionTokensUsd") ?? outputPicoPerToken,
    version,
  });
}

/** What is wrong with a number of US dollars per million tokens, and what to do about it. */
function rateMistake(usd: unknown): string | undefined {
  const unit = "US dollars per million tokens";
  if (typeof usd !== "number" || !Number.isFinite(usd)) return `expected a number of ${unit}, found ${show(usd)}`;
  if (usd < 0) return `expected 0 or more ${unit}, found ${usd}`;
  if (usd > mostPerMillionTokensUsd) return `expected at most 1,000,000 ${unit}, found ${usd}`;
  if (usd > 0 && usd < leastPerMillionTokensUsd)
    return `${usd} looks like a price per token; prices are per million tokens: multiply by 1,000,000`;
  if (usdToPico(usd) % tokensPerMillion === 0n) return undefined;
  return `expected at most 6 decimals, found ${usd}; round it up, so that no budget counts too little`;
}

function perToken(perMillionUsd: number): PicoUsd {
  return usdToPico(perMillionUsd) / tokensPerMillion;
}

const blended = new WeakMap<Price, bigint>();

/** Orders by what a typical request costs: three tokens in for one out. Unpriced comes last. */
export function blendedPico(price: Price | undefined): bigint | undefined {
  if (price === undefined) return undefined;
  const known = blended.get(price);
  if (known !== undefined) return known;
  const pico = 3n * price.inputPicoPerToken + price.outputPicoPerToken;
  // Prices are frozen when they are read; one that is not may still change.
  if (Object.isFrozen(price)) blended.set(price, pico);
  return pico;
}
