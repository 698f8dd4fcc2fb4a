/** P1: a worker dies before and after every place that a run passes, each time it passes it; another one goes on. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "./arena.ts";
import type { Child } from "./child.ts";
import type { KillAt, Moment } from "./kill-points.ts";
import type { Row } from "./table.ts";

/** Places where the world sees that something arrived: the worker is killed from there. */
const seenOutside = { request: "request", effect: "effect" } as const;
const atOnce = 4;

export async function everyBoundary(arena: Arena): Promise<readonly Row[]> {
  const plan = await places(arena);
  const rows = new Map<string, Row>();
  const survivor = arena.worker({ answerAfterMs: 1_500 });
  await survivor.ready();
  const queue = plan.entries();
  const lane = async (): Promise<void> => {
    for (const [index, killAt] of queue)
      note(rows, killAt, await killOnce(arena, survivor, { runId: `p1-${index}`, killAt }));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  survivor.kill();
  return [...rows.values()];
}

/** What one undisturbed run passes, and how often. */
async function places(arena: Arena): Promise<readonly KillAt[]> {
  const runId = "undisturbed";
  const child = arena.worker({ start: [runId] });
  await child.ready();
  await arena.ends(runId, child);
  // Its last row is there before it has heard so.
  await sleep(200);
  const passed = await child.passed();
  child.kill();
  const times = (all: readonly { readonly runId: string }[]): number => all.filter((one) => one.runId === runId).length;
  const outside = [
    [`${seenOutside.request} after`, times(arena.world.requests)],
    [`${seenOutside.effect} after`, times(arena.world.effects)],
  ] as const;
  return [...passed, ...outside].flatMap(([name, count]) => {
    const [, place = "", moment = ""] = /^(.*) (before|after)$/.exec(name) ?? [];
    // Leases are renewed as long as a process lives.
    const most = place === "lease" ? 1 : count;
    return Array.from({ length: most }, (_, index) => ({ place, moment: moment as Moment, nth: index + 1 }));
  });
}

interface Outcome {
  readonly killed: boolean;
  readonly finished: boolean;
  readonly repeats: number;
  readonly violations: readonly string[];
}

async function killOnce(
  arena: Arena,
  survivor: Child,
  { runId, killAt }: { readonly runId: string; readonly killAt: KillAt },
): Promise<Outcome> {
  const child = arena.worker({ start: [runId], killAt });
  const stop = watchOutside(arena, child, { runId, killAt });
  try {
    let over = false;
    while (!child.isGone && !over) {
      await Promise.race([child.gone, sleep(200)]);
      over = await arena.isOver(runId);
    }
    // It may be on its last statement.
    if (over) await Promise.race([child.gone, sleep(500)]);
    const killed = child.isGone;
    child.kill();
    await child.gone;
    await arena.ends(runId, survivor);
    return { killed, finished: true, ...(await arena.verdict(runId, survivor)) };
  } catch (error) {
    return { killed: true, finished: false, repeats: 0, violations: [String(error)] };
  } finally {
    stop();
  }
}

function watchOutside(arena: Arena, child: Child, { runId, killAt }: { runId: string; killAt: KillAt }): () => void {
  const { world } = arena;
  if (killAt.moment !== "after" || !(killAt.place in seenOutside)) return () => undefined;
  let count = 0;
  const hear = (of: string, place: string): void => {
    if (of === runId && place === killAt.place && ++count === killAt.nth) child.kill();
  };
  world.listeners.add(hear);
  return () => world.listeners.delete(hear);
}

function note(rows: Map<string, Row>, { place, moment, nth }: KillAt, outcome: Outcome): void {
  const name = `${moment} ${place}`;
  const row = rows.get(name) ?? { name, kills: 0, runs: 0, finished: 0, repeats: 0, violations: [] };
  rows.set(name, {
    name,
    kills: row.kills + Number(outcome.killed),
    runs: row.runs + 1,
    finished: row.finished + Number(outcome.finished),
    repeats: row.repeats + outcome.repeats,
    violations: [...row.violations, ...outcome.violations.map((violation) => `${name} #${nth}: ${violation}`)],
  });
}
