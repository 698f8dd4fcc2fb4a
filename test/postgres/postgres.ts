import { beforeEach, inject } from "vitest";
import { freshDatabase, type FreshDatabase } from "../../scripts/postgres/fresh-database.ts";
import { noPostgres } from "../../scripts/postgres/start-postgres.ts";

/** Skips every test of a file, with the reason, where there is no PostgreSQL. */
export function needsPostgres(): void {
  beforeEach(({ skip }) => skip(inject("postgresUrl") === undefined, noPostgres));
}

/** An empty database of its own, for one test. */
export function ownDatabase(): Promise<FreshDatabase> {
  return freshDatabase(inject("postgresUrl")!);
}
