import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Where Debian and its descendants put the servers, one folder a version. */
const packaged = "/usr/lib/postgresql";

/** @returns the folder with the newest `initdb` and `postgres` of this machine */
export function findPostgres(): string | undefined {
  const versions = existsSync(packaged) ? readdirSync(packaged).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(packaged, version, "bin")).find(hasServer);
  if (found !== undefined) return found;
  const { stdout, status } = spawnSync("pg_config", ["--bindir"], { encoding: "utf8" });
  return status === 0 && hasServer(stdout.trim()) ? stdout.trim() : undefined;
}

function hasServer(folder: string): boolean {
  return ["initdb", "postgres"].every((name) => existsSync(join(folder, name)));
}
