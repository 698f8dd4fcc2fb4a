import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** One line of its log, and which one it is. */
export type Line = Readonly<Record<string, unknown>> & { readonly at: number };

/** How busy it is, as it says itself. */
export interface Look {
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly calls: number;
  readonly heapMb: number;
}

const main = fileURLToPath(new URL("../../examples/service/main.ts", import.meta.url));
const prices = { SLM_PRICE: "0.05,0.05", LLM_PRICE: "1.25,10" };

/** The service as its operator starts it, on a free port, with one server for both models. Keeps what it logs. */
export class ServiceProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Line[] = [];
  readonly #ended: Promise<number | null>;
  readonly #ready = Promise.withResolvers<string>();
  #url = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    let stderr = "";
    child.stderr!.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    createInterface({ input: child.stdout! }).on("line", (text) => this.#hear(JSON.parse(text) as object));
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    void this.#ended.then(() => this.#ready.reject(new Error(stderr.trim())));
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when it listens. @throws {Error} with what it wrote when it ends before */
  static async start(baseURL: string, environment: Readonly<Record<string, string>>): Promise<ServiceProcess> {
    const models = { SLM_BASE_URL: baseURL, SLM_MODEL: "small", LLM_BASE_URL: baseURL, LLM_MODEL: "large", ...prices };
    const env = { PATH: process.env["PATH"], PORT: "0", DEBUG_ROUTES: "1", ...models, ...environment };
    const service = new ServiceProcess(spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] }));
    service.#url = await service.#ready.promise;
    return service;
  }

  get url(): string {
    return this.#url;
  }

  /** What it logged so far. */
  lines(): readonly Line[] {
    return this.#lines;
  }

  async look(): Promise<Look> {
    return (await (await fetch(`${this.#url}/debug/load`)).json()) as Look;
  }

  /** @returns its exit code, when it has ended */
  terminate(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #hear(told: object): void {
    const line: Line = { ...told, at: this.#lines.length };
    this.#lines.push(line);
    const [, url] = /listening at (\S+)/.exec(String(line["msg"])) ?? [];
    if (url !== undefined) this.#ready.resolve(url);
  }
}
