import { fork, type ChildProcess } from "node:child_process";
import type { Command, Counts, Told } from "./model-server.ts";

/** The models' server as a process of its own. */
export class ModelProcess implements Disposable {
  readonly #child: ChildProcess;
  #baseURL = "";

  private constructor(seed: number) {
    const stdio = ["ignore", "ignore", "inherit", "ipc"] as const;
    this.#child = fork(new URL("model-server.ts", import.meta.url), [String(seed)], { stdio: [...stdio] });
  }

  static async start(seed: number): Promise<ModelProcess> {
    const models = new ModelProcess(seed);
    models.#baseURL = ((await models.#heard()) as { baseURL: string }).baseURL;
    return models;
  }

  get baseURL(): string {
    return this.#baseURL;
  }

  async count(): Promise<Counts> {
    return (await this.#ask("count")) as Counts;
  }

  async become(mood: Exclude<Command, "count">): Promise<void> {
    await this.#ask(mood);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }

  #ask(command: Command): Promise<Told> {
    const answer = this.#heard();
    this.#child.send(command);
    return answer;
  }

  #heard(): Promise<Told> {
    return new Promise((resolve) => this.#child.once("message", (message) => resolve(message as Told)));
  }
}
