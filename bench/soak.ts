/**
 * `npm run soak -- --minutes 5`: runs of several kinds, one answer in a hundred going wrong, one run in three cancelled, then
 * an overload; and whether anything was lost or stayed behind. `--seed` draws other runs; what happens at the same time as
 * what still depends on the machine. Exits 1 if a check fails; figures of time are only shown.
 * @module
 */
import { getEventListeners } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { equal, nothing, printTable, shown, tidy, within, type Check } from "./soak/checks.ts";
import { CountedClock } from "./soak/counted-clock.ts";
import { FarServers } from "./soak/far-servers.ts";
import { slopeOf, usedHeap, type HeapSample } from "./soak/heap.ts";
import { countIn, Load } from "./soak/load.ts";
import { overload, type Wave } from "./soak/overload.ts";
import { randomOf } from "./soak/random.ts";
import { soakRuntime } from "./soak/runtime.ts";

const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } });
const minutes = Number(values.minutes ?? 5);
const seed = Number(values.seed ?? 1);
if (!(minutes > 0 && Number.isInteger(seed))) throw new RangeError("soak: --minutes above 0, --seed a whole number");

/** After each of them every run has ended, and the heap is looked at. */
const rounds = 12;
/** What is left when the load has its time: overload, closing, counting. */
const loadMs = Math.max(minutes * 60_000 - 15_000, minutes * 45_000);
const runsWanted = 10_000;
const cancelsWanted = 2_000;

const warnings: string[] = [];
process.on("warning", ({ name }) => void warnings.push(name));
process.on("unhandledRejection", () => void warnings.push("unhandledRejection"));

const servers = await FarServers.start(seed);
const atFirst = new Map<string, number>();
for (const name of process.getActiveResourcesInfo()) countIn(atFirst, name);

const clock = new CountedClock();
const random = randomOf(seed);
const runtime = soakRuntime(servers.baseURLs, { clock, random });
const load = new Load(runtime, random);
const samples: HeapSample[] = [];
/** Of each round: half of the delays, 99 % of them, all of them were at most this, in milliseconds. */
const delays: (readonly number[])[] = [];
const startMs = performance.now();
for (let round = 1; round <= rounds; round += 1) {
  // Each anew: forced collections would be the longest delays of all.
  const eventLoop = monitorEventLoopDelay({ resolution: 10 });
  eventLoop.enable();
  await load.go(startMs + (loadMs * round) / rounds);
  eventLoop.disable();
  delays.push([50, 99, 100].map((percent) => eventLoop.percentile(percent) / 1e6));
  samples.push({ runs: load.tally.started, bytes: await usedHeap() });
}
const seconds = (performance.now() - startMs) / 1_000;
const checks = [...counts(), ...(await requests()), ...(await leftOver())];

await servers.setMode("slow");
const wave = await overload(servers.baseURLs[0]!, () => servers.setMode("good"));
checks.push(...overloadChecks(wave));
await servers.stop();
checks.push(await resources(), nothing("warnings of the process", warnings), ...figures());
servers.end();

console.log(`${minutes} minutes, seed ${seed}`);
printTable(checks);
const wrong = checks.filter(({ ok }) => ok === false);
console.log(wrong.length === 0 ? "\nall checks hold" : `\n${wrong.length} checks do not hold`);
process.exitCode = wrong.length === 0 ? 0 : 1;

function counts(): Check[] {
  const { tally } = load;
  const how = [...tally.failed].map(([code, count]) => `${code} ${count}`).join(", ");
  const goal = (found: number, wanted: number): string =>
    found >= wanted ? `${found}` : `${found}, ${wanted - found} short`;
  return [
    shown("runs started", goal(tally.started, runsWanted), `${runsWanted} in 5 minutes`),
    shown("runs cancelled", goal(tally.cancelled, cancelsWanted), `${cancelsWanted} in 5 minutes`),
    shown("runs completed", String(tally.completed)),
    shown("runs failed", how),
    equal("lost runs (started, not ended)", tally.started - tally.ended, 0),
    equal("run-end events", tally.runEnds, tally.started),
    equal("failures that are ours (INTERNAL, untyped)", ours(tally.failed), 0),
    nothing(
      "ledgers that do not add up",
      [...tally.broken].map(([what, count]) => `${what} (${count})`),
    ),
  ];
}

