import type { Schema } from "../../graph/schema.ts";
import { partialAnswer } from "./answer-schema.ts";

type ParsePartial = (text: string) => unknown;

/** LangChain is a peer and slow to load: only a run that shows partial answers loads it. */
export async function loadPartialJson(): Promise<ParsePartial> {
  const { parsePartialJson } = await import("@langchain/core/output_parsers");
  return parsePartialJson;
}

/** How much longer a text must be before it is parsed again: so all parsing together is a few times the text. */
const growth = 1.1;
/** No answer is read a character at a time. */
const leastGrowth = 8;
/** Deeper values are not shown. */
const mostLevels = 64;

/** Reads an answer that is being written as JSON. */
export class PartialReader {
  readonly #schema: Schema;
  readonly #parse: ParsePartial;
  readonly #pieces: string[] = [];
  #length = 0;
  #dueAt = 0;
  #last: string | undefined;

  constructor(schema: Schema, parse: ParsePartial) {
    this.#schema = schema;
    this.#parse = parse;
  }

  /** @returns what is there so far, as plain frozen data; `undefined` where nothing can be read, or nothing new */
  add(piece: string): unknown {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#dueAt) return undefined;
    this.#dueAt = Math.max(this.#length * growth, this.#length + leastGrowth);
    return this.ifNew(partialAnswer(this.#schema, this.#parse(withoutFence(this.#text()))));
  }

  /** @returns the value as plain frozen data; `undefined` where it is what was returned last, or cannot be shown */
  ifNew(value: unknown): unknown {
    const plain = plainData(value);
    const text = plain === undefined ? undefined : JSON.stringify(plain);
    if (text === undefined || text === this.#last) return undefined;
    this.#last = text;
    return plain;
  }

  /** Joined once per parse: the pieces before it become one. */
  #text(): string {
    const text = this.#pieces.join("");
    this.#pieces.splice(0, this.#pieces.length, text);
    return text;
  }
}

/** Small models like to wrap JSON in a Markdown fence, whose end may not be there yet. */
function withoutFence(text: string): string {
  const inner = text.replace(/^\s*```(?:json)?/, "").trimEnd();
  return inner.endsWith("```") ? inner.slice(0, -3) : inner;
}

/**
 * A copy of JSON-like data that shares nothing with what it was made of. Members called `__proto__` are left out: to some
 * parsers they are no member but a prototype, and so they would be to whoever copies the value on.
 */
export function plainData(value: unknown, level = 0): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || level > mostLevels) return undefined;
  if (Array.isArray(value)) return Object.freeze(value.map((item) => plainData(item, level + 1) ?? null));
  if (value instanceof Date) return plainData(value.toJSON());
  const members = Object.entries(value).flatMap(([key, member]) => {
    const plain = key === "__proto__" ? undefined : plainData(member, level + 1);
    return plain === undefined ? [] : [[key, plain] as const];
  });
  return Object.freeze(Object.fromEntries(members));
}
