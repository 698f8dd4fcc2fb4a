/** Limits of an endpoint that all processes on a database keep together. */
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../src/common/clock.ts";
import { systemClock } from "../../src/common/clock.ts";
import { Patience } from "../../src/engines/dbos/patience.ts";
import { PlaceTables } from "../../src/engines/dbos/place-tables.ts";
import { Places } from "../../src/engines/dbos/places.ts";
import { Tables } from "../../src/engines/dbos/tables.ts";
import { SimulatedClock } from "../../src/testing/index.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

let pool: pg.Pool;
let drop: () => Promise<void>;
const { signal } = new AbortController();
const minute = 60_000;

beforeEach(async () => {
  const database = await ownDatabase();
  drop = database.drop;
  pool = new pg.Pool({ connectionString: database.url, max: 20 });
  // The database goes while its last connections close.
  pool.on("error", () => undefined);
  await new Tables(pool, new Patience(systemClock)).migrate();
});
afterEach(async () => {
  await pool.end();
  await drop();
});

/** As a process of its own has them. */
function processOf({ clock = systemClock, leaseMs = minute }: { clock?: Clock; leaseMs?: number } = {}): Places {
  return new Places({ tables: new PlaceTables(pool, new Patience(clock)), clock, leaseMs, pollMs: 10 });
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const held = async (): Promise<number> => (await pool.query("SELECT 1 FROM tierwise.place")).rows.length;
async function untilHeld(count: number): Promise<void> {
  while ((await held()) !== count) await turn();
}

describe("places at an endpoint", () => {
  it("are never more than the limit, whichever process asks, and everybody has one in the end", async () => {
    let [inside, most, served] = [0, 0, 0];
    const call = async (places: Places): Promise<void> => {
      const leave = await places.enter("model", { fleetConcurrency: 3 }, { signal, withinMs: minute });
      most = Math.max(most, (inside += 1));
      for (let count = 0; count < 20; count += 1) await turn();
      [inside, served] = [inside - 1, served + 1];
      leave!();
    };
    const processes = Array.from({ length: 5 }, () => processOf());
    await Promise.all(processes.flatMap((places) => Array.from({ length: 20 }, () => call(places))));
    expect([served, most]).toEqual([100, 3]);
    await untilHeld(0);
  });

  it("are each endpoint's own", async () => {
    const places = processOf();
    const limits = { fleetConcurrency: 1 };
    const one = await places.enter("one", limits, { signal, withinMs: minute });
    const two = await places.enter("two", limits, { signal, withinMs: minute });
    expect([one, two]).toEqual([expect.any(Function), expect.any(Function)]);
  });

  it("are free again when a process that died was silent for its lease, and not while one that lives holds them", async () => {
    const limits = { fleetConcurrency: 2 };
    const clock = new SimulatedClock();
    const [dead, alive] = [processOf({ leaseMs: 200, clock }), processOf({ leaseMs: 200 })];
    await dead.enter("model", limits, { signal, withinMs: minute });
    const leave = await alive.enter("model", limits, { signal, withinMs: minute });
    const third = await processOf().enter("model", limits, { signal, withinMs: minute });
    expect(third).toBeDefined();
    // One lease was over: that of the process whose clock stands still.
    const holders = await pool.query("SELECT until > now() + interval '10 s' AS long FROM tierwise.place");
    expect(holders.rows.map(({ long }: { long: boolean }) => long).toSorted()).toEqual([false, true]);
    leave!();
    third!();
    await untilHeld(0);
    alive.close();
  });

  it("are given back by those who stop waiting: at their signal, and when their time is over", async () => {
    const limits = { fleetConcurrency: 1 };
    const clock = new SimulatedClock();
    const first = await processOf().enter("model", limits, { signal, withinMs: minute });
    const controller = new AbortController();
    const places = processOf({ clock });
    const stopped = places.enter("model", limits, { signal: controller.signal, withinMs: minute });
    const behind = places.enter("model", limits, { signal, withinMs: 500 });
    controller.abort(new Error("no more"));
    await expect(stopped).rejects.toThrow("no more");
    await clock.advance(500);
    expect(await behind).toBeUndefined();
    first!();
    await untilHeld(0);
    expect(clock.pending).toBe(0);
  });
});

describe("requests a minute", () => {
  it("start at even distances over all processes, and nobody waits who would come too late", async () => {
    const limits = { fleetRequestsPerMinute: 60 };
    const clocks = [new SimulatedClock(), new SimulatedClock()];
    const processes = clocks.map((clock) => processOf({ clock }));
    const started: number[] = [];
    const calls = [0, 1, 0, 1].map(async (which) => {
      await processes[which]!.enter("model", limits, { signal, withinMs: minute });
      started.push(clocks[which]!.nowMs());
    });
    const nextAt = async (): Promise<number> => {
      const { rows } = await pool.query("SELECT extract(epoch FROM next_at - now())::float8 AS s FROM tierwise.pace");
      return (rows[0] as { s: number } | undefined)?.s ?? 0;
    };
    while ((await nextAt()) < 3) await turn();
    for (let second = 0; second < 4; second += 1) {
      await Promise.all(clocks.map((clock) => clock.advance(1_000)));
      await turn();
    }
    await Promise.all(calls);
    expect(started.map((atMs) => Math.ceil(atMs / 1_000)).toSorted()).toEqual([0, 1, 2, 3]);
    expect(await processOf().enter("model", limits, { signal, withinMs: 1_000 })).toBeUndefined();
  });
});
