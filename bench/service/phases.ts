import { setTimeout as pause } from "node:timers/promises";
import { percentile } from "tierwise";
import { equal, shown, tidy, within, type Check } from "../soak/checks.ts";
import { countIn } from "../soak/load.ts";
import { freedWithinMs } from "./account.ts";
import { Clients, type Answered } from "./clients.ts";
import type { ModelProcess } from "./model-process.ts";
import type { Look, ServiceProcess } from "./service-process.ts";

/** Who asks whom. */
export interface Site {
  readonly models: ModelProcess;
  readonly service: ServiceProcess;
  readonly random: () => number;
  readonly clients: number;
}

/** One part of the work, and what every client of it got. */
export interface Phase {
  readonly checks: readonly Check[];
  readonly answers: readonly Answered[];
}

/** Of the answers; the rest are models that failed for good. */
const goodRatio = 0.97;
/** How long the load goes on before SIGTERM. */
const beforeTermMs = 3_000;
/** Of an endpoint; other calls wait for these. */
const defaultConcurrency = 64;
/** Until every run has come to a call that hangs. */
const patienceMs = 20_000;
/** Beyond the drain: what the service takes to send its last answers. */
const graceMs = 5_000;

export async function underLoad({ seconds, ...site }: Site & { readonly seconds: number }): Promise<Phase> {
  const load = clientsOf(site, "load", 0.02);
  await site.service.look();
  const startMs = performance.now();
  const going = load.go();
  await pause(seconds * 1_000);
  const busy = await site.service.look();
  load.stop();
  await going;
  const perSecond = (load.answers.length * 1_000) / (performance.now() - startMs);
  const freedMs = await freed(site);
  const { requests, faults } = await site.models.count();
  const { answers } = load;
  const whole = answers.filter(({ outcome }) => outcome === "answered");
  const good = whole.filter(({ status }) => status === 200);
  const checks = [
    shown("requests, of which clients gave up", `${answers.length}, ${count(answers, "aborted")}`),
    shown("statuses", statuses(whole)),
    shown("requests a second", tidy(perSecond)),
    equal("lost requests", count(answers, "lost"), 0),
    within("answers with 200, %", percent(good.length, whole.length), [100 * goodRatio, 100]),
    equal("answers of the service itself going wrong (500)", whole.filter(({ status }) => status === 500).length, 0),
    within("ms until no call is under way or waits", freedMs, [0, freedWithinMs]),
    within("model requests that went wrong, %", percent(faults, requests), [0.3, 3]),
    ...timeChecks(site, whole, busy),
  ];
  return { checks, answers };
}

/** Everybody is in the middle of a call when they leave, and no call would ever end by itself. */
export async function whenAllLeave(site: Site): Promise<Phase> {
  await site.models.become("hang");
  const load = clientsOf(site, "left", 0);
  const going = load.go();
  const { calls, hanging } = await allHang(site);
  load.leave();
  await going;
  const freedMs = await freed(site);
  const closed = hanging - (await site.models.count()).hanging;
  await site.models.become("be good");
  const checks = [
    within("all leave: calls under way or waiting then", calls, [site.clients, Infinity]),
    within("all leave: of these at the models", hanging, [1, Infinity]),
    within("all leave: ms until no call is under way or waits", freedMs, [0, freedWithinMs]),
    equal("all leave: connections to models left open", hanging - closed, 0),
  ];
  return { checks, answers: load.answers };
}

/**
 * SIGTERM while everybody asks. Who asked before it was answered by a result or, when the drain was over, by 503; who came
 * later may find nobody there.
 */
export async function terminated(
  site: Site & { readonly drainMs: number; readonly mood: "be good" | "hang" },
): Promise<Phase> {
  const { models, service, clients, drainMs, mood } = site;
  const name = mood === "hang" ? "SIGTERM, models hang" : "SIGTERM";
  await models.become(mood);
  const load = clientsOf(site, mood === "hang" ? "cut" : "term", 0);
  const going = load.go();
  await (mood === "hang" ? allHang(site) : pause(beforeTermMs));
  const termMs = performance.now();
  const ended = service.terminate();
  await pause(Math.min(500, drainMs));
  load.stop();
  const code = await ended;
  const endedMs = performance.now() - termMs;
  await going;
  const { answers } = load;
  const open = answers.filter(({ startedMs, durationMs }) => startedMs <= termMs && startedMs + durationMs > termMs);
  const later = answers.filter(({ startedMs }) => startedMs > termMs);
  const wanted = mood === "hang" ? [503] : [200, 503];
  const good = open.filter(({ outcome, status }) => outcome === "answered" && wanted.includes(status));
  const checks = [
    equal(`${name}: open requests`, open.length, clients),
    equal(`${name}: of these without ${wanted.join(" or ")}`, open.length - good.length, 0),
    shown(`${name}: by status; later ones`, `${statuses(open)}; ${statuses(later)} (0: nobody listened)`),
    equal(`${name}: exit code`, code ?? -1, 0),
    within(`${name}: ms until the process had ended`, endedMs, [0, drainMs + graceMs]),
  ];
  return { checks, answers };
}

function clientsOf({ service: { url }, random, clients }: Site, prefix: string, abortRatio: number): Clients {
  return new Clients({ url, random, clients, abortRatio, prefix });
}

function timeChecks({ service }: Site, whole: readonly Answered[], { eventLoopDelayMs, heapMb }: Look): Check[] {
  const ms = (times: readonly number[]): string =>
    [0.5, 0.95].map((quantile) => tidy(percentile(times, quantile))).join(", ");
  const outside = whole.map(({ durationMs }) => durationMs);
  const inside = service.lines().flatMap((line) => (line["route"] === "/tickets" ? [Number(line["ms"])] : []));
  const { p50, p99, max } = eventLoopDelayMs;
  return [
    shown("ms to the whole answer: p50, p95", ms(outside)),
    shown("the same, from its request line in the service", ms(inside)),
    shown("event loop delay of the service, ms: p50, p99, max", [p50, p99, max].map(tidy).join(", ")),
    shown("heap of the service under load, MB", tidy(heapMb)),
  ];
}

interface Hanging {
  /** Under way or waiting, in the service. */
  readonly calls: number;
  /** At the models. */
  readonly hanging: number;
}

/** Resolves when every client's run has come to a call that hangs, or waits for one that does; at the latest after a while. */
async function allHang({ models, service, clients }: Site): Promise<Hanging> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const { calls } = await service.look();
    const { hanging } = await models.count();
    const enough = calls >= clients && hanging >= Math.min(clients, defaultConcurrency);
    if (enough || performance.now() > untilMs) return { calls, hanging };
    await pause(20);
  }
}

/** Until neither the service nor the models know of a call that is under way. */
async function freed({ service, models }: Site): Promise<number> {
  const startMs = performance.now();
  const isBusy = async (): Promise<boolean> => (await service.look()).calls + (await models.count()).hanging > 0;
  while ((await isBusy()) && performance.now() - startMs < 2 * freedWithinMs) await pause(20);
  return performance.now() - startMs;
}

function count(answers: readonly Answered[], wanted: Answered["outcome"]): number {
  return answers.filter(({ outcome }) => outcome === wanted).length;
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

function statuses(answers: readonly Answered[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of answers) countIn(counts, `${status} ${code}`.trim());
  return [...counts].map(([status, times]) => `${status} x ${times}`).join(", ");
}
