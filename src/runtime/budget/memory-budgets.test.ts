import { describe, expect, it } from "vitest";
import { budgetPortContract } from "../../testing/budget-port-contract.ts";
import { windowAt, type SharedAccount } from "./account-window.ts";
import { memoryBudgets } from "./memory-budgets.ts";

describe("budgets in memory", () => {
  for (const { name, check } of budgetPortContract) it(name, () => check(memoryBudgets()));

  const account: SharedAccount = { name: "tenant:acme", per: "hour", calls: 1 };
  const hourMs = 3_600_000;
  const one = { picoUsd: 0n, tokens: 0, calls: 1 };

  it("keep a reservation charged when its time to settle is over", async () => {
    const port = memoryBudgets();
    const accounts = [windowAt({ ...account, per: "forever" }, 0)];
    await port.reserve({ id: "lost", accounts, amounts: one, atMs: 0, expiresAtMs: 1_000 });
    const later = { accounts, amounts: one, expiresAtMs: 100 * hourMs };
    await port.reserve({ id: "sweeps", ...later, atMs: 10 * hourMs });
    await port.settle({ id: "lost", amounts: { ...one, calls: 0 } });
    expect(await port.reserve({ id: "more", ...later, atMs: 11 * hourMs })).toMatchObject({ dimension: "calls" });
  });

  it("do not start a window anew when the clock goes forward by mistake, and back", async () => {
    const port = memoryBudgets();
    const at = (id: string, atMs: number) =>
      port.reserve({ id, accounts: [windowAt(account, atMs)], amounts: one, atMs, expiresAtMs: atMs + hourMs });
    expect(await at("first", 0)).toEqual({ reserved: true });
    expect(await at("ahead", 5 * hourMs)).toEqual({ reserved: true });
    expect(await at("back", 1_000)).toMatchObject({ reserved: false });
  });
});

describe("windowAt", () => {
  it.each<[SharedAccount["per"], string, string, string | undefined]>([
    ["hour", "2026-11-23T23:59:59.999Z", "2026-11-23T23", "2026-11-24T00:00:00.000Z"],
    ["hour", "2026-11-23T00:00:00.000Z", "2026-11-23T00", "2026-11-23T01:00:00.000Z"],
    ["day", "2026-02-28T12:00:00.000Z", "2026-02-28", "2026-03-01T00:00:00.000Z"],
    ["day", "2028-02-28T12:00:00.000Z", "2028-02-28", "2028-02-29T00:00:00.000Z"],
    ["month", "2026-12-31T23:59:59.999Z", "2026-12", "2027-01-01T00:00:00.000Z"],
    ["month", "2026-01-31T00:00:00.000Z", "2026-01", "2026-02-01T00:00:00.000Z"],
    ["forever", "2026-01-31T00:00:00.000Z", "forever", undefined],
  ])("of a %s at %s is %s and ends at %s", (...[per, at, window, end]) => {
    const found = windowAt({ name: "all", per, tokens: 5 }, Date.parse(at));
    const endsAtMs = end === undefined ? undefined : Date.parse(end);
    expect(found).toEqual({ account: "all", window, endsAtMs, caps: { tokens: 5 } });
  });
});
