import { DBOS } from "@dbos-inc/dbos-sdk";
import { getExecutor } from "@dbos-inc/dbos-sdk/internal/dbos";
import { dbRetryConfig } from "@dbos-inc/dbos-sdk/internal/utils";
import type { CheckedDbosOptions } from "./dbos-options.ts";
import { guardConnections } from "./guard-connections.ts";
import { migrateDbos } from "./migrate-dbos.ts";
import type { DatabasePool } from "./tables.ts";

/** Of DBOS, while the database is down: it would come to a minute, and runs would stand still as long when it is back. */
const longestPauseSeconds = 5;

export const workflowName = "tierwise-run";

export type Workflow = (start: string) => Promise<string>;

interface Identity {
  readonly executorId: string;
  readonly version: string;
}

/**
 * Opens DBOS, of which a process has one.
 * @param body of the one workflow, which every run is
 * @returns what starts the workflow, and DBOS's own pool
 */
export async function launchDbos(
  { database, logger, maxRecoveries, clock }: CheckedDbosOptions,
  { executorId, version }: Identity,
  body: Workflow,
): Promise<{ readonly workflow: Workflow; readonly pool: DatabasePool }> {
  DBOS.setConfig({
    name: "tierwise",
    ...(typeof database === "string"
      ? { systemDatabaseUrl: database }
      : { systemDatabasePool: database as never, useListenNotify: false }),
    executorID: executorId,
    applicationVersion: version,
    ...(logger === undefined ? { logLevel: "warn" } : { logger }),
  });
  const workflow = DBOS.registerWorkflow(body, { name: workflowName, maxRecoveryAttempts: maxRecoveries });
  dbRetryConfig.maxBackoffSec = longestPauseSeconds;
  await migrateDbos(database, clock);
  await DBOS.launch();
  const { pool } = getExecutor().systemDatabase;
  guardConnections(pool);
  return { workflow, pool };
}

/** What runs is not cancelled: other processes, or the next one, go on with it. */
export async function shutdownDbos(): Promise<void> {
  await DBOS.shutdown({ deregister: true, workflowCompletionTimeoutMS: 0 });
}
