import { DBOS } from "@dbos-inc/dbos-sdk";
import { pglitePool } from "tierwise/dbos";
import { poolOf } from "./pool.ts";
import { add, isFolder, shapes, type Opening, type Shape, type Subject } from "./subject.ts";

/** What one would write on DBOS alone: a workflow that calls `DBOS.runStep` for each step. */
export async function openDbos({ database, gate }: Opening): Promise<Subject> {
  const pool = isFolder(database) ? pglitePool(database) : poolOf(database);
  DBOS.setConfig({
    name: "bench",
    ...(isFolder(database)
      ? { systemDatabasePool: pool as never, useListenNotify: false }
      : { systemDatabaseUrl: database }),
    // The same at every start of the process: that is how it finds what it left.
    executorID: `bench-${process.env["WORKER"] ?? "0"}`,
    applicationVersion: "1",
    logLevel: "warn",
  });
  const workflow = DBOS.registerWorkflow(
    async (name: keyof typeof shapes): Promise<number> => {
      const { steps, isParallel = false, isGated = false }: Shape = shapes[name];
      if (isGated) gate.start();
      const step = (value: number, index: number): Promise<number> =>
        DBOS.runStep(
          async () => {
            if (isGated && index === steps - 1) await gate.wait();
            return add(value);
          },
          { name: `step-${index}` },
        );
      if (isParallel) return (await Promise.all(Array.from({ length: steps }, (_, index) => step(0, index)))).length;
      let value = 0;
      for (let index = 0; index < steps; index += 1) value = await step(value, index);
      return value;
    },
    { name: "bench-run", maxRecoveryAttempts: 50 },
  );
  await DBOS.launch();
  return {
    run: async (shape, runId) => (await DBOS.startWorkflow(workflow, { workflowID: runId })(shape)).getResult(),
    query: async (text) => (await pool.query(text)).rows as Record<string, unknown>[],
  };
}
