import { OptionReader } from "../common/option-reader.ts";
import { show } from "../common/names.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { leastPerMillionTokensUsd, type PriceSpec } from "./price.ts";

/** Own hardware that serves one model: what it costs and how much it does. */
export interface OwnHardware {
  /** Paid once, in US dollars; 0 for rented hardware. */
  readonly capexUsd: number;
  /** Months over which `capexUsd` is spread, above 0. @default 24 */
  readonly amortisationMonths?: number;
  /** Power, hosting, people: US dollars a month. Required, for a price without it says that on-premises saves what it does not. */
  readonly opexUsdPerMonth: number;
  /** Output tokens a second of the whole machine while it is busy, over all requests at once, without a draft model. */
  readonly outputTokensPerSecond: number;
  /** Input tokens a second while it is busy. @default `outputTokensPerSecond`: reading is no slower than writing */
  readonly inputTokensPerSecond?: number;
  /** Share of the month in which it is busy, above 0 to 1. Idle time is paid for by the tokens of the busy time. */
  readonly utilisation: number;
  /** Multiplies the output throughput by its measured speedup, 1 to 10; an endpoint's own `speculativeDecoding` fits. */
  readonly speculativeDecoding?: { readonly speedup: number };
  /** @default "amortised: 925 US dollars a month", with the sum */
  readonly version?: string;
}

/** A month of 365 / 12 days: the shorter of the usual ones, so that no token is priced too low. */
const secondsPerMonth = (365 / 12) * 24 * 3600;

/**
 * The price of own hardware by amortisation: dollars a month over tokens a month,
 * `(capex / months + opex) / (utilisation * seconds a month * tokens a second)`. A token costs the machine time it takes, so
 * input and output are priced by their own throughputs.
 *
 * Operations are always included, and a speedup by speculative decoding is priced as the throughput it gives: readings of
 * decision-framework.md 4.6 (on-premises "saves 85 %" only if operations are left out; draft models are a property of an endpoint).
 * Only own hardware has such a price: a hosted API bills its tokens whether or not a draft model wrote them.
 *
 * Rounded up to 6 decimals per million, and to 0.0005 where it is less, so that a budget never counts too little. A machine that
 * costs nothing is 0.
 *
 * @example
 * ```ts
 * amortisedPrice({ capexUsd: 15_000, opexUsdPerMonth: 300, outputTokensPerSecond: 1_000, utilisation: 0.3 });
 * // 925 dollars a month over 788.4 million tokens: 1.173263 dollars per million
 * ```
 * @throws {DefinitionError} `CATALOG_INVALID` with every mistake at once
 */
export function amortisedPrice(hardware: OwnHardware): PriceSpec {
  const problems: Problem[] = [];
  const reader = new OptionReader(hardware, "hardware", (path, message) => {
    problems.push({ code: "CATALOG_INVALID", path, message });
  });
  const read = readHardware(reader);
  const monthlyUsd = read.capexUsd / read.amortisationMonths + read.opexUsdPerMonth;
  const busySeconds = read.utilisation * secondsPerMonth;
  const perMillion = (tokensPerSecond: number) => roundUp((monthlyUsd / (busySeconds * tokensPerSecond)) * 1e6);
  const spec: PriceSpec = {
    inputPerMillionTokensUsd: perMillion(read.inputTokensPerSecond),
    outputPerMillionTokensUsd: perMillion(read.outputTokensPerSecond * read.speedup),
    version: read.version ?? `amortised: ${Math.round(monthlyUsd)} US dollars a month`,
  };
  const dearest = Math.max(spec.inputPerMillionTokensUsd, spec.outputPerMillionTokensUsd);
  if (problems.length === 0 && dearest > 1e6)
    reader.mistake(
      "outputTokensPerSecond",
      `gives ${Math.ceil(dearest)} US dollars per million tokens, above 1,000,000; check the units`,
    );
  if (problems.length > 0) throw new DefinitionError("amortisedPrice", problems, "CATALOG_INVALID");
  return Object.freeze(spec);
}

function readHardware(reader: OptionReader) {
  reader.only([
    ...["capexUsd", "amortisationMonths", "opexUsdPerMonth", "outputTokensPerSecond", "inputTokensPerSecond"],
    ...["utilisation", "speculativeDecoding", "version"],
  ]);
  const outputTokensPerSecond = positive(reader, "outputTokensPerSecond");
  return {
    capexUsd: amount(reader, "capexUsd"),
    amortisationMonths: positive(reader, "amortisationMonths", 24),
    opexUsdPerMonth: amount(reader, "opexUsdPerMonth"),
    outputTokensPerSecond,
    inputTokensPerSecond: positive(reader, "inputTokensPerSecond", outputTokensPerSecond),
    utilisation: utilisationOf(reader),
    speedup: speedupOf(reader),
    version: reader.optionalText("version"),
  };
}

const most = 1e12;

function amount(reader: OptionReader, key: string): number {
  const found = reader.get(key);
  if (typeof found === "number" && found >= 0 && found <= most) return found;
  reader.mistake(key, `expected US dollars from 0 to 1e12, found ${show(found)}`);
  return 0;
}

function positive(reader: OptionReader, key: string, fallback?: number): number {
  const given = reader.get(key);
  const found = given === undefined ? fallback : given;
  if (typeof found === "number" && found > 0 && found <= most) return found;
  reader.mistake(key, `expected a number above 0 to 1e12, found ${show(found)}`);
  return 1;
}

function utilisationOf(reader: OptionReader): number {
  const found = reader.get("utilisation");
  if (typeof found === "number" && found > 0 && found <= 1) return found;
  reader.mistake("utilisation", `expected the share of the month that is busy, above 0 to 1, found ${show(found)}`);
  return 1;
}

function speedupOf(reader: OptionReader): number {
  const spec = reader.get("speculativeDecoding") as { speedup?: unknown } | null | undefined;
  if (spec === undefined) return 1;
  const speedup = spec?.speedup;
  if (typeof speedup === "number" && speedup >= 1 && speedup <= 10) return speedup;
  reader.mistake("speculativeDecoding.speedup", `expected a number from 1 to 10, found ${show(speedup)}`);
  return 1;
}

function roundUp(usd: number): number {
  return usd === 0 ? 0 : Math.max(leastPerMillionTokensUsd, Math.ceil(usd * 1e6) / 1e6);
}
