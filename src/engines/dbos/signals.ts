import type { Clock } from "../../common/clock.ts";
import type { StoredRow, Tables } from "./tables.ts";

export interface Listener {
  readonly runId: string;
  readonly hear: (key: string, value: string) => void;
}

interface Around {
  readonly tables: Tables;
  readonly clock: Clock;
  readonly pollMs: number;
}

/**
 * Signals between processes, through a table: the first value for a key stays. One poller a process, while a run is under
 * way in it; a database that does not answer is asked again.
 */
export class Signals {
  readonly #around: Around;
  readonly #listeners = new Map<string, Listener>();
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(around: Around) {
    this.#around = around;
  }

  /** What was stored before is told, too. @returns what stops it */
  listen(listener: Listener): () => void {
    this.#listeners.set(listener.runId, listener);
    this.#schedule(0);
    return () => {
      if (this.#listeners.get(listener.runId) === listener) this.#listeners.delete(listener.runId);
    };
  }

  /** Tells a listener now what was stored before. */
  async catchUp(runId: string): Promise<void> {
    for (const row of await this.#around.tables.signals([runId])) this.#tell(row);
  }

  /** @returns false when the key had a value already */
  async send(row: StoredRow): Promise<boolean> {
    const isFirst = await this.#around.tables.signal(row);
    if (isFirst) this.#tell(row);
    return isFirst;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
    this.#listeners.clear();
  }

  #tell({ runId, key, value }: StoredRow): void {
    this.#listeners.get(runId)?.hear(key, value);
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed || this.#stopTimer !== undefined) return;
    this.#stopTimer = this.#around.clock.setTimer(delayMs, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    try {
      if (this.#listeners.size > 0)
        for (const row of await this.#around.tables.signals([...this.#listeners.keys()])) this.#tell(row);
    } catch {
      // The database is down or gone; it is asked again.
    } finally {
      this.#stopTimer = undefined;
      if (this.#listeners.size > 0) this.#schedule(this.#around.pollMs);
    }
  }
}
