import type { RecordedAttributes, RecordedValue } from "./recorded-trace.ts";

/** As OpenTelemetry's own SDKs bound them by default. */
export const maxAttributes = 128;
export const maxEvents = 128;
export const maxLinks = 128;

/** Elements of one list. */
const maxElements = 128;

/** Attributes that stay bounded. */
export class AttributeBag {
  readonly #maxTextLength: number;
  readonly #kept = new Map<string, RecordedValue>();
  #dropped = 0;

  constructor(maxTextLength: number, attributes: Readonly<Record<string, unknown>> = {}) {
    this.#maxTextLength = maxTextLength;
    this.set(attributes);
  }

  /** How many did not fit. */
  get dropped(): number {
    return this.#dropped;
  }

  set(attributes: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(attributes)) {
      const key = cut(name, this.#maxTextLength);
      if (value === undefined) continue;
      if (!this.#kept.has(key) && this.#kept.size >= maxAttributes) this.#dropped += 1;
      else this.#kept.set(key, this.#bounded(value));
    }
  }

  copy(): RecordedAttributes {
    return Object.fromEntries(this.#kept);
  }

  /** A copy, because a caller may change its list later. */
  #bounded(value: unknown): RecordedValue {
    if (!Array.isArray(value)) return this.#scalar(value);
    return value.slice(0, maxElements).map((element) => this.#scalar(element));
  }

  /** Nested values, which few back ends read, are kept as their JSON. */
  #scalar(value: unknown): string | number | boolean {
    if (typeof value === "number" || typeof value === "boolean") return value;
    return cut(typeof value === "string" ? value : jsonOf(value), this.#maxTextLength);
  }
}

function jsonOf(value: unknown): string {
  try {
    // In a list, what JSON cannot write is `null` and not missing.
    return JSON.stringify([value]).slice(1, -1);
  } catch {
    return `(${typeof value})`;
  }
}

export function cut(text: string, maxTextLength: number): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength - 1)}…` : text;
}
