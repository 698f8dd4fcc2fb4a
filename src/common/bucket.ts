import { textHash } from "./stable-hash.ts";

/** What is known of a run before its first step: what a rollout can split runs by. */
export interface RunKeys {
  /** `undefined` when planning. */
  readonly runId?: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Where a key falls, from 0 to below 1: 48 bits of the SHA-256 of all three texts. Equal texts fall on equal places, always. */
export function bucketOf(draw: { readonly name: string; readonly salt: string; readonly key: string }): number {
  return Number.parseInt(textHash(JSON.stringify([draw.name, draw.salt, draw.key]), 12), 16) / 2 ** 48;
}

/**
 * The share a bucket falls into, by cumulative weights in the order given. The first share starts at 0, so whoever is in it
 * stays in it when its weight grows. What rounding leaves above the sum belongs to the last share that has a weight.
 * @returns its index
 */
export function shareAt(weights: readonly number[], bucket: number): number {
  let sum = 0;
  const found = weights.findIndex((weight) => bucket < (sum += weight));
  return found === -1 ? weights.findLastIndex((weight) => weight > 0) : found;
}

/** The value of `"runId"` or of a tag; `undefined` where the run has none, or an empty one. */
export function keyOf({ runId, tags }: RunKeys, key: string): string | undefined {
  const value = key === "runId" ? runId : Object.hasOwn(tags, key) ? tags[key] : undefined;
  return value === "" ? undefined : value;
}
