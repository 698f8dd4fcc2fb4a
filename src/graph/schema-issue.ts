import type { JsonSchema } from "./schema.ts";

/** The members of a zod 4 issue that describe the schema; `message` and `input` may hold values and are not read. */
export interface SchemaIssue {
  readonly code?: string;
  readonly path?: readonly PropertyKey[];
  readonly expected?: string;
  readonly origin?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly format?: string;
  readonly values?: readonly unknown[];
  readonly keys?: readonly string[];
}

/** One issue as a sentence that is safe in any log. */
export function describeIssue(issue: SchemaIssue, schema: JsonSchema): string {
  const place = safePath(issue.path ?? [], schema);
  return `${place === "" ? "the value" : `"${place}"`} ${expectation(issue)}`;
}

function expectation(issue: SchemaIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `is not ${issue.expected ?? "of the expected type"}`;
    case "too_small":
      return `is below the least ${issue.origin ?? "size"} of ${String(issue.minimum)}`;
    case "too_big":
      return `is above the greatest ${issue.origin ?? "size"} of ${String(issue.maximum)}`;
    case "invalid_format":
      return `is not in the format ${issue.format ?? "asked for"}`;
    case "invalid_value":
      return `is not one of the ${issue.values?.length ?? 0} allowed values`;
    case "unrecognized_keys":
      return `has ${issue.keys?.length === 1 ? "an unknown member" : "unknown members"}`;
    case "invalid_union":
      return "matches none of the allowed shapes";
    default:
      return "fails a check of the schema";
  }
}

/** Names that the schema declares and positions in a list are printed; keys of records and maps are data and become `*`. */
function safePath(path: readonly PropertyKey[], schema: JsonSchema): string {
  let here: unknown = schema;
  const parts: string[] = [];
  for (const key of path) {
    const { type, properties, items } = (here ?? {}) as {
      type?: unknown;
      properties?: Record<string, unknown>;
      items?: unknown;
    };
    if (typeof key === "number") {
      parts.push(type === "array" ? String(key) : "*");
      here = items;
    } else {
      const declared = typeof key === "string" && properties !== undefined && Object.hasOwn(properties, key);
      parts.push(declared ? key : "*");
      here = declared ? properties[key] : undefined;
    }
  }
  return parts.join(".");
}
