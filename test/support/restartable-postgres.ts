import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { findPostgres } from "../../scripts/postgres/find-postgres.ts";

/** A PostgreSQL that a test stops and starts again on the same data. It ends with the test's process. */
export class RestartablePostgres implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #bin: string;
  #server: ChildProcess | undefined;

  private constructor(bin: string, folder: string, port: number) {
    this.#bin = bin;
    this.#folder = folder;
    this.#port = port;
    this.url = `postgresql://tierwise@127.0.0.1:${port}/postgres`;
  }

  static async open(): Promise<RestartablePostgres> {
    const bin = findPostgres()!;
    const folder = mkdtempSync(join(tmpdir(), "tierwise-restartable-"));
    if (isRoot()) chownSync(folder, idOf("-u"), idOf("-g"));
    const initial = ["-D", join(folder, "data"), "-U", "tierwise", "-A", "trust", "--locale=C", "--no-sync"];
    const [command, ...args] = asServerUser(join(bin, "initdb"), initial);
    const { status, stderr } = spawnSync(command!, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    const postgres = new RestartablePostgres(bin, folder, await freePort());
    await postgres.start();
    return postgres;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const settings = [
      "-D",
      join(this.#folder, "data"),
      "-h",
      "127.0.0.1",
      "-k",
      this.#folder,
      "-p",
      String(this.#port),
    ];
    const [command, ...args] = asServerUser(join(this.#bin, "postgres"), settings);
    this.#server = spawn(command!, args, { cwd: this.#folder, stdio: "ignore" });
    while (!(await answers(this.url))) await setTimeout(50);
  }

  /** As `pg_ctl stop -m immediate`: nobody is waited for, and the next start recovers from the log. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null) return;
    const gone = once(server, "exit");
    server.kill("SIGQUIT");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/** The server refuses to run as root; it is told to end when its starter is gone, however that went. */
function asServerUser(command: string, args: readonly string[]): readonly string[] {
  const who = isRoot() ? ["--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  return ["setpriv", ...who, "--pdeathsig", "QUIT", command, ...args];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function idOf(which: "-u" | "-g"): number {
  return Number(spawnSync("id", [which, "postgres"], { encoding: "utf8" }).stdout);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
