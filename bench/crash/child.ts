import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Ended, WorkerNews, WorkerOrder, WorkerTask } from "./worker.ts";

/** A worker as the parent sees it. It ends with the parent, whatever happens. */
export class Child {
  readonly gone: Promise<unknown>;
  isGone = false;
  isReady = false;
  /** What it wrote to its error stream. */
  said = "";
  readonly #process: ChildProcess;

  constructor(task: WorkerTask) {
    const stdio = ["ignore", "ignore", "pipe", "ipc"] as const;
    this.#process = fork(join(import.meta.dirname, "worker.ts"), [JSON.stringify(task)], { stdio: [...stdio] });
    this.#process.stderr?.on("data", (chunk: Buffer) => (this.said = `${this.said}${chunk.toString()}`.slice(-4_000)));
    this.#process.on("message", (news: WorkerNews) => (this.isReady ||= news.type === "ready"));
    // An order may be on its way to a process that is being killed.
    this.#process.on("error", () => undefined);
    this.gone = once(this.#process, "exit").then(() => (this.isGone = true));
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  order(order: WorkerOrder): void {
    if (!this.isGone && this.#process.connected) this.#process.send(order, () => undefined);
  }

  async ready(): Promise<void> {
    while (!this.isReady && !this.isGone) await Promise.race([once(this.#process, "message"), this.gone]);
    if (this.isGone) throw new Error(`a worker ended before it was ready: ${this.said}`);
  }

  async passed(): Promise<readonly (readonly [string, number])[]> {
    this.order("passed");
    const { passed } = await this.#hears((news) => (news.type === "passed" ? news : undefined));
    return passed;
  }

  async result(runId: string): Promise<Ended> {
    this.order({ result: runId });
    return (await this.#hears((news) => (news.type === "ended" && news.runId === runId ? news : undefined))).ended;
  }

  #hears<T>(wanted: (news: WorkerNews) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const hear = (news: WorkerNews): void => {
        const found = wanted(news);
        if (found === undefined) return;
        this.#process.off("message", hear);
        resolve(found);
      };
      this.#process.on("message", hear);
      void this.gone.then(() => reject(new Error(`a worker ended while it was asked: ${this.said}`)));
    });
  }
}
