import { describe, expect, it } from "vitest";
import { boundedText, type TextBounds } from "./bounded-text.ts";

const wide: TextBounds = { keepBytes: 65_536, readBytes: 1 << 20 };

/** The text, or why there is none. */
function written(value: unknown, bounds: TextBounds = wide): string {
  const result = boundedText(value, bounds);
  return result.ok ? result.text : `refused: ${result.why}`;
}

const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
};

class Point {
  readonly x = 1;
  get secret(): string {
    return "a getter of the class is no member";
  }
}

describe("a value as text", () => {
  it.each<[string, unknown]>([
    ["texts with quotes and control characters", { a: 'say "hi"\n\u0001\\', ключ: "é🎉" }],
    ["numbers", [0, -1.5, 1e21, 1e-7]],
    ["nothing in a list", [undefined, null, true]],
    ["nothing as a member", { a: undefined, b: 1, c: undefined }],
    ["empty ones", [{}, [], "", { a: {} }]],
    ["a date", { at: new Date(0) }],
    ["a date that is none", new Date(Number.NaN)],
    ["boxed values", [new String("a"), new Number(1), new Boolean(false)]],
    ["an instance of a class", new Point()],
    ["no prototype", Object.assign(Object.create(null) as object, { a: 1 })],
    ["a member called __proto__", JSON.parse('{"__proto__":{"a":1}}')],
    ["a lone surrogate inside", { a: "x\ud800y" }],
    ["a toJSON", { toJSON: () => ({ a: [1] }) }],
    ["the same value twice", [new Point(), [1], [1]]],
    ["a text longer than a piece, with pairs at every seam", { a: `x${"🎉".repeat(70_000)}` }],
  ])("is what JSON writes: %s", (_what, value) => {
    const json = JSON.stringify(value);
    expect(written(value, { ...wide, keepBytes: 1 << 20 })).toBe(json);
    expect(boundedText(value, wide)).toMatchObject({ ok: true, totalBytes: Buffer.byteLength(json) });
  });

  it.each<[string, unknown, string]>([
    ["a text, as it is", 'say "hi"', 'say "hi"'],
    ["nothing", undefined, ""],
    ["a bigint", { id: 12345678901234567890n }, '{"id":12345678901234567890}'],
    ["numbers that JSON has not", [Number.NaN, -Infinity], "[NaN,-Infinity]"],
    ["a lone surrogate, as an escape", "x\udc00", '"x\\udc00"'],
    ["a shared value, which is no cycle", (() => ((one) => [one, one])({ a: 1 }))(), '[{"a":1},{"a":1}]'],
  ])("loses nothing where JSON does or fails: %s", (_what, value, expected) => {
    expect(written(value)).toBe(expected);
  });

  const cycle: Record<string, unknown> = {};
  cycle["a"] = [cycle];
  const endless = (): object => ({ toJSON: endless });
  it.each<[string, unknown, string]>([
    ["a cycle", cycle, "holds a cycle"],
    ["a function", { a: () => 1 }, "holds a function"],
    ["a symbol", Symbol("secret"), "holds a symbol"],
    ["a buffer", Buffer.from("x"), "holds binary data"],
    ["an array buffer inside", { a: [new ArrayBuffer(1)] }, "holds binary data"],
    ["floats", new Float64Array(1), "holds binary data"],
    ["a map", new Map([["a", 1]]), "holds a map"],
    ["a set", new Set([1]), "holds a set"],
    ["a promise", { a: Promise.resolve(1) }, "holds a promise"],
    ["an error, whose message is no member", { a: new Error("secret") }, "holds an error"],
    ["a pattern", /secret/, "holds a regular expression"],
    ["65 levels", nested(65), "is nested more than 64 levels deep"],
    ["a million levels", nested(1_000_000), "is nested more than 64 levels deep"],
    ["an integer of a million bits", 1n << 1_000_000n, "holds an integer that is too long"],
    [
      "a getter that throws",
      {
        get a(): string {
          throw new Error("secret");
        },
      },
      "could not be read",
    ],
    ["a proxy that throws", new Proxy({}, { ownKeys: () => JSON.parse("secret") as [] }), "could not be read"],
    ["a revoked proxy", revoked(), "could not be read"],
  ])("is refused with a reason that names no value: %s", (_what, value, why) => {
    expect(written(value)).toBe(`refused: ${why}`);
  });

  it("asks a toJSON once, as JSON does", () => {
    expect(written({ toJSON: endless })).toBe("{}");
    expect(written(nested(64))).toBe(`${"[".repeat(64)}1${"]".repeat(64)}`);
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe("the bounds of a text", () => {
  it.each([
    ["é", 5, "éé"],
    ["🎉", 7, "🎉"],
    ["a", 3, "aaa"],
    ["€", 2, ""],
  ])("cut between characters: %s at %i bytes", (character, keepBytes, expected) => {
    const text = character.repeat(10);
    expect(boundedText(text, { keepBytes, readBytes: 100 })).toEqual({
      ok: true,
      text: expected,
      totalBytes: Buffer.byteLength(text),
    });
  });

  it("count the whole and keep the beginning of structured data", () => {
    const value = { list: Array.from({ length: 1_000 }, (_item, index) => `item ${index}`) };
    const json = JSON.stringify(value);
    expect(boundedText(value, { keepBytes: 100, readBytes: 1 << 20 })).toEqual({
      ok: true,
      text: json.slice(0, 100),
      totalBytes: json.length,
    });
  });

  it.each<[string, unknown]>([
    ["a text", "x".repeat(101)],
    ["a text whose bytes are more than its units", "é".repeat(60)],
    ["a member", { a: "x".repeat(200) }],
    ["many members", Array.from({ length: 60 }, () => 1)],
    ["a list without items", Array(4_294_967_295)],
  ])("refuse what is longer than may be read: %s", (_what, value) => {
    expect(written(value, { keepBytes: 100, readBytes: 100 })).toBe("refused: is longer than 100 bytes");
  });

  it("do not look into a text that is sure to be too long: a rope of half a gigabyte stays a rope", () => {
    const before = process.memoryUsage().heapUsed;
    const text = "0123456789".repeat(50_000_000);
    expect(written(text)).toBe("refused: is longer than 1048576 bytes");
    expect(written({ a: [text] })).toBe("refused: is longer than 1048576 bytes");
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
  });

  it("end the walk of what is made while it is walked", () => {
    const grow = (): object => ({
      get left() {
        return grow();
      },
      get right() {
        return grow();
      },
    });
    expect(written(grow())).toMatch(/^refused: is (longer|nested)/);
    const wideOne = (level: number): object =>
      new Proxy([], { get: (_list, key) => (key === "length" ? 1e9 : level > 60 ? 0 : wideOne(level + 1)) });
    expect(written(wideOne(0))).toMatch(/^refused: /);
  });
});
