import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../../testing/index.ts";
import { Fleet } from "./fleet.ts";
import { Patience } from "./patience.ts";
import { Tables } from "./tables.ts";

const leaseMs = 3_000;

/** A process as far as its lease goes: its beats arrive while the database answers. */
function aProcess() {
  const clock = new SimulatedClock();
  const patience = new Patience(clock);
  const database = { isUp: true };
  const pool = {
    connect: () => Promise.reject(new Error("not used")),
    query: () => (database.isUp ? Promise.resolve({ rows: [], rowCount: 0 }) : Promise.reject(new Error("it is down"))),
  };
  const asked: string[] = [];
  const fleet = new Fleet({
    ...{ clock, patience, leaseMs, executorId: "one", version: "1", tables: new Tables(pool, patience) },
    assertStillOwns: (runId) => {
      asked.push(runId);
      return Promise.resolve();
    },
  });
  return { clock, database, fleet, asked };
}

describe("whether a run is still this process's", () => {
  it("is not asked while its lease never ran out", async () => {
    const { clock, fleet, asked } = aProcess();
    await fleet.join();
    fleet.take("run");
    for (let beats = 0; beats < 10; beats += 1) {
      await clock.advance(leaseMs / 3);
      await fleet.assertOwner("run");
    }
    expect(asked).toEqual([]);
  });

  it("is asked while the lease is over", async () => {
    const { clock, database, fleet, asked } = aProcess();
    await fleet.join();
    fleet.take("run");
    database.isUp = false;
    await clock.advance(leaseMs);
    await fleet.assertOwner("run");
    expect(asked).toEqual(["run"]);
  });

  it("is asked once for every run after a silence, also when the lease was renewed since", async () => {
    const { clock, database, fleet, asked } = aProcess();
    await fleet.join();
    fleet.take("a");
    fleet.take("b");
    database.isUp = false;
    await clock.advance(2 * leaseMs);
    database.isUp = true;
    await clock.advance(leaseMs / 3);
    for (const runId of ["a", "b", "a", "b"]) await fleet.assertOwner(runId);
    expect(asked).toEqual(["a", "b"]);
    fleet.take("c");
    await fleet.assertOwner("c");
    expect(asked).toEqual(["a", "b"]);
  });

  it("is asked for a run that this process was given before it joined", async () => {
    const { fleet, asked } = aProcess();
    await fleet.join();
    await fleet.assertOwner("early");
    await fleet.assertOwner("early");
    expect(asked).toEqual(["early"]);
  });
});
