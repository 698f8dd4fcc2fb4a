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
  if (Array.isArray(schema["anyOf"])) return oneOfBits(schema["anyOf"] as JsonSchema[], path);
  switch (schema["type"]) {
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

function integerBits({ minimum, maximum }: JsonSchema, path: string): Release {
  // zod writes the safe-integer range for an integer without bounds of its own.
  if (typeof minimum !== "number" || typeof maximum !== "number" || maximum - minimum >= Number.MAX_SAFE_INTEGER) {
    return { kind: "open", path, why: "an integer needs min and max" };
  }
  return { kind: "bits", bits: Math.log2(maximum - minimum + 1) };
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
