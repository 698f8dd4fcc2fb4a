import { expect, it } from "vitest";
import { expectOneRefund, runDurableDemo } from "../support/durable-demo.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

it("the durable demo refunds once where the person answers from another process", async () => {
  const { url, drop } = await ownDatabase();
  const { stdout } = await runDurableDemo({ DATABASE_URL: url }).finally(drop);
  expectOneRefund(stdout);
  expect(stdout).toContain("its state is in PostgreSQL");
  expect(stdout).toContain("lea says yes, from another process, through the database");
});
