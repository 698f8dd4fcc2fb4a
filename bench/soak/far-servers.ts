import { fork, type ChildProcess } from "node:child_process";
import type { Command, Mode, Told } from "./server.ts";

/** The servers of `server.ts`, as their parent sees them. One command at a time. */
export class FarServers {
  readonly baseURLs: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: readonly number[]) {
    this.#child = child;
    this.baseURLs = ports.map((port) => `http://127.0.0.1:${port}/v1`);
  }

  static async start(seed: number): Promise<FarServers> {
    const child = fork(new URL("server.ts", import.meta.url), [String(seed)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const { ports } = (await heard(child)) as { ports: readonly number[] };
    return new FarServers(child, ports);
  }

  async setMode(mode: Mode): Promise<void> {
    await this.#ask({ mode });
  }

  /** Requests that arrived whole, since the start. */
  async requests(): Promise<number> {
    return ((await this.#ask("count")) as { requests: number }).requests;
  }

  /** Closes every connection; afterwards nobody answers. */
  async stop(): Promise<void> {
    await this.#ask("stop");
  }

  end(): void {
    this.#child.kill();
  }

  #ask(command: Command): Promise<Told> {
    const answer = heard(this.#child);
    this.#child.send(command);
    return answer;
  }
}

function heard(child: ChildProcess): Promise<Told> {
  return new Promise((resolve) => child.once("message", (message) => resolve(message as Told)));
}
