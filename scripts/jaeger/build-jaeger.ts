/** Builds Jaeger with the Go of this machine: `npm run jaeger:build`. Takes 4 to 7 minutes on 2 cores. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cachedJaeger, findJaeger } from "./find-jaeger.ts";

/** Version 2.20.0 by its commit: the module path has no `/v2`, so the tag itself is refused. */
const pinned = "github.com/jaegertracing/jaeger/cmd/jaeger@798e4b0fcf22";
/** The newest tag of the module. It holds the same binary at an earlier version 2, with `/api/v3`. */
const tagged = "github.com/jaegertracing/jaeger@v1.76.0";

/** @throws {Error} in one line when there is no Go, or none of the two can be built */
function buildJaeger(): void {
  if (spawnSync("go", ["version"]).status !== 0)
    throw new Error("building Jaeger needs Go 1.24.6 or newer on the PATH: https://go.dev/dl");
  mkdirSync(dirname(cachedJaeger), { recursive: true });
  if (go(["install", pinned], { env: { ...process.env, GOBIN: dirname(cachedJaeger) } }) !== undefined) return;
  console.error(`${pinned} is not to be had; building ${tagged} instead`);
  buildTagged();
}

/** `go install` refuses a module with `replace` directives, so it is built in a copy of its folder. */
function buildTagged(): void {
  const downloaded = go(["mod", "download", "-json", tagged], {});
  if (downloaded === undefined) throw new Error(`the Go module proxy does not give ${tagged}`);
  const { Dir: source } = JSON.parse(downloaded) as { Dir: string };
  const copy = mkdtempSync(join(tmpdir(), "tierwise-jaeger-build-"));
  try {
    cpSync(source, copy, { recursive: true });
    makeWritable(copy);
    // Moved into place at the end: a build that was cut short must not look like a Jaeger.
    const built = `${cachedJaeger}.${process.pid}`;
    if (go(["build", "-o", built, "./cmd/jaeger"], { cwd: copy }) === undefined)
      throw new Error(`${tagged} cannot be built; see above`);
    renameSync(built, cachedJaeger);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What the module cache holds is read-only, and so is a copy of it. */
function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

/** @returns what it printed, or `undefined` when it failed */
function go(args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv }) {
  const { stdout, status } = spawnSync("go", args, {
    ...{ encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], timeout: 30 * 60_000, maxBuffer: 1 << 24 },
    ...options,
  });
  return status === 0 ? stdout : undefined;
}

try {
  if (findJaeger(process.env) === undefined) buildJaeger();
  const found = findJaeger(process.env);
  if (found === undefined) throw new Error("what was built does not run here");
  console.log(found.path);
} catch (error) {
  console.error(`jaeger:build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
