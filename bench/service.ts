/**
 * `npm run load -- --seconds 60`: 200 clients at once against the service of `examples/service`, whose models answer wrongly once in
 * a hundred times; two clients in a hundred leave on the way. Then SIGTERM while they ask on. The service and its models are
 * processes of their own. Exits 1 if a check fails; times are only shown. `--clients`, `--seed`.
 * @module
 */
import { fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { percentile } from "tierwise";
import { Clients, type Answered } from "./service/clients.ts";
import type { Command, Counts, Told } from "./service/model-server.ts";
import { ServiceProcess } from "./service/service-process.ts";
import { equal, nothing, printTable, shown, tidy, within, type Check } from "./soak/checks.ts";
import { countIn } from "./soak/load.ts";
import { randomOf } from "./soak/random.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string" }, clients: { type: "string" }, seed: { type: "string" } },
});
const seconds = Number(values.seconds ?? 60);
const clients = Number(values.clients ?? 200);
const seed = Number(values.seed ?? 1);
if (!(seconds > 0 && clients > 0 && Number.isInteger(seed)))
  throw new RangeError("load: --seconds and --clients above 0, --seed a whole number");

/** Until the calls of those who left must be given back. */
const freedWithinMs = 2_000;
/** How long the second load goes on before SIGTERM, and how long runs may then go on. */
const beforeTermMs = 3_000;
const drainMs = 20_000;

interface Look {
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly calls: number;
  readonly heapMb: number;
}

const models = fork(new URL("service/model-server.ts", import.meta.url), [String(seed)], {
  stdio: ["ignore", "ignore", "inherit", "ipc"],
});
const { baseURL } = (await heard()) as { baseURL: string };
await using service = await ServiceProcess.start(baseURL, { TENANTS: "load=100000", DRAIN_MS: String(drainMs) });
const random = randomOf(seed);
const checks = [...(await underLoad()), ...(await underTerm())];
models.kill();

console.log(`${seconds} seconds, ${clients} clients, seed ${seed}`);
printTable(checks);
const wrong = checks.filter(({ ok }) => ok === false);
console.log(wrong.length === 0 ? "\nall checks hold" : `\n${wrong.length} checks do not hold`);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function underLoad(): Promise<Check[]> {
  const load = new Clients({ url: service.url, random, clients, abortRatio: 0.02, prefix: "load" });
  await look();
  const startMs = performance.now();
  const going = load.go();
  await pause(seconds * 1_000);
  const busy = await look();
  load.stop();
  await going;
  const tookMs = performance.now() - startMs;
  const freedMs = await freed();
  const { requests, faults, closed } = (await ask("count")) as Counts;
  const { answers } = load;
  const whole = answers.filter(({ outcome }) => outcome === "answered");
  const times = whole.map(({ durationMs }) => durationMs);
  const inside = service
    .lines()
    .flatMap(({ route, ms }) => (route === "/tickets" && typeof ms === "number" ? [ms] : []));
  const { p50, p99, max } = busy.eventLoopDelayMs;
  return [
    shown("requests, of which clients gave up", `${answers.length}, ${count(answers, "aborted")}`),
    shown("statuses", statuses(whole)),
    shown("requests a second", tidy((answers.length * 1_000) / tookMs)),
    equal("lost requests", count(answers, "lost"), 0),
    nothing("requests answered or run more than once", twice()),
    equal("answers of the service itself going wrong (500)", whole.filter(({ status }) => status === 500).length, 0),
    within("ms until no call is under way or waits", freedMs, [0, freedWithinMs]),
    shown("model requests, faults, closed by the service", `${requests}, ${faults}, ${closed}`),
    shown("ms to the whole answer: p50, p95", `${tidy(percentile(times, 0.5))}, ${tidy(percentile(times, 0.95))}`),
    shown(
      "the same, from its request line in the service",
      `${tidy(percentile(inside, 0.5))}, ${tidy(percentile(inside, 0.95))}`,
    ),
    shown("event loop delay of the service, ms: p50, p99, max", [p50, p99, max].map(tidy).join(", ")),
    shown("heap of the service under load, MB", tidy(busy.heapMb)),
  ];
}

/** Everybody who asked before it was answered by a result or by 503; who came later may find nobody there. */
async function underTerm(): Promise<Check[]> {
  await ask("be good");
  const load = new Clients({ url: service.url, random, clients, abortRatio: 0, prefix: "term" });
  const going = load.go();
  await pause(beforeTermMs);
  const termMs = performance.now();
  const ended = service.terminate();
  await pause(500);
  load.stop();
  const code = await ended;
  const endedMs = performance.now() - termMs;
  await going;
  const open = load.answers.filter(
    ({ startedMs, durationMs }) => startedMs <= termMs && startedMs + durationMs > termMs,
  );
  const later = load.answers.filter(({ startedMs }) => startedMs > termMs);
  const good = open.filter(({ outcome, status }) => outcome === "answered" && (status === 200 || status === 503));
  return [
    equal("SIGTERM: open requests without 200 or 503", open.length - good.length, 0),
    shown("SIGTERM: open requests, by status", `${open.length}: ${statuses(open)}`),
    shown("SIGTERM: later ones", `${statuses(later)} (0: nobody listened)`),
    nothing("SIGTERM: requests answered or run more than once", twice()),
    equal("SIGTERM: exit code", code ?? -1, 0),
    within("SIGTERM: ms until the process had ended", endedMs, [0, drainMs + 5_000]),
  ];
}

/** @returns ids that the service says it answered, or ran, more than once */
function twice(): string[] {
  const seen = new Map<string, number>();
  for (const { reqId, msg } of service.lines()) {
    if (typeof reqId === "string" && (msg === "answered" || msg === "run ended")) countIn(seen, `${reqId} ${msg}`);
  }
  return [...seen].filter(([, times]) => times > 1).map(([what]) => what);
}

async function freed(): Promise<number> {
  const startMs = performance.now();
  const isLate = (): boolean => performance.now() - startMs > 5 * freedWithinMs;
  while ((await look()).calls > 0 && !isLate()) await pause(20);
  return performance.now() - startMs;
}

function count(answers: readonly Answered[], wanted: Answered["outcome"]): number {
  return answers.filter(({ outcome }) => outcome === wanted).length;
}

function statuses(answers: readonly Answered[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of answers) countIn(counts, `${status} ${code}`.trim());
  return [...counts].map(([status, times]) => `${status} x ${times}`).join(", ");
}

async function look(): Promise<Look> {
  return (await (await fetch(`${service.url}/debug/load`)).json()) as Look;
}

function ask(command: Command): Promise<Told> {
  const answer = heard();
  models.send(command);
  return answer;
}

function heard(): Promise<Told> {
  return new Promise((resolve) => models.once("message", (message) => resolve(message as Told)));
}
