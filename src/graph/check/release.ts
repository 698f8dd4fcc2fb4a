/**
 * Structured release (rule R8 without a detector): what a redaction may let out of untrusted data. Only closed choices
 * leave, and only so few of them that no identifier fits through.
 */
import type { JsonSchema } from "../schema.ts";

/**
 * Most bits that one redaction may release from untrusted data. A social security number has 30, a phone number 33, a
 * card number 53; an enum of ten has 3.3, an amount in cents up to 1,000 euros 16.6.
 */
export const maxReleasedBits = 24;

export type Release =
  | { readonly kind: "bits"; readonly bits: number }
  /** `path` is where the schema allows free content, `why` what to write instead. */
  | { readonly kind: "open"; readonly path: string; readonly why: string };

/** Information content of everything the schema admits, in bits (log2 of the number of values). */
export function releasedBits(schema: JsonSchema, path = "output"): Release {
  if ("const" in schema) return { kind: "bits", bits: 0 };
  if (Array.isArray(schema["enum"])) return { kind: "bits", bits: Math.log2(schema["enum"].length) };
  const options = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(options)) return oneOfBits(options as JsonSchema[], path);
  const { type } = schema;
  // zod's short form of a choice between bare types, for example a nullable boolean.
  if (Array.isArray(type))
    return oneOfBits(
      type.map((one: unknown) => ({ type: one })),
      path,
    );
  switch (type) {
    case "boolean":
      return { kind: "bits", bits: 1 };
    case "null":
      return { kind: "bits", bits: 0 };
    case "integer":
      return integerBits(schema, path);
    case "object":
      return objectBits(schema, path);
    case "number":
      return {
        kind: "open",
        path,
        why: "a fractional number has 52 bits whatever its range; release z.int() with min and max",
      };
    case "string":
      return { kind: "open", path, why: "free text needs a detector; release an enum, a boolean or a bounded integer" };
    default:
      return { kind: "open", path, why: "release objects of enums, booleans and bounded integers only" };
  }
}

function integerBits(schema: JsonSchema, path: string): Release {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema as Readonly<
    Record<string, number | undefined>
  >;
  const least = Math.max(Math.ceil(minimum ?? -Infinity), Math.floor(exclusiveMinimum ?? -Infinity) + 1);
  const most = Math.min(Math.floor(maximum ?? Infinity), Math.ceil(exclusiveMaximum ?? Infinity) - 1);
  // zod writes the safe-integer range for an integer without bounds of its own.
  if (!(most - least < Number.MAX_SAFE_INTEGER)) return { kind: "open", path, why: "an integer needs min and max" };
  return { kind: "bits", bits: Math.log2(Math.max(1, most - least + 1)) };
}

function objectBits(schema: JsonSchema, path: string): Release {
  const { properties, required, additionalProperties } = schema as {
    properties?: Record<string, JsonSchema>;
    required?: readonly string[];
    additionalProperties?: unknown;
  };
  if (additionalProperties !== false)
    return { kind: "open", path, why: "the object must not admit members that it does not declare" };
  let bits = 0;
  for (const [name, member] of Object.entries(properties ?? {})) {
    const inner = releasedBits(member, `${path}.${name}`);
    if (inner.kind === "open") return inner;
    bits += required?.includes(name) === true ? inner.bits : Math.log2(2 ** inner.bits + 1);
  }
  return { kind: "bits", bits };
}

function oneOfBits(options: readonly JsonSchema[], path: string): Release {
  let values = 0;
  for (const option of options) {
    const inner = releasedBits(option, path);
    if (inner.kind === "open") return inner;
    values += 2 ** inner.bits;
  }
  return { kind: "bits", bits: Math.log2(values) };
}

/** Where the schema admits members or values that it does not declare; `undefined` where nothing undeclared gets through. */
export function openPlace(schema: JsonSchema, path = "output"): string | undefined {
  if (!restricting.some((keyword) => keyword in schema)) return path;
  const { type, additionalProperties, properties = {}, items, prefixItems = [], $defs = {} } = schema as Nested;
  if ([type].flat().includes("object") && additionalProperties !== false) return path;
  const options = [schema["anyOf"], schema["oneOf"], schema["allOf"]].flat().filter((option) => option !== undefined);
  const inner = [
    ...Object.entries(properties).map(([name, member]) => [`${path}.${name}`, member] as const),
    ...[items, ...prefixItems].map((item) => [`${path}[]`, item] as const),
    ...[...options, ...Object.values($defs)].map((option) => [path, option] as const),
  ];
  for (const [place, member] of inner) {
    const found = typeof member === "object" && member !== null ? openPlace(member as JsonSchema, place) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A schema without any of these admits everything. */
const restricting = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "not", "$ref"];

interface Nested {
  readonly type?: unknown;
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
  readonly prefixItems?: readonly unknown[];
  readonly $defs?: Readonly<Record<string, unknown>>;
}