function ours(failed: ReadonlyMap<string, number>): number {
  return (failed.get("INTERNAL") ?? 0) + (failed.get("no TierwiseError") ?? 0);
}

/** One request for each attempt. One that was given up may not have left, or not as a whole: it may be missing. */
async function requests(): Promise<Check[]> {
  const { attempts, givenUp } = load.tally;
  await pause(500);
  const arrived = await servers.requests();
  return [
    shown("attempts", `${attempts}, of which given up (cancelled, timeout) ${givenUp}`),
    within("requests at the servers", arrived, [attempts - givenUp, attempts]),
  ];
}

async function leftOver(): Promise<Check[]> {
  const gates = runtime.endpoints().reduce((sum, { running, waiting }) => sum + running + waiting, 0);
  const reachable = load.lastRuns.filter((run) => run.deref() !== undefined).length;
  const slope = slopeOf(samples);
  const beforeMs = performance.now();
  await runtime.shutdown({ timeoutMs: 10_000 });
  return [
    equal("calls in the gates of endpoints", gates, 0),
    equal("open timers of the runtime", clock.openTimers, 0),
    equal("listeners on a signal that all runs share", getEventListeners(load.longSignal, "abort").length, 0),
    equal("runs of the last 1,000 that somebody holds", reachable, 0),
    within("ms until shutdown finds no run", performance.now() - beforeMs, [0, 1_000]),
    slope.isSettled
      ? within("heap slope, KB per 1,000 runs", slope.kbPerThousandRuns, [-slope.most, slope.most])
      : shown("heap slope, KB per 1,000 runs", tidy(slope.kbPerThousandRuns), "too few runs to say"),
    shown("heap after each round, MB", samples.map(({ bytes }) => megabytes(bytes)).join(" ")),
  ];
}

function overloadChecks({ started, capacity, ...seen }: Wave): Check[] {
  return [
    equal(`overload, ${started} calls on room for ${capacity}: refused`, seen.refused, started - capacity),
    equal("overload: completed", seen.completed, capacity),
    within("overload: most calls under way or waiting", seen.mostPresent, [1, capacity]),
    shown("overload: ms until the last was refused", tidy(seen.refusedWithinMs)),
    equal("overload: a run after it completes", seen.recoveredInMs === undefined ? 0 : 1, 1),
    shown("overload: ms of that run", tidy(seen.recoveredInMs ?? NaN)),
  ];
}

/** What keeps the process alive, beyond what did at first. The servers have closed the connections that are kept open. */
async function resources(): Promise<Check> {
  let more = moreThan(atFirst);
  for (let tries = 0; tries < 40 && more.length > 0; tries += 1) {
    await pause(100);
    more = moreThan(atFirst);
  }
  return nothing("sockets, timers and the like beyond the start", more);
}

function moreThan(before: ReadonlyMap<string, number>): string[] {
  const now = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) countIn(now, name);
  return [...now].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name, count]) => `${count} ${name}`);
}

function figures(): Check[] {
  const [p50, p99, longest] = [0, 1, 2].map((index) =>
    delays.map((ofRound) => ofRound[index]!).toSorted((a, b) => a - b),
  );
  const middle = Math.floor(rounds / 2);
  const { tally } = load;
  return [
    shown("runs a second", tidy(tally.started / seconds)),
    shown(
      "event loop delay, ms: p50, p99 (middle round)",
      `${tidy(p50![middle]!)}, ${tidy(p99![middle]!)}`,
      "p99 < 200",
    ),
    shown("event loop delay, ms: p99 (worst round), max", `${tidy(p99!.at(-1)!)}, ${tidy(longest!.at(-1)!)}`),
    shown("RSS, MB", megabytes(process.memoryUsage().rss)),
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
