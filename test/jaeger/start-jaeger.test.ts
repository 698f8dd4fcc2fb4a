import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { findJaeger } from "../../scripts/jaeger/find-jaeger.ts";
import { jaegerConfig } from "../../scripts/jaeger/jaeger-config.ts";
import { startJaeger } from "../../scripts/jaeger/start-jaeger.ts";
import { needsJaeger } from "./jaeger.ts";

needsJaeger();

const scripts = join(import.meta.dirname, "..", "..", "scripts", "jaeger");

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/api/v3/services`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function isGone(url: string): Promise<boolean> {
  for (let tries = 0; tries < 100 && (await answers(url)); tries += 1) await sleep(50);
  return !(await answers(url));
}

/** Waits for a text that a process writes. */
function written(child: ChildProcess, pattern: RegExp): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.once("close", () => reject(new Error(`ended without ${String(pattern)}: ${said}`)));
    child.stdout!.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (pattern.test(said)) resolve(said);
    });
  });
}

it("ends when it is told, and when its time is up", async () => {
  const { path } = findJaeger(process.env)!;
  const told = await startJaeger(path, { lifetimeMs: 60_000 });
  expect(await answers(told.query)).toBe(true);
  await told.stop();
  expect(await answers(told.query)).toBe(false);
  const brief = await startJaeger(path, { lifetimeMs: 1_500 });
  expect(await isGone(brief.query)).toBe(true);
  await brief.stop();
});

it("ends when the process that started it is killed", async () => {
  const program = `
    import { findJaeger } from ${JSON.stringify(join(scripts, "find-jaeger.ts"))};
    import { startJaeger } from ${JSON.stringify(join(scripts, "start-jaeger.ts"))};
    const jaeger = await startJaeger(findJaeger(process.env).path, { lifetimeMs: 60_000 });
    console.log(\`runs at <\${jaeger.query}>\`);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = /<(.*)>/.exec(await written(child, /<.*>/))![1]!;
  expect(await answers(url)).toBe(true);
  child.kill("SIGKILL");
  expect(await isGone(url)).toBe(true);
});

it("says what Jaeger said when it does not start", async () => {
  await expect(startJaeger("/no/such/jaeger", { lifetimeMs: 1_000 })).rejects.toThrow(/ENOENT/);
});

it("listens on the loopback interface only", () => {
  const ports = { otlpHttp: 1, otlpGrpc: 2, queryHttp: 3, queryGrpc: 4, health: 5 };
  const endpoints = [...jaegerConfig(ports).matchAll(/"endpoint":"([^"]*)"/g)].map(([, endpoint]) => endpoint);
  expect(endpoints.toSorted()).toEqual([1, 2, 3, 4, 5].map((port) => `127.0.0.1:${port}`));
});

it("shows the demo with three links, and stops when it is interrupted", async () => {
  const child = spawn(process.execPath, [join(scripts, "main.ts"), "--minutes", "5"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const said = await written(child, /It stops with/);
  expect(said.match(/\/search\?service=support-desk&tags=/g)).toHaveLength(3);
  expect(said).toMatch(/escalated runs: [1-9]/);
  expect(said).toMatch(/dearest runs \(bucket [^)]+\): [1-9]/);
  expect(said).toContain("refused flows: 1\n");
  child.kill("SIGINT");
  await new Promise((closed) => child.once("close", closed));
  expect(await isGone(/runs at (\S+)/.exec(said)![1]!)).toBe(true);
});

it("tells a user without a Jaeger how to get one, and that is no failure", () => {
  const home = mkdtempSync(join(tmpdir(), "tierwise-home-"));
  try {
    const env = { HOME: home, PATH: home };
    const { stdout, status } = spawnSync(process.execPath, [join(scripts, "main.ts")], { encoding: "utf8", env });
    expect(status).toBe(0);
    expect(stdout).toContain(
      "docker run --rm -p 16686:16686 -p 4318:4318 cr.jaegertracing.io/jaegertracing/jaeger:2.20.0",
    );
  } finally {
    rmSync(home, { recursive: true });
  }
});
