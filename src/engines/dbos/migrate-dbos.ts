import { ensureSystemDatabase, SystemDatabase } from "@dbos-inc/dbos-sdk/internal/system_database";
import type { Clock } from "../../common/clock.ts";
import type { DatabasePool } from "./tables.ts";

type DbosPool = Parameters<typeof ensureSystemDatabase>[2];
type DbosLogger = Parameters<typeof ensureSystemDatabase>[1];

/** Any number that nobody else takes. */
const lock = 7_319_404_116;
const pauseMs = 50;

const quiet = (): void => undefined;
const logger = { info: quiet, debug: quiet, warn: quiet, error: quiet } as unknown as DbosLogger;

/**
 * Makes DBOS's tables, one process after the other. DBOS takes no lock for it: processes that start together on a new database
 * would fail each other, and one that fails half way can leave a version behind that is lower than what is there.
 */
export async function migrateDbos(database: string | DatabasePool, clock: Clock): Promise<void> {
  const isOwnPool = typeof database === "string";
  const pool = isOwnPool ? undefined : (database as unknown as DbosPool);
  // For its connection only: nothing of it is run.
  const dbos = new SystemDatabase(isOwnPool ? database : "", logger, {} as never, 1, pool, "dbos", false);
  try {
    const client = await dbos.connect();
    try {
      await takeLock(client, clock);
      // On the connection that has the lock: a pool may have no other.
      const only = { connect: () => Promise.resolve({ ...queriesOf(client), release: quiet }) };
      await ensureSystemDatabase("", logger, only as unknown as DbosPool, "dbos", isOwnPool);
      await client.query(`SELECT pg_advisory_unlock(${lock})`);
    } finally {
      // Closed, not given back: should anything have failed, the lock must not stay.
      client.release(true);
    }
  } finally {
    if (isOwnPool) await dbos.destroy();
  }
}

type Client = Awaited<ReturnType<SystemDatabase["connect"]>>;

function queriesOf(client: Client): object {
  return { query: client.query.bind(client), on: quiet, removeListener: quiet };
}

/** Tried again and again, and never waited for in the database: who waits there holds up the building of indexes. */
async function takeLock(client: Client, clock: Clock): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ mine: boolean }>(`SELECT pg_try_advisory_lock(${lock}) AS mine`);
    if (rows[0]?.mine === true) return;
    await new Promise<void>((resolve) => void clock.setTimer(pauseMs, resolve));
  }
}
