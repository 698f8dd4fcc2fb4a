import { describe, it } from "vitest";
import { systemClock } from "../common/clock.ts";
import { engineContract, ServedEngine } from "../testing/engine-contract.ts";
import { InMemoryEngine } from "./in-memory-engine.ts";

describe("the engine in memory", () => {
  it.each(engineContract)("$name", async ({ check }) => {
    await check(await ServedEngine.over(new InMemoryEngine(systemClock)));
  });
});
