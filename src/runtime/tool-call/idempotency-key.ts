import { createHmac, createSecretKey, randomBytes, type KeyObject } from "node:crypto";

const leastBytes = 32;
export const macKeyRule = `a text or Uint8Array of at least ${leastBytes} bytes that somebody drew at random`;

/** For runtimes that are given none: keys are then the same all over this process, and no longer than it lives. */
const processKey = createSecretKey(randomBytes(leastBytes));

/** @returns `undefined` for what is no key. A `KeyObject` shows its bytes to nobody who prints it. */
export function readMacKey(given: unknown): KeyObject | undefined {
  if (given === undefined) return processKey;
  const bytes = typeof given === "string" ? Buffer.from(given, "utf8") : given;
  return bytes instanceof Uint8Array && bytes.byteLength >= leastBytes ? createSecretKey(bytes) : undefined;
}

/** Which call a key is for. The key of a work says in which run's step, iteration, turn and place (`stepPath#iteration/turn/call`). */
export interface KeyedCall {
  readonly runId: string;
  readonly workKey: string;
  /** Empty for the code of a step. */
  readonly tool: string;
}

/**
 * HMAC-SHA-256 of run, step path, iteration, turn, place and tool (G5), as 32 hexadecimal digits: 128 bits, which fits the
 * idempotency header of every payment service we know of. The same for the same call over retries and resumption, another
 * for every other call; without the secret nobody can compute the key of somebody else's call.
 */
export function idempotencyKey(secret: KeyObject, { runId, workKey, tool }: KeyedCall): string {
  // As JSON, no two different calls can be written alike.
  const text = JSON.stringify([runId, workKey, tool]);
  return createHmac("sha256", secret).update(text, "utf8").digest("hex").slice(0, 32);
}
