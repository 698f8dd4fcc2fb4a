import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyRuns } from "../../test/support/property-runs.ts";
import {
  BudgetExceededError,
  DeadlineExceededError,
  DefinitionError,
  FlowViolationError,
  InputError,
  NoEligibleEndpointError,
  ProviderError,
  RunCancelledError,
  StepFailedError,
  TierwiseError,
} from "../errors.ts";
import { decode, encode } from "./codec.ts";

const canary = "CANARY-4711";
const roomy = { maxBytes: 1024 * 1024 };
const back = (value: unknown): unknown => decode(encode(value, roomy));

/** What went wrong, as the caller hears it. */
function refusal(value: unknown, options = roomy): TierwiseError {
  try {
    encode(value, options);
  } catch (error) {
    return error as TierwiseError;
  }
  throw new Error("it was encoded");
}

const aKey = fc.oneof(fc.string(), fc.constantFrom("$", "v", "__proto__", "constructor", "toJSON", "then", ""));
const aText = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\ud800", "\udc00x", "\u0000", "\u2028"));
const aNumber = fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 2 ** 53));

/** Defines members, so that `__proto__` is one. */
function recordOf(entries: readonly (readonly [string, unknown])[], prototype: object | null): object {
  const record = Object.create(prototype) as object;
  for (const [key, value] of entries)
    Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true });
  return record;
}

const aValue = fc.letrec((tie) => {
  const entries = fc.array(fc.tuple(aKey, tie("any")), { maxLength: 4 });
  return {
    any: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      fc.oneof(aText, aNumber, fc.boolean(), fc.bigInt(), fc.constantFrom(null, undefined)),
      fc.date({ noInvalidDate: false }),
      fc.uint8Array({ maxLength: 20 }),
      fc.array(tie("any"), { maxLength: 4 }),
      entries.map((found) => recordOf(found, Object.prototype)),
      entries.map((found) => recordOf(found, null)),
      fc.array(fc.tuple(tie("any"), tie("any")), { maxLength: 3 }).map((found) => new Map(found)),
      fc.array(tie("any"), { maxLength: 3 }).map((found) => new Set(found)),
    ),
  };
}).any;

