import { describe, expect, it } from "vitest";
import { dbosEngine } from "../../src/engines/dbos/index.ts";
import { openProcess, sharedPool, createProcess } from "../support/durable-lab.ts";

const database = "postgres://nobody:CANARY-4711@127.0.0.1:1/none";

describe("options of the durable engine", () => {
  it.each<[string, unknown, string]>([
    ["database", "CANARY-4711", "expected the address of a PostgreSQL database (postgres://...), or a pool"],
    ["database", undefined, "expected the address of a PostgreSQL database (postgres://...), or a pool"],
    ["database", { connect: 1 }, "expected the address of a PostgreSQL database (postgres://...), or a pool"],
    ["clearance", "everything", "expected"],
    ["leaseMs", 999, "expected a whole number from 1000 to 600000, found 999"],
    ["pollMs", 9.5, "expected a whole number from 10 to 60000, found 9.5"],
    ["maxRowBytes", 1, "expected a whole number from 1024 to 268435456, found 1"],
    ["questionExpiresMs", 0, "expected a whole number from 1 to 31536000000, found 0"],
    ["maxRecoveries", 0, "expected a whole number from 1 to 1000, found 0"],
    ["version", "", "expected a text that is not empty"],
    ["leaseMS", 5_000, "unknown option; known are database, clearance, leaseMs"],
  ])("%s is not %j", (key, value, message) => {
    const open = () => dbosEngine({ database, [key]: value });
    const error = catchError(open);
    expect(error).toMatchObject({ name: "DefinitionError", code: "RUNTIME_INVALID" });
    expect(error.message).toContain(`dbosEngine.${key}: ${message}`);
    expect(error.message).not.toContain("CANARY");
  });

  it("are all told of at once", () => {
    const error = catchError(() => dbosEngine({ database, leaseMs: 1, pollMs: 1 }));
    expect(error.message).toMatch(/^dbosEngine: 2 problems\n {2}dbosEngine\.leaseMs: .*\n {2}dbosEngine\.pollMs: /);
  });

  it("of prune are milliseconds", async () => {
    const { engine } = await openProcess({});
    for (const wrong of [-1, NaN, Infinity])
      await expect(engine.prune(wrong)).rejects.toThrow(/engine\.prune: expected milliseconds, 0 or more, found/);
    await engine.close();
  });
});

describe("an engine that is closed", () => {
  it("while it starts is closed when it has started, and another one may start", async () => {
    const { engine, runtime } = createProcess({});
    await Promise.all([engine.close(), engine.close()]);
    await runtime.ready();
    await expect(runtime.find()).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    const next = await openProcess({});
    expect(await next.runtime.find({ graph: "none" })).toEqual([]);
    await next.close();
  });

  it("or could not start leaves nothing open: another one may start", async () => {
    const pool = sharedPool();
    const broken = { connect: () => Promise.reject(new Error("no database")), query: () => pool.query("nonsense") };
    const { engine, runtime } = createProcess({ engine: { database: broken } });
    await expect(runtime.ready()).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    await engine.close();
    const next = await openProcess({});
    expect(await next.runtime.find({ graph: "none" })).toEqual([]);
    await next.close();
  });
});

function catchError(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  return expect.fail("it did not throw");
}
