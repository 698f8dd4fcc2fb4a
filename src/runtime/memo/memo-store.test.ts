import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../../testing/index.ts";
import { makeLabel } from "../../tiers/label.ts";
import { contentKey, MemoStore } from "./memo-store.ts";

const ttlMs = 1_000;

describe("MemoStore", () => {
  it("hands nothing to a reader below the label of what is kept", () => {
    const store = new MemoStore(new SimulatedClock());
    store.put("key", "secret", { label: makeLabel("regulated"), ttlMs });
    expect(store.get("key", makeLabel("customer"))).toBeUndefined();
    expect(store.get("key", makeLabel({ level: "classified", compartments: ["pii"] }))).toEqual({ value: "secret" });
  });

  it("keeps the thousand used last", () => {
    const store = new MemoStore(new SimulatedClock());
    const label = makeLabel("public");
    for (let index = 0; index < 1_000; index += 1) store.put(`${index}`, index, { label, ttlMs });
    store.get("0", label);
    store.put("new", 1, { label, ttlMs });
    expect([store.size, store.get("0", label), store.get("1", label)]).toEqual([1_000, { value: 0 }, undefined]);
  });

  it("keeps neither what cannot be copied nor what is large", () => {
    const store = new MemoStore(new SimulatedClock());
    const label = makeLabel("public");
    store.put("function", () => 1, { label, ttlMs });
    store.put("large", "x".repeat(300_000), { label, ttlMs });
    expect(store.size).toBe(0);
  });
});

describe("contentKey", () => {
  it("tells apart what JSON does not, and knows when it cannot tell", () => {
    const contents = [
      new Map([[1, 2]]),
      {},
      [undefined],
      [null],
      new Date(0),
      "1970-01-01T00:00:00.000Z",
      Number.NaN,
      1n,
    ];
    expect(new Set(contents.map(contentKey)).size).toBe(contents.length);
    expect(contentKey({ run: () => 1 })).toBeUndefined();
  });
});
