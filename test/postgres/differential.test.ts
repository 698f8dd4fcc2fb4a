import { expect, it } from "vitest";
import { compareEngines } from "../support/differential.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

const { numRuns } = propertyRuns;

it(`${numRuns} random graphs come to the same on PostgreSQL as in memory: outputs, events, books`, async () => {
  const { url, drop } = await ownDatabase();
  const compared = await compareEngines(numRuns, { engine: { database: url } }).finally(drop);
  expect(compared.completed + compared.failed).toBe(numRuns);
  for (const count of Object.values(compared)) expect(count).toBeGreaterThan(0);
}, 1_200_000);
