import { deepStrictEqual } from "node:assert/strict";
import type { AccountWindow } from "../runtime/budget/account-window.ts";
import type { Amounts, Dimension } from "../runtime/budget/amounts.ts";
import type { BudgetPort, ReserveAnswer } from "../runtime/budget/budget-port.ts";

/** One promise of a port, checked on an implementation. */
export interface ContractCase {
  /** A sentence about behaviour. */
  readonly name: string;
  /** @throws {AssertionError} when the promise is broken */
  readonly check: (port: BudgetPort) => Promise<void>;
}

const atMs = Date.UTC(2026, 10, 23, 12);
const dayMs = 86_400_000;

function day(account: string, caps: AccountWindow["caps"], date = "2026-11-23"): AccountWindow {
  return { account, window: date, endsAtMs: Date.parse(date) + dayMs, caps };
}

const call = (picoUsd: bigint, tokens = 0, calls = 0): Amounts => ({ picoUsd, tokens, calls });
const taken: ReserveAnswer = { reserved: true };

/** What a case says to the port; ids are new for every case, so that a store may be used for all of them. */
class Speaker {
  readonly #port: BudgetPort;
  readonly #prefix = crypto.randomUUID();

  constructor(port: BudgetPort) {
    this.#port = port;
  }

  /** A name that no other case uses. */
  name(account: string): string {
    return `${this.#prefix}/${account}`;
  }

  reserve(id: string, accounts: readonly AccountWindow[], amounts: Amounts): Promise<ReserveAnswer> {
    const own = accounts.map((account) => ({ ...account, account: this.name(account.account) }));
    return this.#port.reserve({ id: this.name(id), accounts: own, amounts, atMs, expiresAtMs: atMs + dayMs });
  }

  /** What a port answers when the account has no room in the dimension. */
  refused(account: string, dimension: Dimension): ReserveAnswer {
    return { reserved: false, account: this.name(account), dimension };
  }

  settle(id: string, amounts: Amounts): Promise<void> {
    return this.#port.settle({ id: this.name(id), amounts });
  }
}

const speaking =
  (check: (speaker: Speaker) => Promise<void>): ContractCase["check"] =>
  (port) =>
    check(new Speaker(port));

/**
 * Every promise of a `BudgetPort`, for any test framework:
 * `for (const { name, check } of budgetPortContract) it(name, () => check(port));`
 */
