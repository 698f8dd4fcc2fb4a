import { describe, expect, it } from "vitest";
import { deepFreeze, frozenCopy } from "./freeze.ts";

class Model {
  answers = 0;
}

describe("a frozen copy", () => {
  it("is equal data, frozen all the way down, and freezes nothing of what it copies", () => {
    const data = { list: [1, { deep: ["a"] }], none: undefined, nothing: null, big: 1n };
    const copy = frozenCopy(data);
    expect(copy).toStrictEqual(data);
    const parts = [copy, copy.list, copy.list[1], (copy.list[1] as { deep: string[] }).deep];
    expect(parts.map((part) => Object.isFrozen(part))).toEqual([true, true, true, true]);
    expect([data, data.list, data.list[1]].map((part) => Object.isFrozen(part))).toEqual([false, false, false]);
  });

  it("is the thing itself where that is frozen all the way down", () => {
    const frozen = deepFreeze({ list: [{ a: 1 }], text: "t" });
    expect(frozenCopy(frozen)).toBe(frozen);
    expect(frozenCopy({ frozen }).frozen).toBe(frozen);
    expect(frozenCopy(7)).toBe(7);
  });

  it("copies what is frozen at its surface only", () => {
    const inside = [1];
    const copy = frozenCopy(Object.freeze({ inside }));
    inside.push(2);
    expect(copy).toEqual({ inside: [1] });
    const list = Object.freeze([inside]);
    expect(frozenCopy(list)).not.toBe(list);
  });

  it("leaves functions and class instances alone", () => {
    const model = new Model();
    const call = (): void => undefined;
    const copy = frozenCopy({ model, call });
    expect([copy.model === model, copy.call === call, Object.isFrozen(model)]).toEqual([true, true, false]);
  });

  it("knows objects without a prototype, and members that are called like one", () => {
    const bare = Object.assign(Object.create(null) as Record<string, unknown>, { list: [1] });
    expect(Object.isFrozen(frozenCopy(bare)["list"])).toBe(true);
    const odd = JSON.parse('{ "__proto__": { "list": [1] } }') as Record<string, unknown>;
    expect(JSON.stringify(frozenCopy(odd))).toBe('{"__proto__":{"list":[1]}}');
    expect(Object.getPrototypeOf(frozenCopy(odd))).toBe(Object.prototype);
  });
});
