import type { PGlite } from "@electric-sql/pglite";
import type { DatabasePool } from "./tables.ts";

type Query = (text: string | { text: string; values?: unknown[] }, values?: readonly unknown[]) => Promise<unknown>;

/** PGlite as a pool. */
export interface PglitePool extends DatabasePool {
  /** Closes PGlite. Call it after `engine.close()`, which leaves a pool that it was handed open: that keeps the process alive. */
  end(): Promise<void>;
}

/**
 * PGlite as the pool that DBOS expects: one connection, handed out first come, first served. Transactions of one holder are
 * never mixed with statements of another.
 */
export function poolOver(pglite: PGlite): PglitePool {
  let last: Promise<void> = Promise.resolve();
  const enter = async (): Promise<() => void> => {
    const before = last;
    let leave = (): void => undefined;
    last = new Promise((resolve) => (leave = resolve));
    await before;
    return leave;
  };
  const run: Query = async (text, values) => {
    const statement = typeof text === "string" ? { text, values } : text;
    const { text: sql, values: given = [] } = statement;
    if (given.length === 0 && /;\s*\S/.test(sql)) return toPg((await pglite.exec(sql)).at(-1));
    return toPg(await pglite.query(sql, given.map(jsonText)));
  };
  const pool = {
    async connect(): Promise<unknown> {
      const leave = await enter();
      const client = { query: run, release: leave, on: () => client, off: () => client, removeListener: () => client };
      return client;
    },
    async query(text: string, values?: readonly unknown[]): Promise<unknown> {
      const leave = await enter();
      try {
        return await run(text, values);
      } finally {
        leave();
      }
    },
    end: () => pglite.close(),
    on: () => pool,
    off: () => pool,
    once: () => pool,
    removeListener: () => pool,
    options: { max: 1 },
    totalCount: 1,
    idleCount: 1,
    waitingCount: 0,
  };
  return pool as unknown as PglitePool;
}

/** As `pg` does it: objects go as JSON, lists as they are. */
function jsonText(value: unknown): unknown {
  const isPlain = typeof value === "object" && value !== null && value.constructor === Object;
  return isPlain ? JSON.stringify(value) : value;
}

function toPg(result: { rows?: unknown[]; affectedRows?: number } | undefined): unknown {
  const rows = result?.rows ?? [];
  return { rows, rowCount: rows.length > 0 ? rows.length : (result?.affectedRows ?? 0) };
}