export const budgetPortContract: readonly ContractCase[] = [
  {
    name: "admits what fills a cap exactly, and refuses one more of each dimension, by name",
    check: speaking(async (port) => {
      const rows = [
        ["costUsd", call(100n), call(1n)],
        ["tokens", call(0n, 100), call(0n, 1)],
        ["calls", call(0n, 0, 100), call(0n, 0, 1)],
      ] as const;
      for (const [dimension, all, one] of rows) {
        const account = day(dimension, { picoUsd: 100n, tokens: 100, calls: 100 });
        deepStrictEqual(await port.reserve(`${dimension}/all`, [account], all), taken);
        deepStrictEqual(await port.reserve(`${dimension}/more`, [account], one), port.refused(dimension, dimension));
      }
    }),
  },
  {
    name: "takes from all accounts or from none",
    check: speaking(async (port) => {
      const [wide, narrow] = [day("wide", { picoUsd: 100n }), day("narrow", { picoUsd: 10n })];
      deepStrictEqual(await port.reserve("both", [wide, narrow], call(50n)), port.refused("narrow", "costUsd"));
      deepStrictEqual(await port.reserve("wide", [wide], call(100n)), taken);
      deepStrictEqual(await port.reserve("narrow", [narrow], call(10n)), taken);
    }),
  },
  {
    name: "gives back what was not taken, and keeps what was",
    check: speaking(async (port) => {
      const account = day("day", { picoUsd: 100n, tokens: 100, calls: 2 });
      deepStrictEqual(await port.reserve("first", [account], call(100n, 100, 1)), taken);
      await port.settle("first", call(40n, 30, 1));
      deepStrictEqual(await port.reserve("second", [account], call(61n, 70, 1)), port.refused("day", "costUsd"));
      deepStrictEqual(await port.reserve("third", [account], call(60n, 70, 1)), taken);
    }),
  },
  {
    name: "settles once, and ignores an id that it does not know",
    check: speaking(async (port) => {
      const account = day("day", { picoUsd: 100n });
      deepStrictEqual(await port.reserve("first", [account], call(100n)), taken);
      await port.settle("first", call(60n));
      await port.settle("first", call(0n));
      await port.settle("nobody's", call(0n));
      deepStrictEqual(await port.reserve("more", [account], call(41n)), port.refused("day", "costUsd"));
      deepStrictEqual(await port.reserve("rest", [account], call(40n)), taken);
    }),
  },
  {
    name: "takes nothing again for an id that is open",
    check: speaking(async (port) => {
      const account = day("day", { picoUsd: 100n });
      deepStrictEqual(await port.reserve("first", [account], call(60n)), taken);
      deepStrictEqual(await port.reserve("first", [account], call(60n)), taken);
      deepStrictEqual(await port.reserve("rest", [account], call(40n)), taken);
    }),
  },
  {
    name: "keeps charging a reservation that nobody settles",
    check: speaking(async (port) => {
      const account = day("day", { picoUsd: 100n });
      deepStrictEqual(await port.reserve("lost", [account], call(100n)), taken);
      deepStrictEqual(await port.reserve("more", [account], call(1n)), port.refused("day", "costUsd"));
    }),
  },
  {
    name: "starts a new window at nothing, and settles in the window of the reservation",
    check: speaking(async (port) => {
      const [today, tomorrow] = [day("day", { picoUsd: 100n }), day("day", { picoUsd: 100n }, "2026-11-24")];
      deepStrictEqual(await port.reserve("late", [today], call(100n)), taken);
      deepStrictEqual(await port.reserve("early", [tomorrow], call(90n)), taken);
      await port.settle("late", call(50n));
      deepStrictEqual(await port.reserve("more", [tomorrow], call(11n)), port.refused("day", "costUsd"));
      deepStrictEqual(await port.reserve("rest", [tomorrow], call(10n)), taken);
    }),
  },
  {
    name: "is exact to the pico-dollar beyond what a double can count",
    check: speaking(async (port) => {
      const most = 10n ** 18n;
      const account = day("day", { picoUsd: most });
      deepStrictEqual(await port.reserve("first", [account], call(most - 1n)), taken);
      await port.settle("first", call(most - 1n));
      deepStrictEqual(await port.reserve("two", [account], call(2n)), port.refused("day", "costUsd"));
      deepStrictEqual(await port.reserve("one", [account], call(1n)), taken);
    }),
  },
  {
    name: "charges what a call took above its reservation, and still admits what costs nothing",
    check: speaking(async (port) => {
      const account = day("day", { picoUsd: 100n, calls: 10 });
      deepStrictEqual(await port.reserve("over", [account], call(50n, 0, 1)), taken);
      await port.settle("over", call(150n, 0, 1));
      deepStrictEqual(await port.reserve("more", [account], call(1n, 0, 1)), port.refused("day", "costUsd"));
      deepStrictEqual(await port.reserve("free", [account], call(0n, 0, 1)), taken);
    }),
  },
  {
    name: "never admits more than fits when a hundred ask at once, whatever settles in between",
    check: speaking(async (port) => {
      const accounts = [day("one", { picoUsd: 1_000n, calls: 70 }), day("other", { picoUsd: 500n })];
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const { reserved } = await port.reserve(`${index}`, accounts, call(10n, 0, 1));
          if (reserved && index % 2 === 0) await port.settle(`${index}`, call(10n, 0, 1));
          return reserved;
        }),
      );
      deepStrictEqual(answers.filter((reserved) => reserved).length, 50);
    }),
  },
];
