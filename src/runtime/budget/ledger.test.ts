import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { picoToUsd } from "../../catalog/money.ts";
import { nothing } from "./amounts.ts";
import { Ledger, type Entry } from "./ledger.ts";

const idle = { caps: {}, reserved: nothing, overshoot: nothing };

const base: Entry = {
  step: "a",
  endpoint: "small",
  class: "slm",
  usage: { inputTokens: 10, outputTokens: 5 },
  usageSource: "provider",
  cost: 15n,
  dearest: 150n,
  accepted: true,
  kind: "initial",
};

function booked(...entries: Partial<Entry>[]): Ledger {
  const ledger = new Ledger();
  for (const entry of entries) ledger.record({ ...base, ...entry });
  return ledger;
}

const anEntry: fc.Arbitrary<Entry> = fc.record({
  step: fc.constantFrom("a", "b", "constructor"),
  endpoint: fc.constantFrom("small", "large"),
  class: fc.constantFrom("slm", "llm"),
  usage: fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }),
  usageSource: fc.constantFrom("provider", "estimated", "missing", "suspect"),
  cost: fc.option(fc.bigInt(0n, 10n ** 15n), { nil: undefined }),
  dearest: fc.bigInt(0n, 10n ** 15n),
  accepted: fc.boolean(),
  kind: fc.constantFrom("initial", "retry", "fallback", "escalation", "turn"),
});

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

describe("a ledger", () => {
  it("adds every attempt exactly once, in whole pico-dollars, to the run and to its step", () => {
    fc.assert(
      fc.property(fc.array(anEntry, { maxLength: 30 }), (entries) => {
        const ledger = booked(...entries);
        const run = ledger.snapshot(idle);
        const costs = (of: readonly Entry[]): bigint => sum(of.map(({ cost }) => cost ?? 0n));
        expect(ledger.cost()).toBe(costs(entries));
        expect(run.costUsd).toBe(picoToUsd(costs(entries)));
        expect(run.slmUsd).toBe(picoToUsd(costs(entries.filter((entry) => entry.class === "slm"))));
        expect(run.llmUsd).toBe(picoToUsd(costs(entries.filter((entry) => entry.class === "llm"))));
        expect(run.attempts).toBe(entries.length);
        expect(run.endpoints).toEqual(entries.map(({ endpoint }) => endpoint));
        expect(run.escalations).toBe(entries.filter(({ kind }) => kind === "escalation").length);
        expect(run.inputTokens).toBe(entries.reduce((total, { usage }) => total + usage.inputTokens, 0));
        expect(run.outputTokens).toBe(entries.reduce((total, { usage }) => total + usage.outputTokens, 0));
        const steps = [...new Set(entries.map(({ step }) => step))];
        expect(Object.keys(run.steps).toSorted()).toEqual(steps.toSorted());
        expect(sum(steps.map((step) => ledger.cost(step)))).toBe(ledger.cost());
        for (const step of steps) {
          expect(run.steps[step]).toEqual(ledger.totals(step));
          expect(ledger.cost(step)).toBe(costs(entries.filter((entry) => entry.step === step)));
        }
      }),
    );
  });

  it("is exact where floating point is not", () => {
    const ledger = booked(...Array.from({ length: 10 }, () => ({ cost: 100_000_000_000n })));
    expect(ledger.cost()).toBe(1_000_000_000_000n);
    expect(ledger.snapshot(idle).costUsd).toBe(1);
    expect(Array.from({ length: 10 }, () => 0.1).reduce((total, amount) => total + amount, 0)).not.toBe(1);
  });

  it("knows nothing of a step that made no attempt", () => {
    const ledger = booked({});
    expect(ledger.totals("other")).toMatchObject({ costUsd: 0, attempts: 0, endpoints: [], complete: true });
    expect(ledger.totals("toString")).toMatchObject({ attempts: 0 });
    expect(ledger.cost("toString")).toBe(0n);
  });

  it("shows the budget beside the books", () => {
    const snapshot = booked({}).snapshot({
      caps: { picoUsd: 2_000_000_000_000n, tokens: 900 },
      reserved: { picoUsd: 500_000_000_000n, tokens: 300, calls: 2 },
      overshoot: { picoUsd: 1n, tokens: 4, calls: 0 },
    });
    expect(snapshot).toMatchObject({ capUsd: 2, reservedUsd: 0.5, overshootUsd: 1e-12 });
    expect(snapshot).toMatchObject({ capTokens: 900, reservedTokens: 300, overshootTokens: 4 });
    expect(snapshot).toMatchObject({ capCalls: undefined, reservedCalls: 2 });
  });

  it("does not change what it has handed out", () => {
    const ledger = booked({});
    const before = ledger.snapshot(idle);
    ledger.record({ ...base, cost: 1_000n });
    expect(before.attempts).toBe(1);
    expect(Object.isFrozen(before)).toBe(true);
    expect(Object.isFrozen(before.endpoints)).toBe(true);
    expect(Object.isFrozen(before.steps["a"])).toBe(true);
  });
});

