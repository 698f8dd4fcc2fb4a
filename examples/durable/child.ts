/** A process of the desk, as the one that started it sees it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { WorkerNews, WorkerTask } from "./worker.ts";

export class Child implements AsyncDisposable {
  readonly news: WorkerNews[] = [];
  readonly #process: ChildProcess;
  readonly #gone: Promise<unknown>;

  constructor(task: WorkerTask) {
    this.#process = fork(join(import.meta.dirname, "worker.ts"), [JSON.stringify(task)]);
    this.#process.on("message", (news: WorkerNews) => void this.news.push(news));
    // What it said last may arrive after it is gone.
    this.#gone = Promise.all([once(this.#process, "exit"), once(this.#process, "disconnect")]);
  }

  /** @throws {Error} when it is gone without having said it */
  async hears<T extends WorkerNews["type"]>(type: T): Promise<Extract<WorkerNews, { type: T }>> {
    const stop = new AbortController();
    void this.#gone.then(() => stop.abort(new Error(`a worker ended before it was "${type}"`)));
    for (;;) {
      const said = this.news.find((news): news is Extract<WorkerNews, { type: T }> => news.type === type);
      if (said !== undefined) return said;
      await once(this.#process, "message", stop);
    }
  }

  /** As a crash does it: nothing in the process gets to know. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#gone;
  }

  /** Waits for a worker that ends by itself. */
  async ends(): Promise<void> {
    await this.#gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
  }
}
