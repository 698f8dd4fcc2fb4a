import { show } from "./names.ts";

/** Receives one mistake: where it is and the sentence that says what to do. */
export type Report = (path: string, message: string) => void;

/**
 * Reads an option bag that may come from plain JavaScript or from a cast. Every mistake is reported and answered with
 * a harmless value, so that one pass finds them all.
 */
export class OptionReader {
  readonly path: string;
  readonly #bag: Readonly<Record<string, unknown>>;
  readonly #report: Report;

  constructor(bag: unknown, path: string, report: Report) {
    this.path = path;
    this.#report = report;
    const isBag = typeof bag === "object" && bag !== null && !Array.isArray(bag);
    if (!isBag) report(path, `expected an object of options, found ${show(bag)}`);
    this.#bag = isBag ? (bag as Record<string, unknown>) : {};
  }

  get(key: string): unknown {
    return this.#bag[key];
  }

  mistake(key: string, message: string): void {
    this.#report(`${this.path}.${key}`, message);
  }

  /** A misspelt option would otherwise be an ignored promise. */
  only(known: readonly string[]): void {
    for (const key of Object.keys(this.#bag)) {
      if (!known.includes(key)) this.mistake(key, `unknown option; known are ${known.join(", ")}`);
    }
  }

  /** The function under `key`. `T` is what the typed interface promised; JavaScript cannot check more than "a function". */
  fn<T>(key: string): T | undefined {
    const found = this.#bag[key];
    if (typeof found === "function") return found as T;
    this.mistake(key, `expected a function, found ${show(found)}`);
    return undefined;
  }

  optionalFn<T>(key: string): T | undefined {
    return this.#bag[key] === undefined ? undefined : this.fn<T>(key);
  }

  text(key: string): string {
    const found = this.#bag[key];
    if (typeof found === "string" && found.trim() !== "") return found;
    this.mistake(key, `expected a text that is not empty, found ${show(found)}`);
    return "";
  }

  optionalText(key: string): string | undefined {
    return this.#bag[key] === undefined ? undefined : this.text(key);
  }

  integer(key: string, range: { fallback: number; min: number; max: number }): number {
    const found = this.#bag[key];
    if (found === undefined) return range.fallback;
    if (Number.isInteger(found) && (found as number) >= range.min && (found as number) <= range.max)
      return found as number;
    this.mistake(key, `expected a whole number from ${range.min} to ${range.max}, found ${show(found)}`);
    return range.fallback;
  }

  /** A share, 0 to 1; `undefined` when it is left out. */
  ratio(key: string): number | undefined {
    const found = this.#bag[key];
    if (found === undefined) return undefined;
    if (typeof found === "number" && found >= 0 && found <= 1) return found;
    this.mistake(key, `expected a number from 0 to 1, found ${show(found)}`);
    return undefined;
  }

  optionalFlag(key: string): boolean | undefined {
    const found = this.#bag[key];
    if (found === undefined || typeof found === "boolean") return found;
    this.mistake(key, `expected true or false, found ${show(found)}`);
    return undefined;
  }

  optionalTexts(key: string): readonly string[] | undefined {
    const found = this.#bag[key];
    if (found === undefined) return undefined;
    const wrong = Array.isArray(found) ? found.findIndex((item) => typeof item !== "string" || item.trim() === "") : 0;
    if (wrong === -1) return Object.freeze([...(found as string[])]);
    const shown = Array.isArray(found) ? `an array with ${show(found[wrong])}` : show(found);
    this.mistake(key, `expected an array of texts that are not empty, found ${shown}`);
    return undefined;
  }

  oneOf<const T extends string>(key: string, allowed: readonly T[], fallback?: T): T {
    const found = this.#bag[key] === undefined ? fallback : this.#bag[key];
    const match = allowed.find((item) => item === found);
    if (match !== undefined) return match;
    this.mistake(key, `expected one of ${allowed.map((item) => `"${item}"`).join(", ")}, found ${show(found)}`);
    return fallback ?? allowed[0]!;
  }

  /** `{ reason: "…" }`: openings in a rule say why, and the audit log shows it. */
  reason(key: string): { readonly reason: string } | undefined {
    const found = this.#bag[key];
    if (found === undefined) return undefined;
    const reason = typeof found === "object" && found !== null ? (found as { reason?: unknown }).reason : undefined;
    if (typeof reason === "string" && reason.trim() !== "") return { reason };
    this.mistake(key, `expected { reason: "…" } with a reason that is not empty, found ${show(found)}`);
    return undefined;
  }
}
