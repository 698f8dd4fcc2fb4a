import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Child } from "./child.ts";
import { judge, type Verdict } from "./oracle.ts";
import type { KillAt } from "./kill-points.ts";
import type { WorkerTask } from "./worker.ts";
import { World } from "./world.ts";

export const leaseMs = 1_500;
const endWithinMs = 60_000;

/** A database, what is outside of it, and workers that come and go. */
export class Arena implements AsyncDisposable {
  readonly world: World;
  readonly #databaseUrl: string;
  readonly #pool: pg.Pool;
  readonly #children = new Set<Child>();

  private constructor(world: World, databaseUrl: string) {
    this.world = world;
    this.#databaseUrl = databaseUrl;
    this.#pool = new pg.Pool({ connectionString: databaseUrl });
    // Its database is dropped at the end.
    this.#pool.on("error", () => undefined);
  }

  static async open(databaseUrl: string): Promise<Arena> {
    return new Arena(await World.open(), databaseUrl);
  }

  /** @param start runs that it starts by itself; `killAt` counts in the first of them */
  worker({
    start = [],
    ...options
  }: Partial<Pick<WorkerTask, "start" | "answerAfterMs">> & { killAt?: KillAt } = {}): Child {
    const { modelUrl, serviceUrl } = this.world;
    const task = { databaseUrl: this.#databaseUrl, modelUrl, serviceUrl, leaseMs, answerAfterMs: 0, start, ...options };
    const child = new Child(task);
    this.#children.add(child);
    void child.gone.then(() => this.#children.delete(child));
    return child;
  }

  /** By run: where it stands in the database; a run that was never admitted is not there. */
  async statuses(): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.#pool
      .query<{ id: string; status: string }>(`SELECT workflow_uuid AS id, status FROM dbos.workflow_status`)
      // Before the first worker has made the tables.
      .catch(() => ({ rows: [] }));
    return new Map(rows.map(({ id, status }) => [id, status]));
  }

  async isOver(runId: string): Promise<boolean> {
    return isOver((await this.statuses()).get(runId));
  }

  /** Waits for a run, which is started again as long as it was never admitted. @throws {Error} when it does not end */
  async ends(runId: string, survivor: Child): Promise<void> {
    const deadline = Date.now() + endWithinMs;
    for (;;) {
      const status = (await this.statuses()).get(runId);
      if (isOver(status)) return;
      if (Date.now() > deadline)
        throw new Error(`${runId}: not over after ${endWithinMs / 1_000} s: ${status ?? "never admitted"}`);
      if (status === undefined) survivor.order({ start: runId });
      await sleep(100);
    }
  }

  async verdict(runId: string, survivor: Child): Promise<Verdict> {
    const ended = await survivor.result(runId);
    return judge(this.#pool, this.world, { runId, ended });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#children];
    for (const child of children) child.kill();
    await Promise.all(children.map(({ gone }) => gone));
    await this.#pool.end();
    await this.world[Symbol.asyncDispose]();
  }
}

export function isOver(status: string | undefined): boolean {
  return status !== undefined && !["PENDING", "ENQUEUED", "DELAYED"].includes(status);
}
