import { DBOS } from "@dbos-inc/dbos-sdk";
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
  /** Throws what DBOS wants thrown for a run that is another's. */
  readonly assertStillOwns: (runId: string) => Promise<void>;
}

/**
 * Workers that share a database. Each beats while it lives; whoever sees runs of one that does not any more puts them back
 * on the queue, and the queue gives each to one worker. DBOS alone recovers only what its own executor id left.
 */
export class Fleet {
  readonly #around: Around;
  #lastBeatMs: number;
  /** How often this process was silent for a lease: others may have taken its runs over then. */
  #silences = 0;
  /** By run, the silences after which it was known to be ours. */
  readonly #ours = new Map<string, number>();
  /** Since when runs were seen of processes that never beat. */
  readonly #strangers = new Map<string, number>();
  #stopTimer: (() => void) | undefined;
  #isClosed = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(around: Around) {
    this.#around = around;
    this.#lastBeatMs = around.clock.nowMs();
  }

  /** Runs that DBOS gave this process before are asked about before anything of them is started. */
  async join(): Promise<void> {
    await this.#around.tables.forgetWorkers();
    await this.#beat();
    this.#schedule();
  }

  /** After DBOS was launched. */
  async sweep(): Promise<void> {
    const { version } = this.#around;
    const status = { status: "PENDING", applicationVersion: version, loadInput: false, loadOutput: false } as const;
    const runs = await DBOS.listWorkflows(status);
    const owners = [...new Set(runs.flatMap(({ executorId }) => (executorId === undefined ? [] : [executorId])))];
    if (owners.length === 0) return;
    const dead = await this.#deadOf(owners);
    if (dead.length > 0) await getExecutor().recoverPendingWorkflows([...dead]);
  }

  /** DBOS gave this process the run: it is ours, unless this process falls silent. */
  take(runId: string): void {
    this.#ours.set(runId, this.#silences);
  }

  /** It is over here. */
  release(runId: string): void {
    this.#ours.delete(runId);
  }

  /**
   * A process that stood still longer than its lease may have lost its runs, also when it beats again: for each of them it asks
   * before it starts anything.
   * @throws what DBOS wants thrown for a run that is another's
   */
  async assertOwner(runId: string): Promise<void> {
    const { clock, leaseMs, patience, assertStillOwns } = this.#around;
    const isSilent = clock.nowMs() - this.#lastBeatMs >= leaseMs;
    const silences = this.#silences;
    if (!isSilent && this.#ours.get(runId) === silences) return;
    await patience.ask(() => assertStillOwns(runId));
    this.#ours.set(runId, silences);
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
    const { tables, clock, executorId, version, leaseMs } = this.#around;
    const atMs = clock.nowMs();
    await tables.beat(executorId, version);
    if (clock.nowMs() - this.#lastBeatMs >= leaseMs) this.#silences += 1;
    this.#lastBeatMs = atMs;
  }

  /**
   * One that DBOS gave a run before its first beat is about to join, or died on the way: it has a lease from when it was first
   * seen.
   */
  async #deadOf(owners: readonly string[]): Promise<readonly string[]> {
    const { tables, clock, leaseMs } = this.#around;
    const { dead, strangers } = await tables.withoutLease(owners, leaseMs);
    const nowMs = clock.nowMs();
    for (const known of this.#strangers.keys()) if (!strangers.includes(known)) this.#strangers.delete(known);
    for (const stranger of strangers) if (!this.#strangers.has(stranger)) this.#strangers.set(stranger, nowMs);
    return [...dead, ...strangers.filter((stranger) => nowMs - this.#strangers.get(stranger)! >= leaseMs)];
  }
}
