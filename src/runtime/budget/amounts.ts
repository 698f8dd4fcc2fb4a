import { picoToUsd, usdToPico } from "../../catalog/money.ts";

/** What a call takes from budgets, or took: whole numbers, at least 0. */
export interface Amounts {
  /** Money in pico-dollars (10^-12 US dollars), so that sums are exact. */
  readonly picoUsd: bigint;
  /** Input and output of models. */
  readonly tokens: number;
  /** Requests to models, retries included; calls of tools are not counted. */
  readonly calls: number;
}

/** The most that may be taken; a dimension that is left out has no cap. */
export type Caps = Partial<Amounts>;

/** What a budget can bound, by the names of its options. */
export type Dimension = "costUsd" | "tokens" | "calls";

/** Which budget had no room for a call, and for what. */
export interface BudgetBound {
  readonly scope: "run" | "step" | "shared";
  readonly dimension: Dimension;
  /** Whose budget it is: for the scope `step`. */
  readonly step?: string;
  /** Its name: for the scope `shared`. */
  readonly account?: string;
  /** The cap, in the unit of its dimension. */
  readonly limit: number | undefined;
  /** Until the window of a shared account is over, in milliseconds; `undefined` where it never is. */
  readonly retryAfterMs?: number;
}

export const nothing: Amounts = Object.freeze({ picoUsd: 0n, tokens: 0, calls: 0 });

/** Caps as authors write them, in the units in which budgets count. */
export function capsOf({ costUsd, tokens, calls }: { costUsd?: number; tokens?: number; calls?: number }): Caps {
  return {
    ...(costUsd !== undefined && { picoUsd: usdToPico(costUsd) }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
  };
}

/** A cap as its author wrote it. */
export function capOn(caps: Caps, dimension: Dimension): number | undefined {
  if (dimension !== "costUsd") return caps[dimension];
  return caps.picoUsd === undefined ? undefined : picoToUsd(caps.picoUsd);
}

export function capsDimension(caps: Caps, dimension: Dimension): boolean {
  return caps[dimension === "costUsd" ? "picoUsd" : dimension] !== undefined;
}

/** Amounts that are added up in place. */
export class Sum implements Amounts {
  picoUsd = 0n;
  tokens = 0;
  calls = 0;

  add({ picoUsd, tokens, calls }: Amounts): void {
    this.picoUsd += picoUsd;
    this.tokens += tokens;
    this.calls += calls;
  }

  subtract({ picoUsd, tokens, calls }: Amounts): void {
    this.picoUsd -= picoUsd;
    this.tokens -= tokens;
    this.calls -= calls;
  }

  copy(): Amounts {
    return { picoUsd: this.picoUsd, tokens: this.tokens, calls: this.calls };
  }
}

/**
 * The first dimension in which two sums and an amount do not fit the caps together; an amount of 0 always fits. Written so
 * that NaN does not fit.
 */
export function exceeded(
  caps: Caps,
  amounts: Amounts,
  [one, other]: readonly [Amounts, Amounts],
): Dimension | undefined {
  const { picoUsd, tokens, calls } = caps;
  if (picoUsd !== undefined && amounts.picoUsd !== 0n && !(one.picoUsd + other.picoUsd + amounts.picoUsd <= picoUsd))
    return "costUsd";
  if (tokens !== undefined && amounts.tokens !== 0 && !(one.tokens + other.tokens + amounts.tokens <= tokens))
    return "tokens";
  if (calls !== undefined && amounts.calls !== 0 && !(one.calls + other.calls + amounts.calls <= calls)) return "calls";
  return undefined;
}

/** The dimensions in which two sums together make at least so many percent of a cap; a cap of 0 has no share. */
export function reached(caps: Caps, percent: number, [one, other]: readonly [Amounts, Amounts]): Dimension[] {
  const isNear = (cap: bigint | number | undefined, used: bigint | number): boolean =>
    cap !== undefined && BigInt(used) > 0n && BigInt(used) * 100n >= BigInt(cap) * BigInt(percent);
  return [
    ...(isNear(caps.picoUsd, one.picoUsd + other.picoUsd) ? (["costUsd"] as const) : []),
    ...(isNear(caps.tokens, one.tokens + other.tokens) ? (["tokens"] as const) : []),
    ...(isNear(caps.calls, one.calls + other.calls) ? (["calls"] as const) : []),
  ];
}

/** A charge is never negative: nothing gives back more than was set aside. */
export function charged({ picoUsd, tokens, calls }: Amounts): Amounts {
  if (picoUsd >= 0n && tokens >= 0 && calls >= 0) return { picoUsd, tokens, calls };
  return { picoUsd: picoUsd > 0n ? picoUsd : 0n, tokens: Math.max(0, tokens), calls: Math.max(0, calls) };
}
