/** One PostgreSQL for all tests of this folder, started before the first and stopped after the last. */
import type { TestProject } from "vitest/node";
import { hasPostgres, noPostgres, startPostgres } from "../../scripts/postgres/start-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of its server; `undefined` where this machine has none. */
    postgresUrl: string | undefined;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!hasPostgres()) {
    if (process.env["CI"] === "true" || process.env["TIERWISE_REQUIRE_POSTGRES"] === "1") throw new Error(noPostgres);
    return undefined;
  }
  const { url, stop } = await startPostgres();
  project.provide("postgresUrl", url);
  return stop;
}
