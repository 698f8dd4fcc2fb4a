import { describe, expect, it } from "vitest";
import { Budget } from "./budget.ts";
import { formatLedger } from "./format-ledger.ts";
import { Ledger, type Entry } from "./ledger.ts";

const attempt: Entry = {
  ...{ step: "triage", endpoint: "small", class: "slm", kind: "initial", accepted: false },
  ...{ usage: { inputTokens: 100, outputTokens: 5 }, usageSource: "provider", cost: 1_000_000n, dearest: 20_000_000n },
};

function formatted(...entries: readonly Partial<Entry>[]): string[] {
  const ledger = new Ledger();
  for (const entry of entries) ledger.record({ ...attempt, ...entry });
  return formatLedger(ledger.snapshot(new Budget({ picoUsd: 20_000_000_000n }))).split("\n");
}

describe("the ledger as a table", () => {
  it("has a row for each step, the sum, and the cap", () => {
    const large = { endpoint: "large", class: "llm", cost: 20_000_000n, accepted: true } as const;
    expect(formatted({}, { ...large, kind: "escalation" }, { ...large, step: "reply" })).toEqual([
      "step    endpoints     attempts  escalations  tokens in  tokens out  cost         baseline",
      "------  ------------  --------  -----------  ---------  ----------  -----------  -----------",
      "triage  small, large  2         1            200        10          $0.00002100  $0.00002000",
      "reply   large         1         0            100        5           $0.00002000  $0.00002000",
      "sum     small, large  3         1            300        15          $0.00004100  $0.00004000",
      "cap $0.0200",
    ]);
  });

  it("says what is not known, what went above the cap, and what nobody paid", () => {
    const ledger = new Ledger();
    ledger.record({ ...attempt, cost: undefined, standIn: true });
    const budget = new Budget({ picoUsd: 20_000_000_000n });
    budget.charge({ picoUsd: 30_000_000_000n, tokens: 0, calls: 1 });
    expect(formatLedger(ledger.snapshot(budget)).split("\n").slice(-4)).toEqual([
      "cap $0.0200",
      "$0.0100 above the cap: a provider ignored its output limit",
      "not complete: a price is unknown, or a usage was estimated, missing or suspect",
      "simulated: stand-ins answered; what they cost was neither paid nor saved",
    ]);
  });

  it("says nothing of that where there is nothing to say", () => {
    const ledger = new Ledger();
    ledger.record(attempt);
    expect(formatLedger(ledger.snapshot(new Budget({}))).split("\n")).toHaveLength(4);
  });
});
