/**
 * Runs that outlive the process, on DBOS: `createRuntime({ engine: dbosEngine({ database }) })`. Needs `@dbos-inc/dbos-sdk`,
 * and for PGlite `@electric-sql/pglite`.
 * @module
 */
export { dbosEngine, DbosEngine } from "./dbos-engine.ts";
export type { DbosEngineOptions } from "./dbos-options.ts";
export type { GivenAnswer, PendingQuestion } from "./questions.ts";
export { pglitePool } from "./pglite.ts";
export type { PglitePool } from "./pglite-pool.ts";
export type { DatabasePool } from "./tables.ts";
