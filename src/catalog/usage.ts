import type { PicoUsd } from "./money.ts";
import type { Price } from "./price.ts";

/** Tokens of one request as the books keep them: whole numbers, at least 0. */
export interface Usage {
  /** All input, cached included. */
  readonly inputTokens: number;
  /** All output, reasoning included. */
  readonly outputTokens: number;
}

/** Where a usage comes from: counted by the provider, bounded by us, absent, or reported but impossible. */
export type UsageSource = "provider" | "estimated" | "missing" | "suspect";

/** What a provider may put in place of token counts. */
export interface ReportedUsage {
  readonly inputTokens?: unknown;
  readonly outputTokens?: unknown;
}

/** The most a request can use: one token per UTF-8 byte going in, the limit that was sent coming out. */
export interface UsageBound {
  readonly requestBytes: number;
  readonly maxOutputTokens: number;
}

export interface CheckedUsage {
  readonly usage: Usage;
  readonly source: UsageSource;
}

/**
 * A provider's usage, checked and not trusted. Absent counts are charged at the bound. A count that no request could
 * have (negative, fractional, NaN) is `suspect` and charged at the bound too; one above the bound is charged as
 * reported, for then the provider ignored the limit it was sent.
 */
export function checkUsage(reported: ReportedUsage | undefined, bound: UsageBound): CheckedUsage {
  const atBound: Usage = { inputTokens: bound.requestBytes + templateTokens, outputTokens: bound.maxOutputTokens };
  const { inputTokens, outputTokens } = reported ?? {};
  if (inputTokens === undefined && outputTokens === undefined) return { usage: atBound, source: "missing" };
  if (!isCount(inputTokens) || !isCount(outputTokens)) return { usage: atBound, source: "suspect" };
  const above = inputTokens > bound.requestBytes + templateTokens || outputTokens > bound.maxOutputTokens;
  return { usage: { inputTokens, outputTokens }, source: above ? "suspect" : "provider" };
}

/** Tokens a server's chat template may add around the messages; seen: 3 a message and a few for tools. */
export const templateTokens = 256;

/** No request has a billion tokens; a count like 1e18 must not become a charge. */
const mostTokens = 1e9;

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= mostTokens;
}

/** Exact cost of a usage. */
export function costOf({ inputTokens, outputTokens }: Usage, price: Price): PicoUsd {
  return BigInt(inputTokens) * price.inputPicoPerToken + BigInt(outputTokens) * price.outputPicoPerToken;
}

/** Worst-case cost of a request, which a budget reserves before it is sent. */
export function worstCost({ requestBytes, maxOutputTokens }: UsageBound, price: Price): PicoUsd {
  return costOf({ inputTokens: requestBytes + templateTokens, outputTokens: maxOutputTokens }, price);
}
