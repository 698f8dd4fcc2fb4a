/**
 * What a plan would cost, from prices and volumes one already has: cascades, routers, own hardware, fine-tuning. Pure.
 * Formulas: the decision framework (docs/concepts/decision-framework.md) 4.5, with the readings of 4.6; S1 to S5 are the articles it was drawn
 * from. Money is US dollars as plain numbers, for these are estimates and are rounded by whoever shows them; the ledger
 * of a run keeps exact pico-dollars (`catalog/money.ts`).
 *
 * Every amount is a number from 0 to 1e15, every rate a ratio from 0 to 1. Anything else throws a `TierwiseError`
 * `INPUT_INVALID`, so no result is ever NaN.
 * @module
 */
import type { EndpointClass } from "../catalog/endpoint.ts";
import type { PriceSpec } from "../catalog/price.ts";
import type { Usage } from "../catalog/usage.ts";
import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";

/** Costs of the two models on one basis: both of a request, or both of a month in which either serves every request. */
export interface ModelPairCosts {
  readonly slmCostUsd: number;
  readonly llmCostUsd: number;
}

/**
 * A cascade asks the SLM first and the LLM for the share `escalationRate` (0 to 1): c_s + e * c_l + gate. The rejected
 * draft is paid for. `gateCostUsd` is a verifier or samples, on the same basis, default 0. Source: decision-framework.md 4.5.
 */
export function cascadeCostUsd(
  costs: ModelPairCosts & { readonly escalationRate: number; readonly gateCostUsd?: number },
): number {
  const { slmCostUsd, llmCostUsd, escalationRate, gateCostUsd = 0 } = costs;
  requireAmounts({ slmCostUsd, llmCostUsd, gateCostUsd });
  requireRatio({ escalationRate });
  return slmCostUsd + escalationRate * llmCostUsd + gateCostUsd;
}

/** A router asks one model only, the LLM for the share `llmShare`, 0 to 1: (1 - e) * c_s + e * c_l (decision-framework.md 4.5). */
export function routerCostUsd(costs: ModelPairCosts & { readonly llmShare: number }): number {
  const { slmCostUsd, llmCostUsd, llmShare } = costs;
  requireAmounts({ slmCostUsd, llmCostUsd });
  requireRatio({ llmShare });
  return (1 - llmShare) * slmCostUsd + llmShare * llmCostUsd;
}

/**
 * Escalation rate below which a cascade costs less than the LLM alone: 1 - (c_s + gate) / c_l. At 0 or less it never
 * does. Source: decision-framework.md 4.5, 1 - c_s / c_l, which has no gate.
 * @throws {TierwiseError} `INPUT_INVALID` also where the LLM is free: then there is nothing to save
 */
export function breakEvenEscalationRate(costs: ModelPairCosts & { readonly gateCostUsd?: number }): number {
  const { slmCostUsd, llmCostUsd, gateCostUsd = 0 } = costs;
  requireAmounts({ slmCostUsd, llmCostUsd, gateCostUsd });
  requireAboveZero({ llmCostUsd });
  return 1 - (slmCostUsd + gateCostUsd) / llmCostUsd;
}

/** Share of `beforeUsd` that is saved, 1 - after / before; below 0 where the change costs more. */
export function savingRatio({
  beforeUsd,
  afterUsd,
}: {
  readonly beforeUsd: number;
  readonly afterUsd: number;
}): number {
  requireAmounts({ beforeUsd, afterUsd });
  requireAboveZero({ beforeUsd });
  return 1 - afterUsd / beforeUsd;
}

/** Price of a million tokens of this mix; only the proportion of input to output counts, and it must not be empty. */
export function blendedUsdPerMillionTokens(price: PriceSpec, mix: Usage): number {
  const { tokens, costUsd } = apiCost({ price, usage: mix, requests: 1 });
  requireAboveZero({ tokens });
  return (costUsd / tokens) * 1e6;
}

/** Tokens and bill of `requests` requests that use `usage` each. */
export function apiCost(call: { readonly price: PriceSpec; readonly usage: Usage; readonly requests: number }): {
  readonly tokens: number;
  readonly costUsd: number;
} {
  const { inputPerMillionTokensUsd, outputPerMillionTokensUsd } = call.price;
  const { inputTokens, outputTokens } = call.usage;
  const { requests } = call;
  requireAmounts({ inputPerMillionTokensUsd, outputPerMillionTokensUsd, inputTokens, outputTokens, requests });
  const millionthsUsd = inputTokens * inputPerMillionTokensUsd + outputTokens * outputPerMillionTokensUsd;
  return { tokens: requests * (inputTokens + outputTokens), costUsd: (requests * millionthsUsd) / 1e6 };
}

/** Everything spent in a period, and the requests served in it (above 0). */
export interface OwnershipCosts {
  /** The provider's bill, or hardware, power and hosting. */
  readonly apiOrInfrastructureUsd: number;
  readonly engineeringHours: number;
  readonly engineeringUsdPerHour: number;
  readonly maintenanceUsd: number;
  readonly requests: number;
}