describe("the baseline", () => {
  const baseline = (...entries: Partial<Entry>[]): number => booked(...entries).snapshot(idle).baselineUsd;

  it("is the dearest endpoint's price for accepted answers, without the cascade's drafts", () => {
    expect(baseline({ accepted: false, dearest: 100n }, { accepted: true, dearest: 120n })).toBe(picoToUsd(120n));
  });

  it("counts every accepted turn of a tool loop", () => {
    expect(baseline({ dearest: 100n }, { dearest: 120n, kind: "turn" })).toBe(picoToUsd(220n));
  });

  it("is one answer, the dearest, for a step none of whose answers was accepted", () => {
    expect(baseline({ accepted: false, dearest: 100n }, { accepted: false, dearest: 120n })).toBe(picoToUsd(120n));
  });

  it("of a run is the sum of its steps', drafts of one never standing in for another", () => {
    expect(baseline({ step: "a", accepted: true, dearest: 100n }, { step: "b", accepted: false, dearest: 7n })).toBe(
      picoToUsd(107n),
    );
  });
});

describe("complete", () => {
  const complete = (entry: Partial<Entry>): boolean => booked({}, entry).snapshot(idle).complete;

  it.each<[string, Partial<Entry>, boolean]>([
    ["counted by the provider", {}, true],
    ["without a price, which is not free", { cost: undefined }, false],
    ["without a price and counted by nobody", { cost: undefined, usageSource: "missing" }, false],
    ["estimated", { usageSource: "estimated" }, false],
    ["missing", { usageSource: "missing" }, false],
    ["suspect", { usageSource: "suspect" }, false],
    ["estimated, but certainly free", { usageSource: "estimated", cost: 0n }, true],
  ])("with a usage that is %s: see the table", (_what, entry, expected) => {
    expect(complete(entry)).toBe(expected);
  });

  it("is told for the step alone too, and never comes back", () => {
    const ledger = booked({ step: "a", cost: undefined }, { step: "b" }, { step: "a" });
    expect(ledger.totals("a").complete).toBe(false);
    expect(ledger.totals("b").complete).toBe(true);
    expect(ledger.snapshot(idle).complete).toBe(false);
  });
});

describe("the tools on a ledger", () => {
  it("are part of cost and baseline, of the run and of their step, and no attempts", () => {
    const ledger = booked({ cost: 15n, dearest: 150n });
    ledger.recordTool({ step: "a", cost: 7n });
    ledger.recordTool({ step: "b", cost: 5n });
    const { steps, ...run } = ledger.snapshot(idle);
    expect(run).toMatchObject({ costUsd: picoToUsd(27n), toolUsd: picoToUsd(12n), baselineUsd: picoToUsd(162n) });
    expect(run).toMatchObject({ attempts: 1, slmUsd: picoToUsd(15n), complete: true });
    expect(steps["b"]).toMatchObject({ costUsd: picoToUsd(5n), toolUsd: picoToUsd(5n), baselineUsd: picoToUsd(5n) });
    expect(ledger.cost("a")).toBe(22n);
  });

  it("are simulated as a whole when one step of a list asked a stand-in", () => {
    const ledger = booked();
    for (const standIn of [true, false]) {
      ledger.record({ ...base, step: `list[${Number(standIn)}]/a`, standIn });
      ledger.close(`list[${Number(standIn)}]/a`, "list/a");
    }
    expect(ledger.snapshot(idle)).toMatchObject({ simulated: true, steps: { "list/a": { simulated: true } } });
    ledger.record({ ...base, step: "b" });
    expect(ledger.totals("b").simulated).toBe(false);
  });

  it("are counted once when the steps of a list are booked under one name, twice over", () => {
    const ledger = booked();
    for (const step of ["list[0]/sub[0]/a", "list[0]/sub[1]/a", "list[1]/sub[0]/a"]) {
      ledger.record({ ...base, step, cost: 10n, dearest: 100n });
      ledger.recordTool({ step, cost: 3n });
    }
    ledger.close("list[0]/sub[0]/a", "half/a");
    ledger.close("list[0]/sub[1]/a", "half/a");
    ledger.close("half/a", "list/a");
    ledger.close("list[1]/sub[0]/a", "list/a");
    const { steps, ...run } = ledger.snapshot(idle);
    const expected = { costUsd: picoToUsd(39n), toolUsd: picoToUsd(9n), baselineUsd: picoToUsd(309n) };
    expect(run).toMatchObject(expected);
    expect(steps).toEqual({ "list/a": expect.objectContaining(expected) as object });
  });
});
