import { PGlite } from "@electric-sql/pglite";
import { poolOver, type PglitePool } from "./pglite-pool.ts";

/**
 * PostgreSQL inside the process, for one process: nothing to install. About 0.5 GB of memory.
 * @param folder where the data is kept, for one process at a time. @default in memory, gone with the process
 */
export function pglitePool(folder?: string): PglitePool {
  return poolOver(folder === undefined ? new PGlite() : new PGlite(folder));
}