/** (API or infrastructure) + engineering hours * rate + maintenance, and that per request. From decision-framework.md 4.5, S3. */
export function totalCostOfOwnership(costs: OwnershipCosts): {
  readonly totalUsd: number;
  readonly perRequestUsd: number;
} {
  const { apiOrInfrastructureUsd, engineeringHours, engineeringUsdPerHour, maintenanceUsd, requests } = costs;
  requireAmounts({ apiOrInfrastructureUsd, engineeringHours, engineeringUsdPerHour, maintenanceUsd, requests });
  requireAboveZero({ requests });
  const totalUsd = apiOrInfrastructureUsd + engineeringHours * engineeringUsdPerHour + maintenanceUsd;
  return { totalUsd, perRequestUsd: totalUsd / requests };
}

/** Cost as a straight line over volume. The unit is the caller's, the same on both sides: say, a million tokens. */
export interface VolumeCosts {
  /** Marginal price of one unit. */
  readonly usdPerUnit: number;
  /** Operations and everything else that is due at zero volume. @default 0 */
  readonly opexUsdPerMonth?: number;
  /** Paid once. @default 0 */
  readonly capexUsd?: number;
  /** Months over which `capexUsd` is spread, above 0. @default 24 */
  readonly amortisationMonths?: number;
}

/** Where two cost lines meet; `no-crossing` is a normal answer: one side is cheaper at every volume above 0. */
export type BreakEven =
  | { readonly kind: "crossing"; readonly unitsPerMonth: number; readonly cheaperAbove: "own" | "api" }
  | { readonly kind: "no-crossing"; readonly cheaper: "own" | "api" | "same" };

/**
 * Monthly volume from which one's own model is cheaper than an API: (capex / amortisation + opex) / (API price - own
 * marginal price). An API may have fixed costs too; they are taken off the numerator. Always count opex. Source:
 * decision-framework.md 4.5 and 4.6: published break-even volumes hold against a frontier price only, so compute them.
 */
export function breakEvenVolume(own: VolumeCosts, api: VolumeCosts): BreakEven {
  const fixedGap = fixedUsdPerMonth(own) - fixedUsdPerMonth(api);
  const priceGap = api.usdPerUnit - own.usdPerUnit;
  if (fixedGap !== 0 && Math.sign(fixedGap) === Math.sign(priceGap)) {
    return { kind: "crossing", unitsPerMonth: fixedGap / priceGap, cheaperAbove: priceGap > 0 ? "own" : "api" };
  }
  const lead = priceGap - fixedGap;
  return { kind: "no-crossing", cheaper: lead > 0 ? "own" : lead < 0 ? "api" : "same" };
}

function fixedUsdPerMonth({ usdPerUnit, opexUsdPerMonth = 0, capexUsd = 0, amortisationMonths = 24 }: VolumeCosts) {
  requireAmounts({ usdPerUnit, opexUsdPerMonth, capexUsd, amortisationMonths });
  requireAboveZero({ amortisationMonths });
  return capexUsd / amortisationMonths + opexUsdPerMonth;
}

/**
 * Starting values for those who have none, a unit being 1,000 requests: infrastructure plus operations, marginal price,
 * one-off. Wide ranges of one article (decision-framework.md 4.5, S1 CFO); put your own numbers in their place.
 */
export const cfoRanges: Readonly<Record<EndpointClass, { readonly low: VolumeCosts; readonly high: VolumeCosts }>> =
  Object.freeze({
    slm: Object.freeze({
      low: Object.freeze({ opexUsdPerMonth: 500 + 2_000, usdPerUnit: 0.1, capexUsd: 1_000 }),
      high: Object.freeze({ opexUsdPerMonth: 5_000 + 8_000, usdPerUnit: 1, capexUsd: 10_000 }),
    }),
    llm: Object.freeze({
      low: Object.freeze({ opexUsdPerMonth: 2_000 + 5_000, usdPerUnit: 1, capexUsd: 10_000 }),
      high: Object.freeze({ opexUsdPerMonth: 50_000 + 20_000, usdPerUnit: 10, capexUsd: 100_000 }),
    }),
  });

/**
 * Months until a fine-tuned model has paid for itself, setup / (old - new monthly cost), and the cost of its first
 * year, setup + 12 * new. `paybackMonths` is `undefined` where the new model is not cheaper. Source: decision-framework.md 4.5.
 */
export function fineTuningPayback(costs: {
  readonly setupUsd: number;
  readonly oldUsdPerMonth: number;
  readonly newUsdPerMonth: number;
}): { readonly paybackMonths: number | undefined; readonly yearOneUsd: number } {
  const { setupUsd, oldUsdPerMonth, newUsdPerMonth } = costs;
  requireAmounts({ setupUsd, oldUsdPerMonth, newUsdPerMonth });
  const savedUsdPerMonth = oldUsdPerMonth - newUsdPerMonth;
  const paybackMonths = savedUsdPerMonth > 0 ? setupUsd / savedUsdPerMonth : undefined;
  return { paybackMonths, yearOneUsd: setupUsd + 12 * newUsdPerMonth };
}

type Named = Readonly<Record<string, number>>;

function requireAmounts(amounts: Named): void {
  requireThat(amounts, "a number from 0 to 1e15", (value) => value >= 0 && value <= 1e15);
}

function requireAboveZero(amounts: Named): void {
  requireThat(amounts, "a number above 0", (value) => value > 0);
}

function requireRatio(ratios: Named): void {
  requireThat(ratios, "a ratio from 0 to 1", (value) => value >= 0 && value <= 1);
}

function requireThat(values: Named, expected: string, holds: (value: number) => boolean): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "number" && holds(value)) continue;
    throw new TierwiseError("INPUT_INVALID", `A calculator expects ${name} to be ${expected}, found ${show(value)}.`);
  }
}
