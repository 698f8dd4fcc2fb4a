/**
 * The user's schema, seen through the three things Tierwise needs of it: JSON Schema, parsing, and mistakes without
 * values. zod is never imported here: the schema brings its own methods.
 */
import { show } from "../common/names.ts";
import { describeIssue, type SchemaIssue } from "./schema-issue.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export type Parsed =
  | { readonly ok: true; readonly value: unknown }
  /** One sentence per problem; it names places and expectations, never values. */
  | { readonly ok: false; readonly problems: readonly string[] };

export interface Schema {
  readonly json: JsonSchema;
  /** True for a free string: the model answers in plain text instead of JSON. */
  readonly isText: boolean;
  parse(value: unknown): Parsed;
}

interface ZodLike {
  safeParse(value: unknown): { success: boolean; data?: unknown; error?: { issues: readonly SchemaIssue[] } };
  toJSONSchema(options: { io: "input" | "output"; unrepresentable?: "any" }): JsonSchema;
}

/** What the schema is for: a graph's input may hold anything, a model's output must be writable as JSON. */
export type SchemaUse = "input" | "output";

/** @returns the schema, or the sentence that says why it cannot be used. */
export function openSchema(schema: unknown, use: SchemaUse): Schema | string {
  if (!isZodLike(schema)) {
    return `expected a schema of zod 4 (its full form, "zod", has toJSONSchema; "zod/mini" has not), found ${show(schema)}`;
  }
  const json = toJson(schema, use);
  if (typeof json === "string") return json;
  return Object.freeze({
    json,
    isText: json["type"] === "string" && !("enum" in json) && !("const" in json),
    parse: (value: unknown) => parseWith(schema, json, value),
  });
}

function isZodLike(schema: unknown): schema is ZodLike {
  if (typeof schema !== "object" || schema === null) return false;
  const { safeParse, toJSONSchema } = schema as Partial<Record<keyof ZodLike, unknown>>;
  return typeof safeParse === "function" && typeof toJSONSchema === "function" && "_zod" in schema;
}

function toJson(schema: ZodLike, use: SchemaUse): JsonSchema | string {
  try {
    if (use === "input") return withoutDialect(schema.toJSONSchema({ io: "input", unrepresentable: "any" }));
    return withoutDialect(schema.toJSONSchema({ io: "output" }));
  } catch {
    return "cannot be written as JSON Schema; a model's answer needs plain JSON types (no dates, maps, transforms or bigints)";
  }
}

function withoutDialect(json: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(json).filter(([key]) => key !== "$schema"));
}

function parseWith(schema: ZodLike, json: JsonSchema, value: unknown): Parsed {
  try {
    const result = schema.safeParse(value);
    if (result.success) return { ok: true, value: result.data };
    return {
      ok: false,
      problems: (result.error?.issues ?? []).slice(0, 10).map((issue) => describeIssue(issue, json)),
    };
  } catch {
    // An asynchronous check, or a user's check that threw: its message may hold the value, so it is not passed on.
    return { ok: false, problems: ["the schema threw; asynchronous checks are not supported here"] };
  }
}
