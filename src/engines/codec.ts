/**
 * What a durable engine stores: plain data as text, lossless or not at all. `decode(encode(x))` equals `x`, or `encode`
 * throws `UNSERIALIZABLE` with the path of what it cannot keep. Reading makes plain data and Tierwise's own errors, and
 * runs no code.
 * @module
 */
import { TierwiseError } from "../errors.ts";
import { isError, packError, unpackError } from "./error-codec.ts";

/** Marks what JSON has no form for: `{ "$": kind, "v": packed }`. */
const mark = "$";

/** Deeper values are refused before they exhaust the stack. */
const maxDepth = 256;

export interface EncodeOptions {
  /** UTF-8 bytes of the text at most. */
  readonly maxBytes: number;
}

/** @throws {TierwiseError} `UNSERIALIZABLE`: names path and kind of what cannot be kept, never the value */
export function encode(value: unknown, { maxBytes }: EncodeOptions): string {
  const text = JSON.stringify(new Packing(maxBytes).pack(value, "$"));
  const bytes = Buffer.byteLength(text, "utf8");
  if (bytes > maxBytes) throw unserializable("$", `${bytes} bytes as text, and ${maxBytes} may be stored`);
  return text;
}

export function decode(text: string): unknown {
  return unpack(JSON.parse(text) as unknown);
}

type PackMember = (member: unknown, at: string) => unknown;

class Packing {
  readonly #maxBytes: number;
  readonly #above = new Set<object>();
  /** Less than the text will have: a value that holds one thing many times over is refused before it fills the memory. */
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  pack(value: unknown, path: string): unknown {
    this.#bytes += typeof value === "string" ? value.length + 2 : 1;
    if (this.#bytes > this.#maxBytes) throw unserializable(path, `more than the ${this.#maxBytes} bytes of one row`);
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0) ? value : marked("number", numberText(value));
      case "undefined":
        return marked("undefined", null);
      case "bigint":
        return marked("bigint", value.toString());
      case "object":
        return value === null ? null : this.#packObject(value, path);
      default:
        throw unserializable(path, `a ${typeof value}`);
    }
  }

  #packObject(value: object, path: string): unknown {
    if (this.#above.has(value)) throw unserializable(path, "a reference to what holds it");
    if (this.#above.size >= maxDepth) throw unserializable(path, `more than ${maxDepth} levels`);
    this.#above.add(value);
    const packed = packKind(value, (member, at) => this.pack(member, `${path}${at}`), path);
    this.#above.delete(value);
    return packed;
  }
}

function packKind(value: object, member: PackMember, path: string): unknown {
  if (Array.isArray(value)) return packArray(value, member, path);
  if (isError(value)) return marked("error", member(packError(value), ""));
  switch (Object.getPrototypeOf(value)) {
    case Date.prototype:
    case Map.prototype:
    case Set.prototype:
      if (Reflect.ownKeys(value).length > 0) throw unserializable(path, "a Date, Map or Set with members of its own");
      return packBuiltIn(value as Date | Map<unknown, unknown> | Set<unknown>, member);
    case Uint8Array.prototype:
      return marked("bytes", packBytes(value as Uint8Array, path));
    default:
      return packRecord(value, member, path);
  }
}

function packBuiltIn(value: Date | Map<unknown, unknown> | Set<unknown>, member: PackMember): unknown {
  if (value instanceof Date) return marked("date", Number.isNaN(value.getTime()) ? null : value.getTime());
  if (value instanceof Set)
    return marked(
      "set",
      [...value].map((held, at) => member(held, `.values[${at}]`)),
    );
  return marked(
    "map",
    [...value].map(([key, held], at) => [member(key, `.keys[${at}]`), member(held, `.values[${at}]`)]),
  );
}

function packBytes(value: Uint8Array, path: string): string {
  if (Object.keys(value).length > value.length) throw unserializable(path, "bytes with members of their own");
  return Buffer.from(value).toString("base64");
}

function packArray(value: readonly unknown[], member: PackMember, path: string): unknown {
  if (Object.getPrototypeOf(value) !== Array.prototype) throw unserializable(path, "a list of a class of its own");
  // Holes and extra members would come back as something else.
  const isWhole = Object.keys(value).every((key, at) => key === String(at));
  if (!isWhole || Reflect.ownKeys(value).length !== value.length + 1)
    throw unserializable(path, "a list with holes or members");
  return value.map((held, at) => member(held, `[${at}]`));
}

function packRecord(value: object, member: PackMember, path: string): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw unserializable(path, `an instance of ${className(prototype)}; hand over plain data`);
  const entries: [string, unknown][] = [];
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === "symbol") throw unserializable(path, "a member named by a symbol");
    const property = Object.getOwnPropertyDescriptor(value, key)!;
    if (property.enumerable !== true) throw unserializable(`${path}.${key}`, "a member that is hidden");
    entries.push([key, member(read(value as Record<string, unknown>, key, path), `.${key}`)]);
  }
  const isPlain = prototype !== null && entries.every(([key]) => key !== mark && key !== "__proto__");
  return isPlain ? Object.fromEntries(entries) : marked(prototype === null ? "bare" : "record", entries);
}

/** What computes a member may throw, and say in its error what must not be logged. */
function read(record: Readonly<Record<string, unknown>>, key: string, path: string): unknown {
  try {
    return record[key];
  } catch {
    throw unserializable(`${path}.${key}`, "a member that throws when it is read");
  }
}

function unpack(packed: unknown): unknown {
  if (typeof packed !== "object" || packed === null) return packed;
  if (Array.isArray(packed)) return packed.map(unpack);
  const record = packed as Record<string, unknown>;
  if (Object.hasOwn(record, mark)) return unpackMarked(String(record[mark]), record["v"]);
  for (const key of Object.keys(record)) record[key] = unpack(record[key]);
  return record;
}

function unpackMarked(kind: string, value: unknown): unknown {
  switch (kind) {
    case "undefined":
      return undefined;
    case "number":
      return Number(value);
    case "bigint":
      return BigInt(String(value));
    case "date":
      return new Date(value === null ? Number.NaN : Number(value));
    case "bytes":
      return new Uint8Array(Buffer.from(String(value), "base64"));
    case "map":
      return new Map((unpack(value) as [unknown, unknown][]).map(([key, held]) => [key, held]));
    case "set":
      return new Set(unpack(value) as unknown[]);
    case "error":
      return unpackError(unpack(value));
    case "record":
    case "bare":
      return unpackEntries(value as [string, unknown][], kind === "bare" ? null : Object.prototype);
    default:
      throw new TierwiseError("CHECKPOINT_INVALID", `what was stored holds a value of unknown kind "${kind}"`);
  }
}

/** Defined, not assigned: `__proto__` is a name like any other. */
function unpackEntries(entries: readonly [string, unknown][], prototype: object | null): unknown {
  const record = Object.create(prototype) as object;
  for (const [key, held] of entries)
    Object.defineProperty(record, key, { value: unpack(held), enumerable: true, writable: true, configurable: true });
  return record;
}

function marked(kind: string, value: unknown): unknown {
  return { [mark]: kind, v: value };
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function className(prototype: unknown): string {
  const { constructor } = prototype as { constructor?: { name?: string } };
  return constructor?.name === undefined || constructor.name === "" ? "an unnamed class" : constructor.name;
}

function unserializable(path: string, found: string): TierwiseError {
  const message = `expected plain data (JSON, undefined, bigint, Date, Map, Set, Uint8Array), found at ${path}: ${found}`;
  return new TierwiseError("UNSERIALIZABLE", message, { details: { path } });
}