describe("what is encoded", () => {
  it("comes back equal, whatever plain data it is", () => {
    fc.assert(
      fc.property(aValue, (value) => isDeepStrictEqual(back(value), value)),
      propertyRuns,
    );
  });

  it("is the same text when it is encoded again after it came back", () => {
    fc.assert(
      fc.property(aValue, (value) => encode(back(value), roomy) === encode(value, roomy)),
      propertyRuns,
    );
  });

  const kept: readonly [string, unknown][] = [
    ["undefined members", { a: undefined, b: [undefined] }],
    ["bigints", [0n, -(2n ** 80n)]],
    ["-0, NaN and infinities", [-0, Number.NaN, Infinity, -Infinity, { n: -0 }]],
    ["dates, also invalid ones", [new Date(0), new Date(Number.NaN)]],
    [
      "maps with any keys, in order",
      new Map<unknown, unknown>([
        [{ a: 1 }, -0],
        [new Date(5), new Map([[1n, undefined]])],
        ["b", 1],
        ["a", 2],
      ]),
    ],
    ["sets", new Set([1, "1", 1n, new Set([undefined])])],
    ["bytes", [new Uint8Array([0, 255, 10]), new Uint8Array()]],
    [
      "members that look like the marks",
      [{ $: "date", v: 0 }, { $: undefined }, { $: { $: "bytes", v: "" } }, { v: 1 }],
    ],
    [
      "a member called __proto__",
      recordOf(
        [
          ["__proto__", { polluted: true }],
          ["a", 1],
        ],
        Object.prototype,
      ),
    ],
    [
      "null prototypes",
      recordOf(
        [
          ["constructor", 1],
          ["$", 2],
        ],
        null,
      ),
    ],
    ["a member called constructor or toJSON", { constructor: Uint8Array.name, toJSON: "text" }],
    ["lone surrogates and control characters", ["\ud800", "a\udfffb", "\u0000\u2028\ufeff"]],
    ["what a member computes", { get a() { return 1; } }], // prettier-ignore
    ["an empty list and an empty record", [[], {}, ""]],
    ["one thing in two places", (({ shared }) => [shared, shared])({ shared: { a: 1 } })],
  ];
  it.each(kept)("keeps %s", (_what, value) => {
    expect(isDeepStrictEqual(back(value), value)).toBe(true);
  });

  it("pollutes no prototype when it is read", () => {
    back(recordOf([["__proto__", { polluted: true }]], Object.prototype));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

/** What callers read of an error, with its causes. */
function shown(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause } = error;
  const members = Object.fromEntries(Object.entries(error));
  return { class: error.constructor, name, message, members, cause: shown(cause) };
}

describe("an error that is encoded", () => {
  const options = { details: { step: "a", limit: 1.5, isFinal: true, names: ["x", "y"], missing: undefined } };
  const simple = [
    NoEligibleEndpointError,
    FlowViolationError,
    BudgetExceededError,
    RunCancelledError,
    DeadlineExceededError,
    StepFailedError,
    InputError,
    TierwiseError,
  ].map((Kind) => new Kind("STEP_FAILED", "what, which, what to do", { ...options, cause: new Error("why") }));
  const problems = [{ code: "GRAPH_INVALID", path: "steps.a", message: "two\nlines" }] as const;
  const facts = { retryable: true, errorType: "503", status: 503, retryAfterMs: 1_500 };
  const all: readonly Error[] = [
    ...simple,
    new DefinitionError('graph "g"', problems),
    new DefinitionError("createRuntime", problems, "RUNTIME_INVALID"),
    new ProviderError("down", { ...facts, code: "BACKPRESSURE", cause: new TypeError("fetch failed") }),
    new ProviderError("never mind", { retryable: false, errorType: "timeout" }),
    new TypeError("of the platform"),
    new Error("with a text", { cause: "a text" }),
    new RunCancelledError("RUN_CANCELLED", "m", {
      details: { by: "shutdown" },
      cause: new StepFailedError("STEP_FAILED", "n", { cause: new ProviderError("o", facts) }),
    }),
  ];

  it.each(all.map((error) => [error.constructor.name, error] as const))("keeps its kind: %s", (_name, error) => {
    const found = back({ error }) as { error: Error };
    const expected = error instanceof TierwiseError ? error.constructor : Error;
    expect(found.error.constructor).toBe(expected);
    const own = shown(found.error) as object;
    const sent = shown(error) as { cause: { class?: unknown } | undefined };
    expect({ ...own, class: 0, cause: 0 }).toEqual({ ...sent, class: 0, cause: 0 });
    expect((found.error.cause as Error | undefined)?.toString()).toBe((error.cause as Error | undefined)?.toString());
    if (TierwiseError.isInstance(error.cause)) expect(shown(found.error.cause)).toEqual(shown(error.cause));
    expect(Object.hasOwn(found.error, "cause")).toBe(Object.hasOwn(error, "cause"));
  });

  it("keeps what callers ask it, and its details frozen", () => {
    const spent = new BudgetExceededError("BUDGET_EXCEEDED", "m", {
      details: { step: "s", scope: "shared", dimension: "tokens", limit: 7, account: "acme", retryAfterMs: 9 },
    });
    const found = back(spent) as BudgetExceededError;
    expect([found.step, found.scope, found.dimension, found.limit]).toEqual(["s", "shared", "tokens", 7]);
    expect([found.account, found.retryAfterMs]).toEqual(["acme", 9]);
    expect(Object.isFrozen(found.details)).toBe(true);
    expect(TierwiseError.isInstance(found)).toBe(true);
  });

  it("ends causes that go on for ever, and drops causes that are no text", () => {
    const loop = new Error("around");
    loop.cause = loop;
    let depth = 0;
    for (let error = back(loop) as Error | undefined; error !== undefined; error = error.cause as Error | undefined)
      depth += 1;
    expect(depth).toBe(5);
    expect((back(new Error("m", { cause: { secret: canary } })) as Error).cause).toBeUndefined();
    expect(encode(Object.assign(new Error("m"), { secret: canary }), roomy)).not.toContain(canary);
  });

  it("survives one whose members are of the wrong kind", () => {
    const odd = Object.assign(new Error("m"), { name: 7, message: { secret: canary } });
    expect(String(back(odd))).toBe("Error");
    expect(encode(odd, roomy)).not.toContain(canary);
  });
});

class Own {
  readonly secret = canary;
}

function nested(levels: number): unknown {
  let value: unknown = canary;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

function doubled(levels: number): unknown {
  let value: unknown = [1];
  for (let level = 0; level < levels; level += 1) value = [value, value];
  return value;
}

describe("what cannot be kept", () => {
  const cycle: Record<string, unknown> = { a: { b: [canary] } };
  (cycle["a"] as Record<string, unknown>)["back"] = cycle;
  const own = new Map<unknown, unknown>();
  own.set("self", own);
  const refused: readonly [string, unknown, string, string][] = [
    ["a cycle", cycle, "$.a.back", "a reference to what holds it"],
    ["a map in itself", own, "$.values[0]", "a reference to what holds it"],
    ["a function", { a: [() => canary] }, "$.a[0]", "a function"],
    ["a symbol", { a: Symbol(canary) }, "$.a", "a symbol"],
    ["a member named by a symbol", { a: { [Symbol(canary)]: 1 } }, "$.a", "a member named by a symbol"],
    ["an instance", { list: [0, new Own()] }, "$.list[1]", "an instance of Own; hand over plain data"],
    ["a Buffer", { b: Buffer.from(canary) }, "$.b", "an instance of Buffer; hand over plain data"],
    ["other numbers than bytes", new Float32Array(2), "$", "an instance of Float32Array; hand over plain data"],
    ["a list with a hole", { a: [1, , canary] }, "$.a", "a list with holes or members"], // eslint-disable-line no-sparse-arrays
    ["a list with a member", Object.assign([1], { extra: canary }), "$", "a list with holes or members"],
    ["a hole made up for by a member", Object.assign([, 1], { x: 1 }), "$", "a list with holes or members"], // eslint-disable-line no-sparse-arrays
    ["a list of another class", new (class List extends Array {})(), "$", "a list of a class of its own"],
    ["a map of another class", [new (class Bag extends Map {})()], "$[0]", "an instance of Bag; hand over plain data"],
    ["a date with members", Object.assign(new Date(), { canary }), "$", "a Date, Map or Set with members of its own"],
    ["bytes with members", Object.assign(new Uint8Array(2), { canary }), "$", "bytes with members of their own"],
    ["a hidden member", Object.defineProperty({}, "a", { value: canary }), "$.a", "a member that is hidden"],
    ["a member that throws", { get a(): never { throw new Error(canary); } }, "$.a", "a member that throws when it is read"], // prettier-ignore
    ["what only looks like bytes", { constructor: Uint8Array, length: 1 }, "$.constructor", "a function"],
    ["a boxed text", Object(canary), "$", "an instance of String; hand over plain data"],
    ["a promise", { p: Promise.resolve(canary) }, "$.p", "an instance of Promise; hand over plain data"],
    [
      "an unnamed class",
      Object.create(Object.create(null) as object),
      "$",
      "an instance of an unnamed class; hand over plain data",
    ],
    ["the key of a map", new Map([[{ f: () => 0 }, 1]]), "$.keys[0].f", "a function"],
    ["the member of a set", new Set([0, Symbol()]), "$.values[1]", "a symbol"],
  ];
  it.each(refused)("is refused by its path: %s", (...[, value, path, found]) => {
    const { code, message, details } = refusal(value);
    expect(code).toBe("UNSERIALIZABLE");
    expect(details).toEqual({ path });
    expect(message).toBe(
      `expected plain data (JSON, undefined, bigint, Date, Map, Set, Uint8Array), found at ${path}: ${found}`,
    );
    expect(message).not.toContain(canary);
  });

  it("is refused when it is too deep, and kept just above that", () => {
    expect(back(nested(256))).toEqual(nested(256));
    const { code, message } = refusal(nested(257));
    expect([code, message.includes("more than 256 levels"), message.includes(canary)]).toEqual([
      ...["UNSERIALIZABLE", true],
      false,
    ]);
    expect(refusal(nested(100_000)).code).toBe("UNSERIALIZABLE");
  });

  it("is refused when its text is longer than a row, to the byte, counted in UTF-8", () => {
    const text = "ä€𐍈".repeat(10);
    const maxBytes = Buffer.byteLength(JSON.stringify(text));
    expect(decode(encode(text, { maxBytes }))).toBe(text);
    const { code, message } = refusal(text, { maxBytes: maxBytes - 1 });
    expect(code).toBe("UNSERIALIZABLE");
    expect(message).toContain(`${maxBytes} bytes as text, and ${maxBytes - 1} may be stored`);
    expect(message).not.toContain("ä");
  });

  it("is refused before it fills the memory, when it holds one thing very many times", () => {
    expect(refusal(doubled(60), { maxBytes: 10_000 }).message).toContain("more than the 10000 bytes of one row");
    expect(refusal([canary.repeat(200_000)]).message).not.toContain(canary);
  });
});

describe("what was stored", () => {
  it("is refused when it holds a kind of value that this version does not know", () => {
    expect(() => decode('{"$":"regexp","v":"a"}')).toThrow(
      expect.objectContaining({ code: "CHECKPOINT_INVALID", message: expect.stringContaining('"regexp"') as string }),
    );
  });
});
