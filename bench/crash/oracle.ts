/** What must hold of a run that ended, whatever was killed on its way. */
import type pg from "pg";
import type { Ended } from "./worker.ts";
import type { World } from "./world.ts";

export interface Verdict {
  /** Requests, effects and pieces of code that happened more than once, and were allowed to. */
  readonly repeats: number;
  readonly violations: readonly string[];
}

/** Of a work: when its result was committed, by the database's rows. */
type Commits = ReadonlyMap<string, { readonly count: number; readonly atMs: number }>;

/** By what happens in a run: the work that it is of. */
const works: Readonly<Record<string, string>> = {
  begin: "begin#0/0/0",
  "draft small": "draft#0/0/1",
  "draft large": "draft#0/0/2",
  "note-a": "notes[0]/note#0/0/1",
  "note-b": "notes[1]/note#0/0/1",
  "act 0": "act#0/1/1",
  pay: "act#0/1/tool0",
  stamp: "act#0/1/tool1",
  "act 1": "act#0/2/2",
  mail: "act#0/2/tool0",
  "act 2": "act#0/3/3",
  end: "end#0/0/0",
};

const expectedOutput = {
  end: { sent: true, written: "draft, as it should be", notes: ["note-a, as it should be", "note-b, as it should be"] },
};

export async function judge(
  pool: pg.Pool,
  world: World,
  { runId, ended }: { runId: string; ended: Ended },
): Promise<Verdict> {
  const violations: string[] = [];
  const broken = (what: string): void => void violations.push(`${runId}: ${what}`);
  if (ended.error !== undefined) broken(`did not complete: ${ended.error}`);
  else if (JSON.stringify(ended.output) !== JSON.stringify(expectedOutput))
    broken(`output ${JSON.stringify(ended.output)}`);
  const commits = await commitsOf(pool, runId);
  for (const [key, { count }] of commits) if (count > 1) broken(`${key} was committed ${count} times`);
  const own = <T extends { readonly runId: string }>(all: readonly T[]): T[] =>
    all.filter((one) => one.runId === runId);
  const requests = own(world.requests);
  const effects = own(world.effects);
  const code = own(world.code);
  const happened = [...requests, ...effects, ...code];
  for (const [what, key] of Object.entries(works)) {
    if (!happened.some((one) => one.what === what)) broken(`"${what}" never happened`);
    if (!commits.has(key)) broken(`${key} was never committed`);
  }
  for (const { what, atMs } of happened) {
    const commit = commits.get(works[what] ?? "");
    // Both times are of this machine's clock.
    if (commit === undefined) broken(`"${what}" is of no work that was committed`);
    else if (atMs > commit.atMs) broken(`"${what}" happened after its result was committed`);
  }
  for (const tool of ["pay", "stamp", "mail"] as const) {
    const keys = new Set(effects.filter((effect) => effect.tool === tool).map(({ key }) => key));
    if (keys.size !== 1) broken(`${keys.size} keys for tool ${tool}`);
  }
  const mails = effects.filter(({ tool }) => tool === "mail").length;
  if (mails > 1) broken(`the unsafe tool ran ${mails} times`);
  const lost = requests.length - new Set(requests.map(({ what }) => what)).size;
  const billedUsd = world.billedUsd(runId) + 0.01;
  if (ended.costUsd !== undefined && ended.costUsd < billedUsd - 1e-12)
    broken(`the ledger says ${ended.costUsd} USD, the provider billed ${billedUsd}`);
  if (lost > 0 && ended.complete === true) broken(`${lost} requests were lost, and the ledger says it is complete`);
  return { repeats: happened.length - new Set(happened.map(({ what }) => what)).size, violations };
}

/** Rows of DBOS: their text holds the events of a batch, readable, behind its seal. */
async function commitsOf(pool: pg.Pool, runId: string): Promise<Commits> {
  const { rows } = await pool.query<{ output: string; at: string }>(
    `SELECT output, completed_at_epoch_ms AS at FROM dbos.operation_outputs WHERE workflow_uuid = $1 ORDER BY function_id`,
    [runId],
  );
  const commits = new Map<string, { count: number; atMs: number }>();
  for (const { output, at } of rows) {
    for (const key of keysOf(output)) {
      const count = (commits.get(key)?.count ?? 0) + 1;
      commits.set(key, { count, atMs: Number(at) });
    }
  }
  return commits;
}

function keysOf(output: string): readonly string[] {
  const events = /\[.*\]/s.exec(textIn(JSON.parse(output)))?.[0] ?? "[]";
  return (JSON.parse(events) as { type: string; key: string }[]).map(({ key }) => key);
}

/** However DBOS wraps it. */
function textIn(found: unknown): string {
  return typeof found === "string" ? found : String((found as { json: unknown }).json);
}
