import { DBOS } from "@dbos-inc/dbos-sdk";
import { assertStillOwnsWorkflow } from "@dbos-inc/dbos-sdk/datasource";
import { getExecutor } from "@dbos-inc/dbos-sdk/internal/dbos";
import type { Clock } from "../../common/clock.ts";
import type { Patience } from "./patience.ts";
import type { Tables } from "./tables.ts";

interface Around {
  readonly tables: Tables;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly executorId: string;
  readonly version: string;
  readonly leaseMs: number;
}

/**
 * Workers that share a database. Each beats while it lives; whoever sees runs of one that does not any more puts them back
 * on the queue, and the queue gives each to one worker. DBOS alone recovers only what its own executor id left.
 */
export class Fleet {
  readonly #around: Around;
  #lastBeatMs: number;
  #stopTimer: (() => void) | undefined;
  #isClosed = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(around: Around) {
    this.#around = around;
    this.#lastBeatMs = around.clock.nowMs();
  }

  /** Before DBOS is launched: a run of ours must never look like one of the dead. */
  async join(): Promise<void> {
    await this.#beat();
    this.#schedule();
  }

  /** After DBOS was launched. */
  async sweep(): Promise<void> {
    const { tables, version, leaseMs } = this.#around;
    const status = { status: "PENDING", applicationVersion: version, loadInput: false, loadOutput: false } as const;
    const runs = await DBOS.listWorkflows(status);
    const owners = [...new Set(runs.flatMap(({ executorId }) => (executorId === undefined ? [] : [executorId])))];
    if (owners.length === 0) return;
    const dead = await tables.dead(owners, leaseMs);
    if (dead.length > 0) await getExecutor().recoverPendingWorkflows([...dead]);
  }

  /**
   * A process that stood still longer than its lease may have lost its runs: it asks before it starts anything.
   * @throws what DBOS wants thrown for a run that is another's
   */
  async assertOwner(runId: string): Promise<void> {
    const { clock, leaseMs, patience } = this.#around;
    if (clock.nowMs() - this.#lastBeatMs < leaseMs) return;
    await patience.ask(() => assertStillOwnsWorkflow(runId));
  }

  /** Others may take over what is left at once. */
  async leave(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimer?.();
    await this.#beating;
    await this.#around.tables.leave(this.#around.executorId);
  }

  #schedule(): void {
    const { clock, leaseMs } = this.#around;
    if (this.#isClosed) return;
    this.#stopTimer = clock.setTimer(leaseMs / 3, () => {
      this.#beating = this.#beatAndSweep();
    });
  }

  async #beatAndSweep(): Promise<void> {
    try {
      await this.#beat();
      await this.sweep();
    } catch {
      // The database is down: the lease runs out, and who is cut off from it stops starting things.
    } finally {
      this.#schedule();
    }
  }

  async #beat(): Promise<void> {
    const { tables, clock, executorId, version } = this.#around;
    const atMs = clock.nowMs();
    await tables.beat(executorId, version);
    this.#lastBeatMs = atMs;
  }
}
