import { fork, type ChildProcess } from "node:child_process";
import type { Command, EngineName } from "./worker.ts";

type Told = { readonly ok: unknown } | { readonly error: string };

/** An engine in a process of its own, because DBOS is one a process. Ends with this one, whatever happens. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<string>;

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    this.#ended = new Promise((resolve) =>
      child.once("exit", (code, signal) => resolve(`${name} ended (${code ?? signal})`)),
    );
  }

  /** Resolves when the engine is open. @param worker number of this one, where several share a database */
  static async start(
    engine: EngineName,
    { database, leaseMs = 15_000, worker = 0 }: { database: string; leaseMs?: number; worker?: number },
  ): Promise<WorkerProcess> {
    const child = fork(new URL("worker.ts", import.meta.url), [engine, database, `${leaseMs}`], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, WORKER: `${worker}` },
    });
    const started = new WorkerProcess(child, `${engine} on ${database}`);
    await started.#heard();
    return started;
  }

  /** @throws {Error} what the worker says, or that it is gone */
  async tell<Answer = number>(command: Command): Promise<Answer> {
    const heard = this.#heard();
    this.#child.send(command);
    const told = await heard;
    if ("error" in told) throw new Error(`${this.#name}: ${told.error}`);
    return told.ok as Answer;
  }

  /** As a power cut ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async #heard(): Promise<Told> {
    const message = new Promise<Told>((resolve) => this.#child.once("message", (told) => resolve(told as Told)));
    const gone = this.#ended.then((why) => Promise.reject(new Error(why)));
    return Promise.race([message, gone]);
  }
}
