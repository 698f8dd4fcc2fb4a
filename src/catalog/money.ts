/**
 * Money as whole pico-dollars in `bigint`: every published price per million tokens is a whole number of them per token,
 * so sums are exact and a budget cannot drift.
 * @module
 */

/** 10^-12 US dollars. */
export type PicoUsd = bigint;

const picoPerUsd = 1_000_000_000_000n;

/**
 * Exact for amounts with up to 12 decimals; more are rounded half up.
 * @param usd a finite amount, at least 0
 */
export function usdToPico(usd: number): PicoUsd {
  const [whole = "0", fraction = ""] = decimal(usd).split(".");
  const digits = fraction.padEnd(13, "0");
  const halfUp = digits.charAt(12) >= "5" ? 1n : 0n;
  return BigInt(whole) * picoPerUsd + BigInt(digits.slice(0, 12)) + halfUp;
}

/** Shortest decimal text that reads back as the same number, without an exponent. */
function decimal(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(12) : text;
}

/** For display and span attributes, which are numbers; the ledger itself never leaves `bigint`. */
export function picoToUsd(pico: PicoUsd): number {
  return pico === 0n ? 0 : Number(pico) / Number(picoPerUsd);
}

/**
 * `$0.001420`: four significant digits below a cent, hundredths of a cent above.
 * @param usd an amount in US dollars, for example `ledger.costUsd`; below 0 it is `-$0.0012`
 */
export function formatUsd(usd: number): string {
  if (usd === 0) return "$0";
  const size = Math.abs(usd);
  const text = size < 0.01 ? Number(size.toPrecision(4)).toFixed(size < 0.0001 ? 8 : 6) : size.toFixed(4);
  return `${usd < 0 ? "-" : ""}$${text}`;
}
