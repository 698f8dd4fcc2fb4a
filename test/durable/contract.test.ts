import { afterAll, beforeAll, describe, it } from "vitest";
import { dbosEngine, pglitePool, type DbosEngine } from "../../src/engines/dbos/index.ts";
import { durableEngineContract, engineContract, ServedEngine } from "../../src/testing/index.ts";

describe("the engine on DBOS, over PGlite", () => {
  let engine: DbosEngine;
  let served: ServedEngine;
  beforeAll(async () => {
    engine = dbosEngine({ database: pglitePool(), pollMs: 10 });
    served = await ServedEngine.over(engine);
  });
  afterAll(() => engine.close());

  it.each([...engineContract, ...durableEngineContract])("$name", ({ check }) => check(served));
});
