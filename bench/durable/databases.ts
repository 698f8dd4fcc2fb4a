import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshDatabase, type FreshDatabase } from "../../scripts/postgres/fresh-database.ts";
import { startPostgres } from "../../scripts/postgres/start-postgres.ts";

/** Gives each engine an empty database. */
export interface Databases extends AsyncDisposable {
  readonly name: "PGlite" | "PostgreSQL";
  /** @returns what a worker opens */
  create(name: string): Promise<string>;
}

/** Folders, not memory: what is gone with its process is not durable. */
export async function pgliteFolders(): Promise<Databases> {
  const folder = await mkdtemp(join(tmpdir(), "tierwise-bench-"));
  return {
    name: "PGlite",
    create: (name) => Promise.resolve(join(folder, name)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** @throws {Error} where there is no PostgreSQL */
export async function postgresDatabases(): Promise<Databases> {
  const { url, stop } = await startPostgres();
  const made: FreshDatabase[] = [];
  return {
    name: "PostgreSQL",
    create: async () => {
      const database = await freshDatabase(url);
      made.push(database);
      return database.url;
    },
    [Symbol.asyncDispose]: async () => {
      for (const { drop } of made) await drop();
      await stop();
    },
  };
}
