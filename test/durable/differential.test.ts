import { expect, it } from "vitest";
import { compareEngines } from "../support/differential.ts";

/** 300 and more are compared on PostgreSQL: `npm run test:postgres`. */
const runs = 60;

it("60 random graphs come to the same on the durable engine as in memory: outputs, events, books", async () => {
  const compared = await compareEngines(runs);
  expect(compared.completed + compared.failed).toBe(runs);
  expect(compared.steps).toBeGreaterThan(2 * runs);
  for (const count of Object.values(compared)) expect(count).toBeGreaterThan(0);
});
