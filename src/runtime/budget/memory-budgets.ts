import type { AccountWindow } from "./account-window.ts";
import { charged, exceeded, Sum, type Amounts } from "./amounts.ts";
import type { BudgetPort, ReserveAnswer, ReserveRequest, SettleRequest } from "./budget-port.ts";

interface Book {
  readonly endsAtMs: number | undefined;
  readonly settled: Sum;
  readonly reserved: Sum;
}

interface Open {
  readonly books: readonly Book[];
  readonly amounts: Amounts;
  readonly expiresAtMs: number;
}

/**
 * Shared budgets of one process: its runs, also of several runtimes, share them; other processes do not, and a restart starts
 * them anew. Windows that are over and reservations that nobody settles in time are dropped; an account that lasts `forever`
 * is kept for ever.
 */
export function memoryBudgets(): BudgetPort {
  return new MemoryBudgets();
}

/** How often it is looked whether something can be dropped. */
const sweepEveryMs = 60_000;

/** How long a window is kept when it is over: a clock that was put forward by mistake must not start it anew. */
const keptMs = 86_400_000;

class MemoryBudgets implements BudgetPort {
  readonly #books = new Map<string, Book>();
  readonly #open = new Map<string, Open>();
  #sweptAtMs = 0;

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async reserve({ id, accounts, amounts, atMs, expiresAtMs }: ReserveRequest): Promise<ReserveAnswer> {
    this.#sweep(atMs);
    if (this.#open.has(id)) return { reserved: true };
    const books = accounts.map((account) => this.#bookOf(account));
    for (const [index, { account, caps }] of accounts.entries()) {
      const { settled, reserved } = books[index]!;
      const dimension = exceeded(caps, amounts, [settled, reserved]);
      if (dimension !== undefined) return { reserved: false, account, dimension };
    }
    for (const { reserved } of books) reserved.add(amounts);
    this.#open.set(id, { books, amounts, expiresAtMs });
    return { reserved: true };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- as above
  async settle({ id, amounts }: SettleRequest): Promise<void> {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    for (const { reserved, settled } of open.books) {
      reserved.subtract(open.amounts);
      settled.add(charged(amounts));
    }
  }

  #bookOf({ account, window, endsAtMs }: AccountWindow): Book {
    const key = JSON.stringify([account, window]);
    const book = this.#books.get(key) ?? { endsAtMs, settled: new Sum(), reserved: new Sum() };
    this.#books.set(key, book);
    return book;
  }

  /** A reservation that is open still finds the books of a window that was dropped. */
  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < sweepEveryMs) return;
    this.#sweptAtMs = nowMs;
    for (const [key, { endsAtMs }] of this.#books) {
      if (endsAtMs !== undefined && endsAtMs + keptMs <= nowMs) this.#books.delete(key);
    }
    for (const [id, { expiresAtMs }] of this.#open) if (expiresAtMs <= nowMs) this.#open.delete(id);
  }
}
