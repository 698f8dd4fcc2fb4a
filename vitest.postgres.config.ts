import { defineConfig } from "vitest/config";

/** `npm run test:postgres`: durable runs on a real PostgreSQL. */
export default defineConfig({
  test: {
    include: ["test/postgres/**/*.test.ts"],
    globalSetup: ["test/postgres/global-setup.ts"],
    // One DBOS a process: files run one after the other, each in its own.
    fileParallelism: false,
    testTimeout: 120_000,
  },
});
