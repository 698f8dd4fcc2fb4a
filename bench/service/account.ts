import { nothing, shown, type Check } from "../soak/checks.ts";
import type { Answered } from "./clients.ts";
import type { Line } from "./service-process.ts";

/** Until the run of a client who left must have ended. */
export const freedWithinMs = 2_000;

/** What the service wrote of one request, in its order. */
interface Written {
  readonly answered: Line[];
  readonly runs: Line[];
}

/** The log of a service that has ended, held against what its clients saw. */
export function accountChecks(lines: readonly Line[], answers: readonly Answered[]): Check[] {
  const log = byRequest(lines);
  const of = (id: string): Written => log.get(id) ?? { answered: [], runs: [] };
  const twice = [...log].filter(([, { answered, runs }]) => answered.length > 1 || runs.length > 1);
  const wrong = answers.filter(({ id, outcome, status }) => outcome === "answered" && !fits(status, of(id)));
  const left = answers.filter(({ id, outcome }) => outcome === "aborted" && of(id).answered[0]?.["status"] === 499);
  const wentOn = left.filter(({ id }) => hasGoneOn(of(id)));
  const cancelled = left.filter(({ id }) => of(id).runs[0]?.["outcome"] === "cancelled");
  return [
    nothing("log: requests answered or run more than once", some(twice.map(([id]) => id))),
    nothing("log: answers without their line and their run's end", some(idsOf(wrong))),
    nothing("log: runs that went on after their client had left", some(idsOf(wentOn))),
    shown("log: clients who left, of which runs cancelled", `${left.length}, ${cancelled.length}`),
  ];
}

/** A result is of a run that completed; of anything else the run is none, or ended otherwise. */
function fits(status: number, { answered, runs }: Written): boolean {
  if (status === 200) return answered.length === 1 && runs.length === 1 && runs[0]!["outcome"] === "completed";
  // Fastify's own 503 while it closes is not of our routes, and not in the log.
  if (answered.length !== 1) return status === 503 && runs.length === 0;
  return runs.every(({ outcome }) => outcome === (status === 503 ? "cancelled" : "failed") || outcome === "failed");
}

function hasGoneOn({ answered: [gone], runs: [end] }: Written): boolean {
  if (gone === undefined || end === undefined || end.at < gone.at) return false;
  return end["outcome"] !== "cancelled" || Number(end["time"]) - Number(gone["time"]) > freedWithinMs;
}

function byRequest(lines: readonly Line[]): Map<string, Written> {
  const log = new Map<string, Written>();
  for (const line of lines) {
    const { reqId, msg, route } = line;
    const kind = msg === "run ended" ? "runs" : msg === "answered" && route === "/tickets" ? "answered" : undefined;
    if (typeof reqId !== "string" || kind === undefined) continue;
    const written = log.get(reqId) ?? { answered: [], runs: [] };
    written[kind].push(line);
    log.set(reqId, written);
  }
  return log;
}

function idsOf(answers: readonly Answered[]): string[] {
  return answers.map(({ id }) => id);
}

function some(ids: readonly string[]): string[] {
  return ids.length > 3 ? [...ids.slice(0, 3), `and ${ids.length - 3} more`] : [...ids];
}
