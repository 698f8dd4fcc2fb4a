import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";
import { TierwiseError } from "../errors.ts";

/** Version of what is written; another one is refused, not guessed at. */
const format = "tw1";

/**
 * Seals what is stored of a run: a text with a code over it and over the place where it belongs, so that none can be
 * altered, moved, or taken from another run. HMAC-SHA-256 under the runtime's `macKey`.
 */
export class Seal {
  readonly #key: KeyObject;
  readonly #runId: string;

  constructor(key: KeyObject, runId: string) {
    this.#key = key;
    this.#runId = runId;
  }

  /** @param place where it is kept: nothing else may be read as it */
  close(place: string, text: string): string {
    return `${format}.${this.#code(place, text)}.${text}`;
  }

  /** @throws {TierwiseError} `CHECKPOINT_INVALID` */
  open(place: string, row: unknown): string {
    const [, found, code = "", text = ""] = /^(\w+)\.([\w-]*)\.(.*)$/s.exec(String(row)) ?? [];
    if (found !== format) throw this.#invalid(place, `its format is not ${format}`);
    const expected = this.#code(place, text);
    if (code.length === expected.length && timingSafeEqual(Buffer.from(code), Buffer.from(expected))) return text;
    throw this.#invalid(place, "its code does not match: it was altered, or written under another macKey");
  }

  #code(place: string, text: string): string {
    // As JSON, no two different places can be written alike.
    const where = JSON.stringify([this.#runId, place]);
    return createHmac("sha256", this.#key).update(where).update(text).digest("base64url");
  }

  #invalid(place: string, why: string): TierwiseError {
    const message = `run ${this.#runId}: what is stored as "${place}" cannot be used: ${why}. Nothing of it was used`;
    return new TierwiseError("CHECKPOINT_INVALID", message, { details: { runId: this.#runId, place } });
  }
}

/** Batches of events in their order: each is sealed together with the code of the one before it, the first with the start. */
export class SealedLog {
  readonly #seal: Seal;
  #last: string;
  #count = 0;
  /** Closed here and not opened yet: coming back from its commit unchanged, it need not be checked. */
  #own: { readonly row: string; readonly text: string } | undefined;

  constructor(seal: Seal, start: string) {
    this.#seal = seal;
    this.#last = codeOf(start);
  }

  /** What is closed counts only when it is opened, which is when it was committed. */
  close(text: string): string {
    const row = this.#seal.close(this.#place(), text);
    this.#own = { row, text };
    return row;
  }

  open(row: unknown): string {
    const own = this.#own;
    this.#own = undefined;
    const text = own !== undefined && own.row === row ? own.text : this.#seal.open(this.#place(), row);
    this.#last = codeOf(String(row));
    this.#count += 1;
    return text;
  }

  #place(): string {
    return `events ${this.#count} after ${this.#last}`;
  }
}

function codeOf(row: string): string {
  return row.slice(format.length + 1, row.indexOf(".", format.length + 1));
}
