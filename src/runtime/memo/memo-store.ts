import { createHash } from "node:crypto";
import { serialize } from "node:v8";
import type { Clock } from "../../common/clock.ts";
import { isAtLeast, type Label } from "../../tiers/label.ts";

const maxEntries = 1_000;
/** Larger values are not kept: a thousand of them would be a leak by another name. */
const maxValueBytes = 262_144;

interface Entry {
  readonly value: unknown;
  readonly label: Label;
  readonly untilMs: number;
}

/** Results of steps by the content that they read. In memory, bounded, one per runtime; an entry carries its label. */
export class MemoStore {
  readonly #clock: Clock;
  /** Oldest use first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns nothing where the reader's label does not cover the entry's: what was kept under a higher one stays there */
  get(key: string, label: Label): { readonly value: unknown } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.untilMs <= this.#clock.nowMs()) return undefined;
    this.#entries.set(key, entry);
    return isAtLeast(label, entry.label) ? { value: structuredClone(entry.value) } : undefined;
  }

  /** Values that cannot be copied, or are large, are not kept. */
  put(key: string, value: unknown, { label, ttlMs }: { readonly label: Label; readonly ttlMs: number }): void {
    const copy = copyOf(value);
    if (copy === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value: copy.value, label, untilMs: this.#clock.nowMs() + ttlMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest);
  }
}

function copyOf(value: unknown): { readonly value: unknown } | undefined {
  try {
    return serialize(value).byteLength > maxValueBytes ? undefined : { value: structuredClone(value) };
  } catch {
    return undefined;
  }
}

/** SHA-256 of everything given, by the structured clone format; `undefined` for what cannot be cloned, as functions. */
export function contentKey(content: unknown): string | undefined {
  try {
    return createHash("sha256").update(serialize(content)).digest("hex");
  } catch {
    return undefined;
  }
}
