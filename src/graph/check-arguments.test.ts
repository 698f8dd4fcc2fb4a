import { describe, expect, it } from "vitest";
import * as z from "zod";
import { jsonProblems, undeclaredMembers } from "./check-arguments.ts";
import type { JsonSchema } from "./schema.ts";

const canary = "CANARY-4711";
const input = (schema: z.ZodType): JsonSchema => schema.toJSONSchema({ io: "input" });

describe("members that a schema does not declare", () => {
  const inner = z.object({ a: z.number() });
  it.each<[string, JsonSchema, unknown, readonly string[]]>([
    ["none", input(inner), { a: 1 }, []],
    ["one", input(inner), { a: 1, [canary]: 1 }, ["the value has an unknown member"]],
    ["two", input(inner), { b: 1, c: 2 }, ["the value has unknown members"]],
    ["inside", input(z.object({ in: inner })), { in: { b: 1 } }, ['"in" has an unknown member']],
    ["in a list", input(z.object({ in: z.array(inner) })), { in: [{}, { b: 1 }] }, ['"in.1" has an unknown member']],
    ["in a tuple", input(z.tuple([inner])), [{ b: 1 }], ['"0" has an unknown member']],
    ["in a dictionary", input(z.record(z.string(), inner)), { [canary]: { b: 1 } }, ['"*" has an unknown member']],
    ["in a strict object", input(z.strictObject({})), { a: 1 }, ["the value has an unknown member"]],
    ["in an open object", input(z.looseObject({})), { a: 1 }, []],
    ["in a dictionary, where every name is declared", input(z.record(z.string(), z.number())), { a: 1 }, []],
    ["where the schema says nothing", { type: "object" }, { a: 1 }, []],
    ["where members are declared elsewhere", { properties: {}, anyOf: [] }, { a: 1 }, []],
    ["called like one of every object", input(inner), { a: 1, toString: 1 }, ["the value has an unknown member"]],
  ])("are found: %s", (...[, schema, value, expected]) => {
    expect(undeclaredMembers(schema, value)).toEqual(expected);
  });

  it.each<[string, JsonSchema, string]>([
    ["an open object", { type: "object" }, '{"__proto__":1}'],
    ["a declared one", { type: "object", properties: JSON.parse('{"__proto__":{}}') as object }, '{"__proto__":1}'],
    ["somewhere inside", { type: "object" }, '{"a":[{"b":{"__proto__":1}}]}'],
  ])("are refused when one is called __proto__, even in %s", (_what, schema, json) => {
    expect(undeclaredMembers(schema, JSON.parse(json))).toHaveLength(1);
  });

  it("do not overflow the stack, however deep the value", () => {
    let value: unknown = { b: 1 };
    for (let level = 0; level < 100_000; level += 1) value = [value];
    expect(undeclaredMembers({}, value)).toEqual([]);
  });
});

describe("a value against a plain JSON Schema", () => {
  const of = (member: JsonSchema): JsonSchema => ({ type: "object", properties: { a: member }, required: ["a"] });
  it.each<[string, JsonSchema, unknown, readonly string[]]>([
    ["a text", { type: "string" }, "x", []],
    ["no text", { type: "string" }, 1, ['"a" is not string']],
    ["an integer", { type: "integer" }, 1, []],
    ["no integer", { type: "integer" }, 1.5, ['"a" is not integer']],
    ["no number", { type: "number" }, Number.NaN, ['"a" is not number']],
    ["null", { type: "null" }, null, []],
    ["no null", { type: ["string", "null"] }, 0, ['"a" is not string or null']],
    ["no object, but a list", { type: "object" }, [], ['"a" is not object']],
    ["no list, but an object", { type: "array" }, {}, ['"a" is not array']],
    ["no boolean", { type: "boolean" }, "true", ['"a" is not boolean']],
    ["one of a choice", { enum: ["x", 1, null] }, null, []],
    ["none of a choice", { enum: ["x", "y"] }, canary, ['"a" is not one of the 2 allowed values']],
    ["not the constant", { const: "x" }, canary, ['"a" is not one of the 1 allowed values']],
    ["a choice of objects, left to the tool", { enum: [{ b: 1 }] }, canary, []],
    ["too low", { minimum: 1 }, 0, ['"a" is below the least number of 1']],
    ["too high", { maximum: 1 }, 2, ['"a" is above the greatest number of 1']],
    ["at an open bound", { exclusiveMinimum: 1 }, 1, ['"a" is below the least number of 1']],
    ["at an open bound above", { exclusiveMaximum: 1 }, 1, ['"a" is above the greatest number of 1']],
    ["too short", { minLength: 2 }, "🎉", ['"a" is below the least string of 2']],
    ["long enough in characters", { maxLength: 1 }, "🎉", []],
    ["too long", { maxLength: 3 }, canary, ['"a" is above the greatest string of 3']],
    ["too few", { minItems: 1 }, [], ['"a" is below the least array of 1']],
    ["too many", { maxItems: 1 }, [1, 2], ['"a" is above the greatest array of 1']],
    ["a wrong item", { type: "array", items: { type: "number" } }, [1, canary], ['"a.1" is not number']],
    [
      "a wrong member of a dictionary",
      { additionalProperties: { type: "number" } },
      { [canary]: canary },
      ['"a.*" is not number'],
    ],
    ["what others check", { pattern: "^a$", anyOf: [], $ref: "#/x", if: {} }, canary, []],
    ["a schema that says yes to everything", true as unknown as JsonSchema, canary, []],
  ])("is told apart without a value in the sentence: %s", (...[, member, value, expected]) => {
    const problems = jsonProblems(of(member), { a: value });
    expect(problems).toEqual(expected);
    expect(problems.join()).not.toContain(canary);
  });

  it("says what is missing, and no more than ten things", () => {
    const required = Array.from({ length: 20 }, (_item, index) => `m${index}`);
    const properties = Object.fromEntries(required.map((name) => [name, {}]));
    const problems = jsonProblems({ type: "object", properties, required }, {});
    expect(problems).toHaveLength(10);
    expect(problems[0]).toBe('"m0" is not given');
  });
});
