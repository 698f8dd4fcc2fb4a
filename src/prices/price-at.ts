import { usdToPico, type PicoUsd } from "../catalog/money.ts";
import type { Price } from "../catalog/price.ts";

/** US dollars per million tokens, or more of them for requests of more input tokens than `start`. */
type Amount = number | { readonly base: number; readonly tiers: readonly { readonly price: number }[] };

/** Amounts by what they are for, as `@pydantic/genai-prices` 0.1 names them: `input_mtok`, `requests_kcount`, … */
export type Rates = Readonly<Record<string, Amount | undefined>>;

export interface Period {
  readonly constraint?: { readonly type?: string; readonly start_date?: string };
  readonly prices: Rates;
}

/** One set of rates, or several, of which the last that applies counts. */
export type DatedRates = Rates | readonly Period[];

/**
 * The price of a token by the rates in force at a moment: the dearest of those that a request may meet, rounded up to whole
 * pico-dollars; `undefined` where tokens of text are not all that is billed.
 */
export function priceAt(rates: DatedRates, at: Date, version: string): Price | undefined {
  const prices = ratesAt(rates, at).map((set) => priceOf(set, version));
  const [first] = prices;
  if (first === undefined || !prices.every((price) => price !== undefined)) return undefined;
  return Object.freeze(prices.reduce(dearest, first));
}

export function periodsOf(rates: DatedRates): readonly Period[] {
  return Array.isArray(rates) ? (rates as readonly Period[]) : [{ prices: rates as Rates }];
}

/** What is in force on that day: with every price of a part of the day, for a list outlives the hour it was loaded in. */
function ratesAt(rates: DatedRates, at: Date): readonly Rates[] {
  const periods = periodsOf(rates);
  const ofHours: Rates[] = [];
  for (const { constraint, prices } of periods.toReversed()) {
    if (constraint?.type === "time_of_date") ofHours.push(prices);
    else if (constraint === undefined || at >= new Date(constraint.start_date ?? "")) return [...ofHours, prices];
  }
  // As the package does: before its first date, the first price.
  return [...ofHours, ...periods.slice(0, 1).map(({ prices }) => prices)];
}

const counted = ["input_mtok", "output_mtok", "cache_read_mtok", "output_reasoning_mtok"];
const cacheWrites = ["cache_write_mtok", "cache_write_5m_mtok", "cache_write_1h_mtok"];
/** What Tierwise never sends: it has requests of text only, and offers no search of the provider's. */
const unused = /^(?:(?:input|cache)_(?:audio|image|video)_\w+|(?:web|storage)_searches_kcount)$/;

function priceOf(rates: Rates, version: string): Price | undefined {
  const given = Object.keys(rates).filter((key) => rates[key] !== undefined && !unused.test(key));
  if (!given.every((key) => counted.includes(key) || cacheWrites.includes(key))) return undefined;
  const picos = new Map(given.map((key) => [key, perToken(rates[key]!)]));
  const inputPicoPerToken = picos.get("input_mtok");
  const outputPicoPerToken = picos.get("output_mtok");
  // Nobody sells tokens for nothing: a 0 in a list is a price that nobody filled in.
  if (!inputPicoPerToken || !outputPicoPerToken || [...picos.values()].includes(undefined)) return undefined;
  const writes = cacheWrites.flatMap((key) => picos.get(key) ?? []);
  return {
    inputPicoPerToken,
    outputPicoPerToken,
    cacheReadPicoPerToken: picos.get("cache_read_mtok") ?? inputPicoPerToken,
    cacheWritePicoPerToken: writes.length === 0 ? inputPicoPerToken : writes.reduce(larger),
    reasoningPicoPerToken: picos.get("output_reasoning_mtok") ?? outputPicoPerToken,
    version,
  };
}

/** The highest tier, whole pico-dollars, rounded up; `undefined` for what is no price. */
function perToken(amount: Amount): PicoUsd | undefined {
  const usd = typeof amount === "number" ? [amount] : [amount.base, ...amount.tiers.map(({ price }) => price)];
  if (!usd.every((value) => Number.isFinite(value) && value >= 0 && value <= 1_000_000)) return undefined;
  return (usdToPico(Math.max(...usd)) + 999_999n) / 1_000_000n;
}

function dearest(a: Price, b: Price): Price {
  return {
    inputPicoPerToken: larger(a.inputPicoPerToken, b.inputPicoPerToken),
    outputPicoPerToken: larger(a.outputPicoPerToken, b.outputPicoPerToken),
    cacheReadPicoPerToken: larger(a.cacheReadPicoPerToken, b.cacheReadPicoPerToken),
    cacheWritePicoPerToken: larger(a.cacheWritePicoPerToken, b.cacheWritePicoPerToken),
    reasoningPicoPerToken: larger(a.reasoningPicoPerToken, b.reasoningPicoPerToken),
    version: a.version,
  };
}

function larger(a: PicoUsd, b: PicoUsd): PicoUsd {
  return a > b ? a : b;
}
