import type { JsonSchema } from "../graph/schema.ts";
import type { SchemaOf } from "../graph/types/values.ts";

/**
 * Schema of an answer that a template itself asks for. Importing Tierwise must not load zod, so a template brings the three
 * members that a graph reads of a schema; where the author chooses the shape, the author brings zod.
 * @param read the value as the step's readers get it; `undefined` when it does not fit
 */
export function plainSchema<T extends object>(json: JsonSchema, read: (value: unknown) => T | undefined): SchemaOf<T> {
  const schema = {
    _zod: {},
    toJSONSchema: () => json,
    safeParse(value: unknown) {
      const data = read(value);
      return data === undefined ? { success: false, error: { issues: [{}] } } : { success: true, data };
    },
  };
  // The type of the output is a phantom: nothing reads it at run time.
  return schema as unknown as SchemaOf<T>;
}

/** An object of these members, all of them required and no others, as servers with strict schemas want it. */
export function objectJson(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

/** The members of an object; of anything else there are none. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
