/**
 * `npm run faults`: the fault matrix, through the real OpenAI client and a runtime, against a server that goes wrong on
 * purpose. Prints a table; exits 1 if a row is not as expected. `npm run faults -- E4 C1` runs some of it.
 *
 * What is expected is data, from the matrix that the guarantees were made for; it is not adapted to what is seen.
 * @module
 */
import { setTimeout as pause } from "node:timers/promises";
import { answerRows } from "./answer-rows.ts";
import { cancelRows } from "./cancel-rows.ts";
import { fleetRows } from "./fleet-rows.ts";
import { compare, type Facts, type Row, type Verdict } from "./row.ts";
import { statusRows } from "./status-rows.ts";
import { wireRows } from "./wire-rows.ts";

/** Rows side by side: most of their time is waiting. */
const atOnce = 4;
const longestRowMs = 120_000;

interface Ended {
  readonly row: Row;
  readonly facts: Facts | undefined;
  readonly verdict: Verdict;
}

async function end(row: Row): Promise<Ended> {
  if (row.run === undefined)
    return { row, facts: undefined, verdict: { ok: true, expected: "", seen: row.expected.outcome } };
  const facts = await withinTime(row.run()).catch((error: unknown): Facts => ({
    outcome: `bench: ${String(error).split("\n")[0] ?? ""}`,
    outside: 0,
  }));
  return { row, facts, verdict: compare(row.expected, facts) };
}

async function withinTime(facts: Promise<Facts>): Promise<Facts> {
  const done = new AbortController();
  const late = pause(longestRowMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`no end after ${longestRowMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([facts, late]);
  } finally {
    done.abort();
  }
}

/** Sockets and timers that are left when every server is closed and every run has ended. */
async function leftOver(): Promise<Facts> {
  const left = (): string[] => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name));
  for (let tries = 0; tries < 20 && left().length > 0; tries += 1) await pause(50);
  return { outcome: left().length === 0 ? "nothing" : left().join(" "), outside: 0 };
}

async function endAll(rows: readonly Row[]): Promise<Ended[]> {
  const ended = new Map<Row, Ended>();
  const beside = rows.filter(({ alone }) => alone !== true);
  const worker = async (): Promise<void> => {
    for (let row = beside.shift(); row !== undefined; row = beside.shift()) ended.set(row, await end(row));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  for (const row of rows.filter(({ alone }) => alone === true)) ended.set(row, await end(row));
  return rows.map((row) => ended.get(row)!);
}

function requests({ main, spare, outside }: Facts): string {
  return [main, spare, outside].map((count) => count ?? "-").join("/");
}

function print({ row, facts, verdict }: Ended): void {
  const mark = row.run === undefined ? "-" : verdict.ok ? "ok" : "DIFFERS";
  const cells = [row.id.padEnd(4), row.fault.padEnd(62), (facts === undefined ? "" : requests(facts)).padEnd(9), mark];
  console.log(cells.join(" | "));
  if (row.run === undefined) console.log(`       ${verdict.seen}`);
  else console.log(`       expected: ${verdict.expected}\n       seen:     ${verdict.seen}`);
}

const wanted = process.argv.slice(2);
const atEnd: Row = {
  id: "E5",
  fault: "sockets and timers left at the end",
  expected: { outcome: "nothing" },
  run: leftOver,
};
const all = [...statusRows, ...wireRows, ...answerRows, ...fleetRows, ...cancelRows];
const rows = all.filter(({ id }) => wanted.length === 0 || wanted.includes(id)).toSorted(byId);

/** Endpoints, tools, budgets, cancellation; each by number. */
function byId(a: Row, b: Row): number {
  const place = ({ id }: Row): number => "ETBC".indexOf(id.charAt(0)) * 100 + Number(id.slice(1));
  return place(a) - place(b);
}

console.log(
  "id   | fault                                                          | requests: main/spare/outside | as expected",
);
const ended = await endAll(rows);
const left = await leftOver();
ended.push({ row: atEnd, facts: left, verdict: compare(atEnd.expected, left) });
for (const item of ended) print(item);
const different = ended.filter(({ verdict }) => !verdict.ok);
const skipped = ended.filter(({ row }) => row.run === undefined);
console.log(
  `\n${ended.length - different.length - skipped.length} as expected, ${different.length} not, ${skipped.length} cannot be run yet`,
);
for (const { row, verdict } of different)
  console.log(`  ${row.id} ${row.fault}\n    expected ${verdict.expected}\n    seen     ${verdict.seen}`);
process.exitCode = different.length === 0 ? 0 : 1;
