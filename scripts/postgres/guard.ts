/**
 * Stands between PostgreSQL and who started it, and ends PostgreSQL when its time is up, when it is told, or when its starter
 * is gone, however that went: then this process reads the end of its input. Arguments: folder (removed at the end), lifetime in
 * milliseconds, user and group id to run as, binary and its arguments.
 */
import { spawn } from "node:child_process";
import { openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const [folder = "", lifetimeMs = "0", uid = "", gid = "", binary = "", ...args] = process.argv.slice(2);
const logFile = join(folder, "postgres.log");
const log = openSync(logFile, "a");
const who = uid === "" ? {} : { uid: Number(uid), gid: Number(gid) };
const postgres = spawn(binary, args, { ...who, cwd: folder, stdio: ["ignore", log, log] });

postgres.on("error", (error) => leave(1, error.message));
postgres.on("exit", (code) => leave(code ?? 0, code ? readFileSync(logFile, "utf8").slice(-4_000) : ""));

process.stdin.resume();
process.stdin.on("end", end).on("error", end);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
setTimeout(end, Number(lifetimeMs)).unref();

/** Its data goes with it, so open connections are not waited for. */
function end(): void {
  postgres.kill("SIGINT");
  setTimeout(() => postgres.kill("SIGQUIT"), 5_000).unref();
}

function leave(code: number, why: string): void {
  rmSync(folder, { recursive: true, force: true });
  // Who reads this may be gone.
  process.stderr.on("error", () => undefined);
  process.stderr.write(why, () => process.exit(code));
}
