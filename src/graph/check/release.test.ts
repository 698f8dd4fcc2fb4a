import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { openSchema, type JsonSchema } from "../schema.ts";
import { maxReleasedBits, openPlace, releasedBits } from "./release.ts";

/** As a step sees it: the output side of a zod schema. */
function json(schema: z.ZodType): JsonSchema {
  const opened = openSchema(schema, "output");
  if (typeof opened === "string") throw new Error(opened);
  return opened.json;
}

const digit = z.int().min(0).max(9);

describe("releasedBits", () => {
  it.each<[string, z.ZodType, number]>([
    ["a constant", z.literal("ok"), 0],
    ["null", z.null(), 0],
    ["a boolean", z.boolean(), 1],
    ["an enum of four", z.enum(["a", "b", "c", "d"]), 2],
    ["a literal of two", z.literal(["a", "b"]), 1],
    ["an integer of 0 to 15", z.int().min(0).max(15), 4],
    ["an integer of one value", z.int().min(7).max(7), 0],
    ["an integer below zero", z.int().min(-8).max(7), 4],
    ["an integer with open ends", z.int().gt(0).lt(9), 3],
    ["an integer with ends between integers", z.int().gt(0.5).lt(4.5), 2],
    ["a signed 32-bit integer", z.int32(), 32],
    ["an optional boolean", z.object({ a: z.boolean().optional() }), Math.log2(3)],
    ["a nullable boolean", z.boolean().nullable(), Math.log2(3)],
    ["two fields", z.object({ a: z.boolean(), b: z.enum(["x", "y"]) }), 2],
    ["nested fields", z.object({ a: z.object({ b: z.boolean(), c: z.boolean() }), d: z.boolean() }), 3],
    ["nothing", z.object({}), 0],
    ["a choice of shapes", z.union([z.boolean(), z.enum(["a", "b"])]), 2],
    [
      "a choice of tagged shapes",
      z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("a"), ok: z.boolean() }),
        z.object({ kind: z.literal("b"), ok: z.boolean() }),
      ]),
      2,
    ],
  ])("counts %s", (_name, schema, bits) => {
    const release = releasedBits(json(schema));
    expect(release.kind).toBe("bits");
    expect(release.kind === "bits" && release.bits).toBeCloseTo(bits, 9);
  });

  it.each<[string, z.ZodType, string, string]>([
    ["text", z.string(), "output", "free text"],
    ["text of a format", z.email(), "output", "free text"],
    ["text of one letter", z.string().max(1), "output", "free text"],
    ["text of a pattern", z.string().regex(/^[ab]$/), "output", "free text"],
    ["a fraction", z.number().min(0).max(1), "output", "fractional number"],
    ["a fraction in steps", z.number().min(0).max(10).multipleOf(5), "output", "fractional number"],
    ["an integer without ends", z.int(), "output", "needs min and max"],
    ["an integer without an upper end", z.int().min(0), "output", "needs min and max"],
    ["an integer without a lower end", z.int().max(9), "output", "needs min and max"],
    ["a list", z.array(z.boolean()).max(2), "output", "release objects of"],
    ["a tuple", z.tuple([z.boolean()]), "output", "release objects of"],
    ["anything", z.unknown(), "output", "release objects of"],
    ["an open object", z.looseObject({}), "output", "must not admit members"],
    ["a record", z.record(z.enum(["a"]), z.boolean()), "output", "must not admit members"],
    ["text deep inside", z.object({ a: z.object({ b: z.string() }) }), "output.a.b", "free text"],
    ["text in one of several shapes", z.union([z.boolean(), z.string()]), "output", "free text"],
    ["optional text", z.object({ a: z.string().optional() }), "output.a", "free text"],
  ])("finds %s open", (...[, schema, path, why]) => {
    expect(releasedBits(json(schema))).toEqual({ kind: "open", path, why: expect.stringContaining(why) });
  });

  it("adds up: splitting a value over fields releases as much as the value", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 }), (count) => {
        const fields = Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index}`, digit]));
        const split = releasedBits(json(z.object(fields)));
        const whole = releasedBits(
          json(
            z
              .int()
              .min(0)
              .max(10 ** count - 1),
          ),
        );
        expect(split.kind === "bits" && whole.kind === "bits" && split.bits - whole.bits).toBeCloseTo(0, 6);
      }),
    );
  });

  it("counts what can be told apart: never less than the values that the schema lets through", () => {
    const range = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 40 }));
    fc.assert(
      fc.property(range, fc.boolean(), fc.boolean(), ([least, width], exclusive, nullable) => {
        const most = least + width;
        const bounded = exclusive
          ? z
              .int()
              .gt(least - 1)
              .lt(most + 1)
          : z.int().min(least).max(most);
        const schema = nullable ? bounded.nullable() : bounded;
        const admitted = Array.from({ length: 240 }, (_, index) => index - 120).filter(
          (n) => schema.safeParse(n).success,
        );
        const release = releasedBits(json(schema));
        expect(release.kind === "bits" && 2 ** release.bits + 1e-6).toBeGreaterThanOrEqual(
          admitted.length + (nullable ? 1 : 0),
        );
      }),
    );
  });

  it("allows less than any of the identifiers that must not fit", () => {
    expect(maxReleasedBits).toBeLessThan(Math.log2(10 ** 9)); // social security number: nine digits
    expect(maxReleasedBits).toBeGreaterThan(Math.log2(100_000)); // an amount up to 1,000 euros, in cents
  });
});

describe("openPlace", () => {
  it.each<[string, z.ZodType]>([
    ["a closed object", z.object({ a: z.string(), b: z.array(z.object({ c: z.number() })) })],
    ["a strict object", z.strictObject({ a: z.string() })],
    ["a choice of closed objects", z.union([z.object({ a: z.string() }), z.null()])],
    ["a tuple", z.tuple([z.string(), z.object({ a: z.boolean() })])],
    ["text", z.string()],
    ["never", z.never()],
  ])("finds none in %s", (_name, schema) => {
    expect(openPlace(json(schema))).toBeUndefined();
  });

  it("follows definitions that a schema refers to", () => {
    const node = { type: "object", properties: { next: { $ref: "#/$defs/node" } } };
    const closed = { ...node, additionalProperties: false };
    const root = { type: "object", properties: { first: { $ref: "#/$defs/node" } }, additionalProperties: false };
    expect(openPlace({ ...root, $defs: { node } })).toBe("output");
    expect(openPlace({ ...root, $defs: { node: closed } })).toBeUndefined();
  });
});
