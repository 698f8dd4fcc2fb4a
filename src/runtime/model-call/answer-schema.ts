import type { JsonSchema, Schema } from "../../graph/schema.ts";

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

/** What is there so far of an answer, out of its wrapping; `undefined` where that is not to be seen yet. */
export function partialAnswer(schema: Schema, found: unknown): unknown {
  // Half a word of prose may read as `true` or `null`; an answer is an object, as its schema was sent.
  if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
  if (isObject(schema)) return found;
  return Object.hasOwn(found, "value") ? (found as { readonly value: unknown }).value : undefined;
}

function isObject(schema: Schema): boolean {
  return schema.json["type"] === "object";
}
