import pg from "pg";
import { expect, it } from "vitest";
import { startPostgres } from "../../scripts/postgres/start-postgres.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

async function ask(url: string, statement: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows[0] as unknown;
  } finally {
    await client.end();
  }
}

it("gives each test an empty database, and drops it with what is connected to it", async () => {
  const { url, drop } = await ownDatabase();
  const other = await ownDatabase();
  await ask(url, "CREATE TABLE kept (a int)");
  expect(await ask(other.url, "SELECT to_regclass('kept') AS found")).toEqual({ found: null });
  const open = new pg.Client({ connectionString: url });
  open.on("error", () => undefined);
  await open.connect();
  await drop();
  await expect(ask(url, "SELECT 1")).rejects.toThrow("does not exist");
  await other.drop();
});

it.skipIf(process.env["DATABASE_URL"])("ends the server it started, and takes its settings", async () => {
  const { url, stop } = await startPostgres({ settings: { statement_timeout: "1234" } });
  expect(await ask(url, "SHOW statement_timeout")).toEqual({ statement_timeout: "1234ms" });
  await stop();
  await expect(ask(url, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
});
