import type { PicoUsd } from "./money.ts";
import type { Price } from "./price.ts";

/** Tokens of one request as the books keep them: whole numbers, at least 0. Parts are left out where nobody reported them. */
export interface Usage {
  /** All input, cached included. */
  readonly inputTokens: number;
  /** All output, reasoning included. */
  readonly outputTokens: number;
  /** Part of the input that the provider read from its prompt cache. */
  readonly cacheReadTokens?: number;
  /** Part of the input that the provider wrote to its prompt cache; none of it is also read. */
  readonly cacheWriteTokens?: number;
  /** Part of the output that the model reasoned with. */
  readonly reasoningTokens?: number;
}

/** Where a usage comes from: counted by the provider, bounded by us, absent, or reported but impossible. */
export type UsageSource = "provider" | "estimated" | "missing" | "suspect";

/** What a provider may put in place of token counts. */
export type ReportedUsage = { readonly [Count in keyof Usage | "totalTokens"]?: unknown };

/** The most a request can use: one token per UTF-8 byte going in, the limit that was sent coming out. */
export interface UsageBound {
  readonly requestBytes: number;
  readonly maxOutputTokens: number;
}

export interface CheckedUsage {
  readonly usage: Usage;
  readonly source: UsageSource;
  /** Nobody knows what the tokens were, so each is charged at the dearest rate it may have had. @default false */
  readonly atDearestRate?: boolean;
}

/**
 * A provider's usage, checked and not trusted.
 *
 * Absent counts are charged at the bound and the dearest rate. So are counts that no request can have, which are `suspect`:
 * negative, fractional, NaN, or parts that exceed the whole they are part of. More than the bound is charged where the report
 * says more; parts that exceed their whole are then taken for counted beside it. A possible count above the bound is `suspect`, too, but charged as
 * reported, for then the provider ignored the limit it was sent. Parts that are absent or `null` are no part. A total that is
 * not the sum makes the report `suspect`; what it has above the sum is charged as output, which providers may bill unseen.
 */
export function checkUsage(reported: ReportedUsage | undefined, bound: UsageBound): CheckedUsage {
  const { inputTokens, outputTokens, totalTokens, ...parts } = reported ?? {};
  const most = { input: bound.requestBytes + templateTokens, output: bound.maxOutputTokens };
  if (inputTokens === undefined && outputTokens === undefined) {
    const atBound: Usage = { inputTokens: most.input, outputTokens: most.output };
    return { usage: atBound, source: "missing", atDearestRate: true };
  }
  const { cacheReadTokens, cacheWriteTokens, reasoningTokens } = parts;
  const input = readSide(inputTokens, { cacheReadTokens, cacheWriteTokens });
  const output = readSide(outputTokens, { reasoningTokens });
  const sum = input.tokens + output.tokens;
  const isTotal = totalTokens === undefined || totalTokens === null || totalTokens === sum;
  const unseen = isTotal || !isCount(totalTokens) ? 0 : Math.max(0, totalTokens - sum);
  const usage = { inputTokens: input.tokens, outputTokens: output.tokens + unseen };
  if (input.parts !== undefined && output.parts !== undefined) {
    const isAbove = usage.inputTokens > most.input || usage.outputTokens > most.output;
    const source = isAbove || !isTotal ? "suspect" : "provider";
    return { usage: { ...usage, ...input.parts, ...output.parts }, source };
  }
  const atLeastBound: Usage = {
    inputTokens: Math.max(usage.inputTokens, most.input),
    outputTokens: Math.max(usage.outputTokens, most.output),
  };
  return { usage: atLeastBound, source: "suspect", atDearestRate: true };
}

/** One side of a report: the tokens to charge at least, and its parts, `undefined` where the counts cannot be. */
function readSide(whole: unknown, reported: Partial<ReportedUsage>) {
  const parts = Object.entries(reported).filter(([, count]) => count !== undefined && count !== null);
  const sum = parts.reduce((total, [, count]) => total + (isCount(count) ? count : 0), 0);
  const possible = isCount(whole) && sum <= whole && parts.every(([, count]) => isCount(count));
  if (possible) return { tokens: whole, parts: Object.fromEntries(parts) as Partial<Usage> };
  const counted = isCount(whole) ? whole : 0;
  // A provider may count its parts beside the whole; then the bill is for both.
  return { tokens: sum > counted ? Math.min(mostTokens, counted + sum) : counted, parts: undefined };
}

/** Tokens a server's chat template may add around the messages; seen: 3 a message and a few for tools. */
export const templateTokens = 256;

/** No request has a billion tokens; a count like 1e18 must not become a charge. */
const mostTokens = 1e9;

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= mostTokens;
}

/** Exact cost of a usage, each part at its own price. */
export function costOf(usage: Usage, price: Price): PicoUsd {
  const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
  return (
    BigInt(inputTokens - cacheReadTokens - cacheWriteTokens) * price.inputPicoPerToken +
    BigInt(cacheReadTokens) * price.cacheReadPicoPerToken +
    BigInt(cacheWriteTokens) * price.cacheWritePicoPerToken +
    BigInt(outputTokens - reasoningTokens) * price.outputPicoPerToken +
    BigInt(reasoningTokens) * price.reasoningPicoPerToken
  );
}

/** What a request is charged: its cost, or the most it can have cost where its parts are not known. */
export function chargeOf({ usage, atDearestRate = false }: CheckedUsage, price: Price): PicoUsd {
  return atDearestRate ? dearestCost(usage, price) : costOf(usage, price);
}

/**
 * Cost of the same tokens at an endpoint that did not serve them. No cache of it is warm, so all input costs its input
 * price; reasoning stays reasoning.
 */
export function costElsewhere({ inputTokens, outputTokens, reasoningTokens = 0 }: Usage, price: Price): PicoUsd {
  return costOf({ inputTokens, outputTokens, reasoningTokens }, price);
}

/** Worst-case cost of a request, which a budget reserves before it is sent: all of it at the dearest rates. */
export function worstCost({ requestBytes, maxOutputTokens }: UsageBound, price: Price): PicoUsd {
  return dearestCost({ inputTokens: requestBytes + templateTokens, outputTokens: maxOutputTokens }, price);
}

/** Most tokens that a request can use, both ways together. */
export function worstTokens({ requestBytes, maxOutputTokens }: UsageBound): number {
  return requestBytes + templateTokens + maxOutputTokens;
}

function dearestCost({ inputTokens, outputTokens }: Usage, price: Price): PicoUsd {
  const { inputPicoPerToken, cacheReadPicoPerToken, cacheWritePicoPerToken } = price;
  const input = dearest([inputPicoPerToken, cacheReadPicoPerToken, cacheWritePicoPerToken]);
  const output = dearest([price.outputPicoPerToken, price.reasoningPicoPerToken]);
  return BigInt(inputTokens) * input + BigInt(outputTokens) * output;
}

function dearest(rates: readonly PicoUsd[]): PicoUsd {
  return rates.reduce((most, rate) => (rate > most ? rate : most), 0n);
}
