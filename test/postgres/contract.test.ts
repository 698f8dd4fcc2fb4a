import { afterAll, beforeAll, describe, inject, it } from "vitest";
import { dbosEngine } from "../../src/engines/dbos/index.ts";
import { durableEngineContract, engineContract, ServedEngine } from "../../src/testing/index.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

describe("the engine on DBOS, over PostgreSQL", () => {
  let served: ServedEngine;
  let close = (): Promise<void> => Promise.resolve();
  beforeAll(async () => {
    if (inject("postgresUrl") === undefined) return;
    const { url, drop } = await ownDatabase();
    const engine = dbosEngine({ database: url, pollMs: 10 });
    close = () => engine.close().then(drop);
    served = await ServedEngine.over(engine);
  }, 60_000);
  afterAll(() => close());

  it.each([...engineContract, ...durableEngineContract])("$name", ({ check }) => check(served));
});
