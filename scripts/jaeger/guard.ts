/**
 * Stands between Jaeger and who started it, and ends Jaeger when its time is up, when it is told, or when its starter is gone,
 * however that went: then this process reads the end of its input. Arguments: folder (removed at the end), lifetime in
 * milliseconds, binary and its arguments.
 */
import { spawn } from "node:child_process";
import { openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { memoryLimitMib } from "./jaeger-config.ts";

const [folder = "", lifetimeMs = "0", binary = "", ...args] = process.argv.slice(2);
const logFile = join(folder, "jaeger.log");
const log = openSync(logFile, "a");
const jaeger = spawn(binary, args, {
  stdio: ["ignore", log, log],
  env: { ...process.env, GOMEMLIMIT: `${memoryLimitMib}MiB` },
});

jaeger.on("error", (error) => leave(1, error.message));
jaeger.on("exit", (code) => leave(code ?? 0, code ? readFileSync(logFile, "utf8").slice(-4_000) : ""));

process.stdin.resume();
process.stdin.on("end", end).on("error", end);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
setTimeout(end, Number(lifetimeMs));

function end(): void {
  jaeger.kill("SIGTERM");
  // It waits for open connections, and what it keeps is in memory only.
  setTimeout(() => jaeger.kill("SIGKILL"), 500);
}

function leave(code: number, why: string): void {
  rmSync(folder, { recursive: true, force: true });
  // Who reads this may be gone.
  process.stderr.on("error", () => undefined);
  process.stderr.write(why, () => process.exit(code));
}
