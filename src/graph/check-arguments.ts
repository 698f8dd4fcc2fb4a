import { describeIssue, type SchemaIssue } from "./schema-issue.ts";
import type { JsonSchema } from "./schema.ts";

/**
 * Places where a value has members that the schema does not declare, as sentences without values. zod drops such members in
 * silence, and a JSON Schema that says nothing admits them; a model that writes one has misread the tool. An object is open
 * only where its schema says so (`additionalProperties`), or where its members are declared elsewhere (`$ref`, `anyOf`, …).
 * A member called `__proto__` is refused everywhere: copied carelessly it is no member but a prototype.
 */
export function undeclaredMembers(schema: JsonSchema, value: unknown): readonly string[] {
  const issues: SchemaIssue[] = [];
  walk(schema, { value, path: [] }, (here, place) => {
    if (!isBag(place.value)) return;
    const declared = propertiesOf(here);
    const isOpen = isOpenObject(here);
    const unknown = Object.keys(place.value).filter(
      (key) => key === "__proto__" || !(isOpen || Object.hasOwn(declared, key)),
    );
    if (unknown.length > 0) issues.push({ code: "unrecognized_keys", path: place.path, keys: unknown });
  });
  return describe(schema, issues);
}

/**
 * What is wrong with a value by the keywords that say most of a tool's arguments: type, enum, const, required, the bounds of
 * numbers, texts and lists, and, by `undeclaredMembers`, additionalProperties. The others (`pattern`, `anyOf`, `$ref`, …)
 * are left to the tool, which holds the schema too.
 */
export function jsonProblems(schema: JsonSchema, value: unknown): readonly string[] {
  const issues: SchemaIssue[] = [];
  walk(schema, { value, path: [] }, (here, place) => issues.push(...issuesOf(here, place)));
  return [...describe(schema, issues), ...undeclaredMembers(schema, value)].slice(0, mostProblems);
}

const mostProblems = 10;
/** Deeper values have been refused by their depth already; this one ends the walk whatever it is given. */
const mostLevels = 100;

interface Place {
  readonly value: unknown;
  readonly path: readonly PropertyKey[];
}

function describe(schema: JsonSchema, issues: readonly SchemaIssue[]): readonly string[] {
  return issues.slice(0, mostProblems).map((issue) => describeIssue(issue, schema));
}

/** Visits a value and what is in it, each with the schema that declares it. */
function walk(schema: unknown, place: Place, visit: (schema: JsonSchema, place: Place) => void): void {
  if (!isBag(schema) || place.path.length > mostLevels) return;
  visit(schema, place);
  const { value, path } = place;
  if (Array.isArray(value))
    for (const [index, item] of value.entries())
      walk(itemSchema(schema, index), { value: item, path: [...path, index] }, visit);
  else if (isBag(value))
    for (const [key, member] of Object.entries(value))
      walk(memberSchema(schema, key), { value: member, path: [...path, key] }, visit);
}

function memberSchema(schema: JsonSchema, key: string): unknown {
  const declared = propertiesOf(schema);
  // What nothing is said about may still hold a `__proto__`.
  return Object.hasOwn(declared, key)
    ? declared[key]
    : isBag(schema["additionalProperties"])
      ? schema["additionalProperties"]
      : {};
}

function itemSchema({ prefixItems, items }: JsonSchema, index: number): unknown {
  const own: unknown = Array.isArray(prefixItems) ? prefixItems[index] : undefined;
  return own ?? (isBag(items) ? items : {});
}

/** Keywords that declare members elsewhere than in `properties`. */
const elsewhere = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if", "unevaluatedProperties"];

function isOpenObject(schema: JsonSchema): boolean {
  const more = schema["additionalProperties"];
  if (more !== undefined) return more !== false;
  return schema["properties"] === undefined || elsewhere.some((keyword) => keyword in schema);
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, unknown>> {
  return isBag(schema["properties"]) ? schema["properties"] : {};
}

function isBag(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function issuesOf(schema: JsonSchema, { value, path }: Place): readonly SchemaIssue[] {
  const { type } = schema;
  const types = (Array.isArray(type) ? type : [type]).filter((one): one is string => typeof one === "string");
  if (types.length > 0 && !types.some((one) => isOfType(value, one)))
    return [{ code: "invalid_type", path, expected: types.join(" or ") }];
  const allowed = Array.isArray(schema["enum"]) ? schema["enum"] : "const" in schema ? [schema["const"]] : undefined;
  // Structured values in an enum are left to the tool.
  if (allowed?.every((one) => typeof one !== "object" || one === null) === true && !allowed.includes(value))
    return [{ code: "invalid_value", path, values: allowed }];
  return [...missingMembers(schema, value, path), ...outOfBounds(schema, value, path)];
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isBag(value);
    default:
      return typeof value === type;
  }
}

function missingMembers({ required }: JsonSchema, value: unknown, path: readonly PropertyKey[]): SchemaIssue[] {
  if (!isBag(value) || !Array.isArray(required)) return [];
  const missing = (required as unknown[]).filter((key) => typeof key === "string" && !Object.hasOwn(value, key));
  return missing.map((key) => ({ code: "invalid_type", path: [...path, key as string], expected: "given" }));
}

/** By what is measured: the keywords that bound it from below and from above. */
const bounds = {
  number: ["minimum", "maximum"],
  string: ["minLength", "maxLength"],
  array: ["minItems", "maxItems"],
} as const;

function outOfBounds(schema: JsonSchema, value: unknown, path: readonly PropertyKey[]): SchemaIssue[] {
  const origin = Array.isArray(value) ? "array" : typeof value;
  if (origin !== "array" && origin !== "string" && origin !== "number") return [];
  const [least, most] = bounds[origin];
  const { [least]: minimum, [most]: maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const size = sizeOf(value as string | number | readonly unknown[]);
  const issues: SchemaIssue[] = [];
  if (typeof minimum === "number" && size < minimum) issues.push({ code: "too_small", path, origin, minimum });
  if (typeof maximum === "number" && size > maximum) issues.push({ code: "too_big", path, origin, maximum });
  if (origin !== "number") return issues;
  if (typeof exclusiveMinimum === "number" && size <= exclusiveMinimum)
    issues.push({ code: "too_small", path, origin, minimum: exclusiveMinimum });
  if (typeof exclusiveMaximum === "number" && size >= exclusiveMaximum)
    issues.push({ code: "too_big", path, origin, maximum: exclusiveMaximum });
  return issues;
}

function sizeOf(value: string | number | readonly unknown[]): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return value.length;
  // JSON Schema counts characters, not UTF-16 units: each pair of surrogates is one.
  let pairs = 0;
  for (let index = 0; index < value.length; index += 1) if (value.codePointAt(index)! > 0xffff) pairs += 1;
  return value.length - pairs;
}
