import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { expect } from "vitest";

const main = join(resolve(import.meta.dirname, "..", ".."), "examples/durable/main.ts");

/** The demo as its user starts it. */
export async function runDurableDemo(
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "DATABASE_URL"));
  const child = spawn(process.execPath, [main], { env: { ...inherited, ...environment } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((ended) => child.on("close", ended));
  expect(code, stderr).toBe(0);
  return { stdout, stderr };
}

/** What it must show, on whichever database it ran. */
export function expectOneRefund(output: string): void {
  expect(output).toContain("committed before the kill: the steps triage, order, approval,");
  expect(output).toContain("a person is asked: Refund 2500 cents for order 1001 (blue lamp)?");
  expect(output).toContain("order service: 1 look-up\n");
  expect(output).toContain("model:         3 requests: 1 before the kill, 2 after it, 0 made again");
  expect(output).toMatch(/the refund was sent 2 times with 1 key \([0-9a-f]{32}\)/);
  expect(output).toContain("booked 1 time: 2500 cents, receipt R-1");
  expect(output).toContain('"receipt": "R-1"');
  // The classifier, the agent's two turns, the letter: those of the killed worker are on the books, and once.
  expect(output).toContain("4 model calls");
  expect(output).toMatch(/^sum +intents, writer +4 /m);
}
