import type { JsonSchema, Schema } from "../graph/schema.ts";

/**
 * The JSON Schema that a model is sent. OpenAI-compatible servers want an object at the root, so anything else travels as
 * `{ "value": … }`.
 */
export function answerSchema(schema: Schema): JsonSchema {
  if (isObject(schema)) return schema.json;
  const { $defs, ...value } = schema.json;
  const root = { type: "object", properties: { value }, required: ["value"], additionalProperties: false };
  return $defs === undefined ? root : { ...root, $defs };
}

/** The answer out of its wrapping. */
export function unwrap(schema: Schema, answer: unknown): unknown {
  if (isObject(schema)) return answer;
  return typeof answer === "object" && answer !== null && "value" in answer ? answer.value : answer;
}

function isObject(schema: Schema): boolean {
  return schema.json["type"] === "object";
}
