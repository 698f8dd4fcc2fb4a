/**
 * `npm run crash`: workers are killed (SIGKILL) at every boundary of a run, and at random, on a real PostgreSQL; other workers
 * go on with their runs. Exits with 1 when a promise was broken. Options: `--kills N` at random (200), `--seed N`,
 * `--only boundaries` or `--only random`.
 */
import { parseArgs } from "node:util";
import { freshDatabase } from "../../scripts/postgres/fresh-database.ts";
import { startPostgres } from "../../scripts/postgres/start-postgres.ts";
import { Arena } from "./arena.ts";
import { everyBoundary } from "./boundaries.ts";
import { randomKills } from "./random-kills.ts";
import { printTable, type Row } from "./table.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

async function inArena<T>(serverUrl: string, work: (arena: Arena) => Promise<T>): Promise<T> {
  const { url, drop } = await freshDatabase(serverUrl);
  try {
    await using arena = await Arena.open(url);
    return await work(arena);
  } finally {
    await drop();
  }
}

const beganMs = performance.now();
const { url, stop } = await startPostgres();
const rows: Row[] = [];
try {
  if (values.only !== "random") rows.push(...(await inArena(url, everyBoundary)));
  const random = { kills: Number(values.kills), seed: Number(values.seed) };
  if (values.only !== "boundaries") rows.push(await inArena(url, (arena) => randomKills(arena, random)));
} finally {
  await stop();
}
printTable(rows);
const violations = rows.reduce((sum, row) => sum + row.violations.length, 0);
const unfinished = rows.reduce((sum, row) => sum + row.runs - row.finished, 0);
const kills = rows.reduce((sum, row) => sum + row.kills, 0);
const seconds = Math.round((performance.now() - beganMs) / 1_000);
console.log(`\n${kills} kills, ${unfinished} runs not finished, ${violations} violations, ${seconds} s`);
process.exitCode = violations + unfinished > 0 ? 1 : 0;
