/** P2: workers that alternate on one database die at any time, also while they start or take runs over. */
import { setTimeout as sleep } from "node:timers/promises";
import { randomOf } from "../soak/random.ts";
import { isOver, type Arena } from "./arena.ts";
import type { Child } from "./child.ts";
import type { Row } from "./table.ts";

export interface RandomKills {
  readonly kills: number;
  readonly seed: number;
  /** At once. @default 3 */
  readonly workers?: number;
}

/** About as long as it takes to start a worker, and to take runs over or to run a graph. */
const longestMs = { starting: 3_000, working: 2_500 } as const;

export async function randomKills(arena: Arena, { kills, seed, workers = 3 }: RandomKills): Promise<Row> {
  const random = randomOf(seed);
  const runIds: string[] = [];
  let killed = 0;
  const lane = async (): Promise<void> => {
    while (killed < kills) {
      killed += 1;
      // Every third worker only takes over, and every fifth dies before it is ready, or about then.
      const start = random() < 0.33 ? [] : [`p2-${runIds.length}`, `p2-${runIds.length + 1}`];
      runIds.push(...start);
      const child = arena.worker({ start });
      const isEarly = random() < 0.2;
      if (!isEarly) await child.ready();
      await sleep(random() * longestMs[isEarly ? "starting" : "working"]);
      child.kill();
      await child.gone;
    }
  };
  await Promise.all(Array.from({ length: workers }, lane));
  return settle(arena, { name: `at random (seed ${seed})`, kills: killed, runIds });
}

async function settle(
  arena: Arena,
  { name, kills, runIds }: { name: string; kills: number; runIds: readonly string[] },
): Promise<Row> {
  const survivor = arena.worker();
  await survivor.ready();
  const outcomes = await inTurn(runIds, (runId) => outcomeOf(arena, survivor, runId));
  survivor.kill();
  const statuses = await arena.statuses();
  return {
    name,
    kills,
    runs: runIds.length,
    finished: runIds.filter((runId) => isOver(statuses.get(runId))).length,
    repeats: outcomes.reduce((sum, { repeats }) => sum + repeats, 0),
    violations: outcomes.flatMap(({ violations }) => violations),
  };
}

async function outcomeOf(arena: Arena, survivor: Child, runId: string) {
  try {
    await arena.ends(runId, survivor);
    return await arena.verdict(runId, survivor);
  } catch (error) {
    return { repeats: 0, violations: [String(error)] };
  }
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
