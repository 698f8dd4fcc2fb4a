/** A database that goes away: runs wait for it, and end as they would have. */
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { agreedOutcomes, expectCompleted, Fleet, runIds } from "../support/fleet/fleet.ts";
import type { Outcome } from "../support/fleet/member.ts";
import { RestartablePostgres } from "../support/restartable-postgres.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

/** `OUTAGE_MS=30000` for the length that the fault matrix names. */
const outageMs = Number(process.env["OUTAGE_MS"] ?? 5_000);

async function onDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const database = await ownDatabase();
  try {
    await work(database.url);
  } finally {
    await database.drop();
  }
}

async function ask(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

describe("a database that goes away", () => {
  it(
    "lets every run finish when it is stopped in the middle and comes back",
    { timeout: outageMs + 120_000 },
    async () => {
      await using postgres = await RestartablePostgres.open();
      await using fleet = await Fleet.of(2, postgres.url);
      const ids = runIds("outage", 30);
      const inTheMiddle = fleet.begin(40);
      const starting = fleet.members[0]!.ask({ type: "start", runIds: ids, asks: false });
      await inTheMiddle;
      await postgres.stop();
      await setTimeout(outageMs);
      await postgres.start();
      // A start that was under way is told late, and once.
      await starting;
      expectCompleted(await agreedOutcomes(fleet.members, ids));
    },
  );

  it("loses nothing when all its connections are cut ten times", { timeout: 240_000 }, () =>
    onDatabase(async (url) => {
      await using fleet = await Fleet.of(2, url);
      const ids = runIds("cut", 60);
      const ended = fleet.members[0]!.ask<readonly Outcome[]>({ type: "start", runIds: ids, asks: false });
      for (let cut = 0; cut < 10; cut += 1) {
        await fleet.begin(10);
        await ask(
          url,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
      }
      for (const outcome of await ended) expect(outcome).toEqual({ output: "started" });
      expectCompleted(await agreedOutcomes(fleet.members, ids));
    }),
  );

  it("tries again what it could not order one after the other", () =>
    onDatabase(async (url) => {
      await ask(
        url,
        `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET default_transaction_isolation = serializable`,
      );
      await using fleet = await Fleet.of(4, url);
      const ids = runIds("serialisable", 20);
      await Promise.all(fleet.members.map((member) => member.ask({ type: "start", runIds: ids, asks: false })));
      expectCompleted(await agreedOutcomes(fleet.members, ids));
    }));
});
