import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "./free-ports.ts";
import { jaegerConfig, type JaegerPorts } from "./jaeger-config.ts";

export interface JaegerAddresses {
  /** UI and API. */
  readonly query: string;
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
}

export interface RunningJaeger extends JaegerAddresses {
  /** Settles when it has ended, whatever ended it. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface JaegerOptions {
  /** When it stops by itself, at the latest. */
  readonly lifetimeMs: number;
  /** Taken where they are free. @default any */
  readonly wishedPorts?: Partial<JaegerPorts>;
}

const anyPorts = {
  ...{ otlpHttp: undefined, otlpGrpc: undefined, queryHttp: undefined },
  ...{ queryGrpc: undefined, health: undefined },
};
const readyWithinMs = 30_000;

/**
 * A Jaeger of its own on the loopback interface, with its traces in memory. It ends with this process, also when this one
 * crashes.
 * @throws {Error} with what Jaeger said, when it is not ready in time
 */
export async function startJaeger(binary: string, options: JaegerOptions): Promise<RunningJaeger> {
  const tries = 3;
  for (let tried = 1; ; tried += 1) {
    const ports = await freePorts({ ...anyPorts, ...options.wishedPorts });
    try {
      return await startOn(ports, binary, options.lifetimeMs);
    } catch (error) {
      // Somebody else may have taken a port between our look and Jaeger's.
      if (tried === tries || !String(error).includes("address already in use")) throw error;
    }
  }
}

async function startOn(ports: JaegerPorts, binary: string, lifetimeMs: number): Promise<RunningJaeger> {
  const guard = spawnGuarded(binary, lifetimeMs, (folder) => {
    const config = join(folder, "config.yaml");
    writeFileSync(config, jaegerConfig(ports));
    return ["--config", config];
  });
  let said = "";
  guard.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => guard.once("close", () => resolve()));
  const stop = async (): Promise<void> => {
    guard.stdin.end();
    await ended;
  };
  if (!(await isReady(ports, guard))) {
    await stop();
    throw new Error(`Jaeger was not ready within ${readyWithinMs / 1_000} s: ${said}`);
  }
  const [query, otlpHttp, otlpGrpc] = [ports.queryHttp, ports.otlpHttp, ports.otlpGrpc].map(
    (port) => `http://127.0.0.1:${port}`,
  ) as [string, string, string];
  return { query, otlpHttp, otlpGrpc, ended, stop };
}

/**
 * A process that ends at the end of its input, so that it does not outlive this one, and writes to its error stream what the
 * binary said when it failed.
 * @param prepare fills a folder of its own and says the arguments
 */
export function spawnGuarded(binary: string, lifetimeMs: number, prepare: (folder: string) => readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "tierwise-jaeger-"));
  const args = [join(import.meta.dirname, "guard.ts"), folder, String(lifetimeMs), binary, ...prepare(folder)];
  return spawn(process.execPath, args, { stdio: ["pipe", "ignore", "pipe"] });
}

async function isReady({ health, queryHttp }: JaegerPorts, guard: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + readyWithinMs;
  const urls = [`http://127.0.0.1:${health}/status`, `http://127.0.0.1:${queryHttp}/api/v3/services`];
  while (performance.now() < deadline && guard.exitCode === null) {
    const answers = await Promise.all(urls.map(answersOk));
    if (answers.every(Boolean)) return true;
    await sleep(50);
  }
  return false;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
