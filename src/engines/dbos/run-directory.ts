import { DBOS } from "@dbos-inc/dbos-sdk";
import type { RunInfo, RunQuery, RunStatus } from "../../runtime/engine.ts";
import { decode } from "../codec.ts";
import type { Seal } from "../seal.ts";
import { workflowName } from "./launch-dbos.ts";
import type { Tables } from "./tables.ts";

/** Key of the note that says why a run was set aside. */
export const refusalKey = "refused";
export const notePlace = (key: string): string => `note ${key}`;

const storedStatus = {
  running: ["PENDING", "ENQUEUED", "DELAYED"],
  ended: ["SUCCESS", "ERROR"],
  cancelled: ["CANCELLED"],
  refused: ["CANCELLED"],
  stuck: ["MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
} as const;

/** Runs of all processes, without what is in them. */
export class RunDirectory {
  readonly #tables: Tables;
  readonly #seal: (runId: string) => Seal;

  constructor(tables: Tables, seal: (runId: string) => Seal) {
    this.#tables = tables;
    this.#seal = seal;
  }

  async find({ status, graph, limit = 100 }: RunQuery): Promise<readonly RunInfo[]> {
    const attributes = graph === undefined ? {} : { attributes: { graph } };
    const wanted = status === undefined ? {} : { status: [...storedStatus[status]] };
    const what = { workflowName, ...attributes, ...wanted, sortDesc: true, loadInput: false, loadOutput: false };
    // Which of those that DBOS calls cancelled were refused, notes alone tell.
    const isTold = status === "refused" || status === "cancelled";
    const rows = await DBOS.listWorkflows(isTold ? what : { ...what, limit });
    const infos = await Promise.all(
      rows.map(async ({ workflowID, status: stored, attributes: told = {}, createdAt }): Promise<RunInfo> => {
        const why = stored === "CANCELLED" ? await this.refusal(workflowID) : undefined;
        return {
          runId: workflowID,
          status: why === undefined ? statusOf(stored) : "refused",
          graph: String(told["graph"]),
          graphVersion: String(told["graphVersion"]),
          startedAtMs: createdAt,
          ...(why !== undefined && { why }),
        };
      }),
    );
    return infos.filter((info) => status === undefined || info.status === status).slice(0, limit);
  }

  /** Told as far as it can be read: who refused may have had another key. */
  async refusal(runId: string): Promise<string | undefined> {
    const found = (await this.#tables.notes(runId)).findLast(({ key }) => key === refusalKey);
    try {
      return found && String(decode(this.#seal(runId).open(notePlace(refusalKey), found.value)));
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Deletes runs that ended before this, in milliseconds since the Unix epoch. @returns how many, at most 1,000 */
  async prune(beforeMs: number): Promise<number> {
    const completedBefore = new Date(beforeMs).toISOString();
    const status = [...storedStatus.ended, ...storedStatus.cancelled];
    const what = { workflowName, status, completedBefore, limit: 1_000, loadInput: false, loadOutput: false };
    const runIds = (await DBOS.listWorkflows(what)).map(({ workflowID }) => workflowID);
    await this.#tables.forget(runIds);
    await DBOS.deleteWorkflows(runIds);
    return runIds.length;
  }
}

function statusOf(stored: string): RunStatus {
  const found = (Object.keys(storedStatus) as RunStatus[]).find((status) =>
    (storedStatus[status] as readonly string[]).includes(stored),
  );
  return found ?? "running";
}
