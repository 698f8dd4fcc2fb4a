import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

export interface FoundJaeger {
  readonly path: string;
  readonly from: "TIERWISE_JAEGER" | "PATH" | "cache";
}

/** Where a Jaeger that was built here is kept for the next time. */
export const cachedJaeger = join(homedir(), ".cache", "tierwise", "bin", "jaeger");

/**
 * A Jaeger 2 of this machine: what `TIERWISE_JAEGER` names, else `jaeger` on the PATH, else the one that was built here.
 * @throws {Error} when `TIERWISE_JAEGER` names something else: who sets it wants that one and no other
 */
export function findJaeger(environment: Environment): FoundJaeger | undefined {
  const named = environment["TIERWISE_JAEGER"];
  if (named !== undefined && named !== "") {
    if (isJaeger2(named)) return { path: named, from: "TIERWISE_JAEGER" };
    throw new Error(`TIERWISE_JAEGER is not a Jaeger 2 that runs here: ${named}`);
  }
  if (isJaeger2("jaeger")) return { path: "jaeger", from: "PATH" };
  return existsSync(cachedJaeger) && isJaeger2(cachedJaeger) ? { path: cachedJaeger, from: "cache" } : undefined;
}

/** Version 1 had no binary of this name. One that was built from its module says no version at all. */
function isJaeger2(path: string): boolean {
  const { stdout, status } = spawnSync(path, ["version"], { encoding: "utf8", timeout: 20_000 });
  if (status !== 0) return false;
  const version = /"gitVersion":"([^"]*)"/.exec(stdout)?.[1];
  return version === "" || /^v?2\./.test(version ?? "");
}
