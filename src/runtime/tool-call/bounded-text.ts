/**
 * Whatever code returned, as text for a model: lossless, or refused with the reason, and never larger in memory than what is
 * kept of it. Nothing here trusts the value: it may be cyclic, binary, a proxy that throws, or a hundred megabytes.
 * @module
 */
import { types } from "node:util";
import { truncateUtf8, utf8Bytes } from "../../common/utf8.ts";

export type BoundedText =
  | {
      readonly ok: true;
      /** At most `keepBytes`, cut between two characters. */
      readonly text: string;
      /** Of all of it, in UTF-8. */
      readonly totalBytes: number;
    }
  /** `why` continues "its result": `holds a cycle`. It names no value. */
  | { readonly ok: false; readonly why: string };

export interface TextBounds {
  /** How much of the text is kept, in UTF-8 bytes. */
  readonly keepBytes: number;
  /** What is longer is refused without being read to its end. */
  readonly readBytes: number;
}

/**
 * A text as it is, anything else as JSON. Beyond JSON, a bigint and the numbers NaN and Infinity are written as JavaScript
 * writes them, because JSON's `null` would be a loss. A text with a lone surrogate becomes a JSON string, in which the
 * surrogate is an escape: UTF-8 has no bytes for it. Nothing (`undefined`) is the empty text.
 */
export function boundedText(value: unknown, bounds: TextBounds): BoundedText {
  const writer = new Writer(bounds);
  try {
    if (typeof value === "string") writeText(writer, value);
    else if (value !== undefined) writeJson(writer, value);
  } catch (error) {
    // A getter, a `toJSON` or a proxy of somebody else threw: what it says may hold the data.
    return { ok: false, why: error instanceof Unwritable ? error.message : "could not be read" };
  }
  return { ok: true, text: writer.kept, totalBytes: writer.totalBytes };
}

/** Inside this file only; its message is our own and names no value. */
class Unwritable extends Error {}

/** Depth of the deepest value that is written; model servers refuse less. */
const mostLevels = 64;
/** Bits of the longest integer that is written: the time to write one grows with the square of its length. */
const mostBits = 4_096n;
/** Texts are encoded in pieces of so many UTF-16 units, so that a long one is not copied whole. */
const pieceLength = 65_536;

/** Keeps the beginning, counts the rest. */
class Writer {
  totalBytes = 0;
  readonly #bounds: TextBounds;
  readonly #parts: string[] = [];
  #keptBytes = 0;
  #isFull = false;

  constructor(bounds: TextBounds) {
    this.#bounds = bounds;
  }

  get kept(): string {
    return this.#parts.join("");
  }

  /** @param bytes of the text in UTF-8; whoever knows them saves the count, which costs most where there are many small parts */
  write(text: string, bytes = utf8Bytes(text)): void {
    this.checkLength(bytes);
    this.totalBytes += bytes;
    if (this.#isFull) return;
    const room = this.#bounds.keepBytes - this.#keptBytes;
    this.#isFull = bytes > room;
    const part = this.#isFull ? truncateUtf8(text, room) : text;
    this.#parts.push(part);
    this.#keptBytes += this.#isFull ? utf8Bytes(part) : bytes;
  }

  /** Refuses what is sure to be too long before it is looked at: a UTF-16 unit is at least one byte. */
  checkLength(least: number): void {
    if (this.totalBytes + least > this.#bounds.readBytes)
      throw new Unwritable(`is longer than ${this.#bounds.readBytes} bytes`);
  }
}

function writeText(writer: Writer, text: string): void {
  writer.checkLength(text.length);
  if (text.isWellFormed()) writer.write(text);
  else writeString(writer, text);
}

function writeString(writer: Writer, text: string): void {
  writer.checkLength(text.length);
  if (text.length <= pieceLength) {
    writer.write(JSON.stringify(text));
    return;
  }
  writer.write('"', 1);
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + pieceLength, text.length);
    // A pair that two pieces shared would be two lone surrogates.
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
    writer.write(JSON.stringify(text.slice(start, end)).slice(1, -1));
    start = end;
  }
  writer.write('"', 1);
}

/** @param above what the value stands in, outermost first */
function writeJson(writer: Writer, value: unknown, above: object[] = []): void {
  if (typeof value === "string") writeString(writer, value);
  else if (typeof value === "object" && value !== null) writeObject(writer, value, above);
  else {
    const text = atom(value);
    writer.write(text, text.length);
  }
}

/** What has no parts, in ASCII. A list says `null` where it holds nothing, as in JSON. */
function atom(value: unknown): string {
  switch (typeof value) {
    case "number":
    case "boolean":
      return String(value);
    case "bigint":
      return digitsOf(value);
    case "function":
    case "symbol":
      throw new Unwritable(`holds a ${typeof value}`);
    default:
      return "null";
  }
}

function digitsOf(value: bigint): string {
  const most = 1n << mostBits;
  if (value > most || value < -most) throw new Unwritable("holds an integer that is too long");
  return String(value);
}

function writeObject(writer: Writer, value: object, above: object[]): void {
  const foreign = isPlain(value) ? undefined : kindOf(value);
  if (foreign !== undefined) throw new Unwritable(`holds ${foreign}`);
  if (above.includes(value)) throw new Unwritable("holds a cycle");
  if (above.length >= mostLevels) throw new Unwritable(`is nested more than ${mostLevels} levels deep`);
  above.push(value);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") writeJson(writer, plainOf(toJSON.call(value, "")), above);
  else if (types.isBoxedPrimitive(value)) writeJson(writer, value.valueOf(), above);
  else if (Array.isArray(value)) writeList(writer, value, above);
  else writeMembers(writer, value, above);
  above.pop();
}

/** Most values are, and need no further look. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}

/** What `toJSON` gives is taken as it is: a second `toJSON` is not asked. */
function plainOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("toJSON" in value)) return value;
  return Array.isArray(value) ? [...(value as unknown[])] : { ...value, toJSON: undefined };
}

/** What has no members, or others than its data: JSON would write most of these as `{}`. */
function kindOf(value: object): string | undefined {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return "binary data";
  if (types.isMap(value) || types.isWeakMap(value)) return "a map";
  if (types.isSet(value) || types.isWeakSet(value)) return "a set";
  if (types.isPromise(value)) return "a promise";
  if (value instanceof Error) return "an error";
  return types.isRegExp(value) ? "a regular expression" : undefined;
}

function writeList(writer: Writer, list: readonly unknown[], above: object[]): void {
  writer.write("[", 1);
  for (let index = 0; index < list.length; index += 1) {
    if (index > 0) writer.write(",", 1);
    writeJson(writer, list[index], above);
  }
  writer.write("]", 1);
}

function writeMembers(writer: Writer, bag: object, above: object[]): void {
  let separator = "{";
  for (const key of Object.keys(bag)) {
    const member = (bag as Record<string, unknown>)[key];
    if (member === undefined) continue;
    writer.write(separator, 1);
    writeString(writer, key);
    writer.write(":", 1);
    writeJson(writer, member, above);
    separator = ",";
  }
  writer.write(separator === "{" ? "{}" : "}");
}
