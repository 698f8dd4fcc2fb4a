import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { freePorts } from "../jaeger/free-ports.ts";
import { findPostgres } from "./find-postgres.ts";

export interface RunningPostgres {
  /** Of an empty database of a superuser; other databases of the server: `freshDatabase`. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export interface PostgresOptions {
  /** When it stops by itself, at the latest. @default 30 minutes */
  readonly lifetimeMs?: number;
  /** Settings of the server, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export const noPostgres =
  "there is no PostgreSQL on this machine (DATABASE_URL, /usr/lib/postgresql); install it with: npm run postgres:install";

const readyWithinMs = 30_000;

/** Whether `startPostgres` can give one without installing anything. */
export function hasPostgres(): boolean {
  return named() !== undefined || findPostgres() !== undefined;
}

/**
 * A PostgreSQL of its own on the loopback interface, with its data in a temporary folder; it ends with this process, also when
 * this one crashes. What `DATABASE_URL` names is used as it is.
 * @throws {Error} with what PostgreSQL said, when it is not ready in time or not there
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<RunningPostgres> {
  const given = named();
  if (given !== undefined) return { url: given, stop: () => Promise.resolve() };
  const binaries = findPostgres();
  if (binaries === undefined) throw new Error(noPostgres);
  const tries = 3;
  for (let tried = 1; ; tried += 1) {
    const { port } = await freePorts({ port: undefined });
    try {
      return await startOn(port, binaries, options);
    } catch (error) {
      // Somebody else may have taken the port between our look and the server's.
      if (tried === tries || !String(error).includes("Address already in use")) throw error;
    }
  }
}

function named(): string | undefined {
  const url = process.env["DATABASE_URL"];
  return url === "" ? undefined : url;
}

async function startOn(port: number, binaries: string, options: PostgresOptions): Promise<RunningPostgres> {
  const who = account();
  const folder = emptyFolder(who);
  const data = join(folder, "data");
  const initial = ["-D", data, "-U", "tierwise", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
  const { status, stderr } = spawnSync(join(binaries, "initdb"), initial, { ...who, cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`PostgreSQL could not make its data folder: ${stderr}`);
  const settings = { max_connections: "300", ...options.settings, port: String(port) };
  const server = ["-D", data, "-h", "127.0.0.1", "-k", folder, ...asArguments(settings)];
  const lifetimeMs = String(options.lifetimeMs ?? 30 * 60_000);
  const ids = who === undefined ? ["", ""] : [String(who.uid), String(who.gid)];
  const script = join(import.meta.dirname, "guard.ts");
  const args = [script, folder, lifetimeMs, ...ids, join(binaries, "postgres"), ...server];
  const guard = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  guard.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => guard.once("close", () => resolve()));
  const stop = async (): Promise<void> => {
    guard.stdin.end();
    await ended;
  };
  const url = `postgresql://tierwise@127.0.0.1:${port}/postgres`;
  if (await isReady(url, guard)) return { url, stop };
  await stop();
  throw new Error(`PostgreSQL was not ready within ${readyWithinMs / 1_000} s: ${said}`);
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root. */
function account(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const ids = ["postgres", "nobody"].map((name) => ["-u", "-g"].map((which) => idOf(which, name)));
  const [uid, gid] = ids.find(([found]) => found !== undefined) ?? [];
  if (uid === undefined || gid === undefined) throw new Error("PostgreSQL needs a user other than root; make one");
  return { uid, gid };
}

function idOf(which: string, name: string): number | undefined {
  const { status, stdout } = spawnSync("id", [which, name], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : undefined;
}

function emptyFolder(who: Account | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), "tierwise-postgres-"));
  if (who !== undefined) chownSync(folder, who.uid, who.gid);
  chmodSync(folder, 0o700);
  return folder;
}

function asArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function isReady(url: string, guard: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + readyWithinMs;
  while (performance.now() < deadline && guard.exitCode === null) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await sleep(50);
    }
  }
  return false;
}
