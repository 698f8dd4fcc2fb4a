/**
 * One engine in a process of its own: `worker.ts <engine> <database> <lease in ms>`. Does what its parent says, and ends with it.
 * @module
 */
import { openDbos } from "./with-dbos.ts";
import { openLangGraph } from "./with-langgraph.ts";
import { openTierwise } from "./with-tierwise.ts";
import { Gate, type ShapeName } from "./subject.ts";

const engines = { tierwise: openTierwise, dbos: openDbos, langgraph: openLangGraph } as const;
export type EngineName = keyof typeof engines;

export type Command =
  /** So many runs, so many at once; answers with milliseconds in all. */
  | { readonly type: "run"; readonly shape: ShapeName; readonly runs: number; readonly atOnce: number }
  /** So many runs that wait for something; answers with the bytes that the process grew by, for each. */
  | { readonly type: "hold"; readonly runs: number }
  /** Begins the run that is to be replayed, and answers when it is at its gate. */
  | { readonly type: "begin" }
  /** Answers when a run that another process left is at its gate, with milliseconds since its start here. */
  | { readonly type: "replay" }
  | { readonly type: "rss" }
  /** What the database holds and has written. */
  | { readonly type: "sizes" };

export interface Sizes {
  readonly bytes: number;
  readonly walBytes: number;
  readonly rows: number;
}

const [engine, database, leaseMs] = process.argv.slice(2) as [EngineName, string, string];
const gate = new Gate();
let lastRun = 0;
const newId = (): string => `${process.pid}-${(lastRun += 1)}`;

const subject = await engines[engine]({ database, gate, leaseMs: Number(leaseMs) });
process.on("message", (command: Command) => void answer(command));
process.on("disconnect", () => process.exit());
process.send!("ready");

async function answer(command: Command): Promise<void> {
  try {
    process.send!({ ok: await obey(command) });
  } catch (error) {
    process.send!({ error: String(error) });
  }
}

function obey(command: Command): unknown {
  switch (command.type) {
    case "run":
      return timed(command);
    case "hold":
      return hold(command.runs);
    case "begin":
      subject.run("replay", newId()).catch(() => undefined);
      return gate.arrivals(1);
    case "replay":
      return gate.arrivals(1).then(() => gate.tookMs);
    case "rss":
      return process.memoryUsage().rss;
    case "sizes":
      return sizes();
  }
}

async function timed({ shape, runs, atOnce }: Command & { type: "run" }): Promise<number> {
  let left = runs;
  const lane = async (): Promise<void> => {
    while ((left -= 1) >= 0) await subject.run(shape, newId());
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: atOnce }, lane));
  return performance.now() - startMs;
}

async function hold(runs: number): Promise<number> {
  const before = process.memoryUsage().rss;
  const all = Array.from({ length: runs }, () => subject.run("waiting", newId()));
  await gate.arrivals(runs);
  const grown = process.memoryUsage().rss - before;
  gate.open();
  await Promise.all(all);
  return grown / runs;
}

async function sizes(): Promise<Sizes> {
  const number = async (sql: string): Promise<number> => Number((await subject.query(`SELECT (${sql}) AS n`))[0]!["n"]);
  const tables = await subject.query(`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
  let rows = 0;
  for (const { name } of tables) rows += await number(`SELECT count(*) FROM ${String(name)}`);
  return {
    rows,
    bytes: await number("pg_database_size(current_database())"),
    walBytes: await number("pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"),
  };
}
