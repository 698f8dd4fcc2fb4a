import type { Work } from "../engine.ts";
import { perform } from "../perform.ts";
import type { Session } from "../session.ts";
import { charge, type JournalEntry } from "./journal.ts";
import type { Launch } from "./work-record.ts";

/** What is committed of a work: failures too, so that they are not tried again by whoever takes over. */
export type Performed = { readonly journal: readonly JournalEntry[] } & (
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }
);

/** Does one work and notes what it did. Requests that a process took with it are charged first, at their worst case. */
export async function performDurably(run: Session, work: Work): Promise<Performed> {
  const journal: JournalEntry[] = [];
  const lost = takeLost(run, work.key);
  const record = { key: work.key, journal, lost };
  run.durable?.performed.add(work.key);
  try {
    for (const launch of lost) chargeLost({ ...run, work: record }, launch);
    return { ok: true, value: await perform(run, work, record), journal };
  } catch (error) {
    return { ok: false, error, journal };
  }
}

/** For a run that ends without doing again what was lost. */
export function chargeAllLost(run: Session): void {
  for (const key of [...(run.durable?.lost.keys() ?? [])])
    for (const launch of takeLost(run, key)) chargeLost(run, launch);
}

function takeLost({ durable }: Session, key: string): readonly Launch[] {
  const lost = durable?.lost.get(key) ?? [];
  durable?.lost.delete(key);
  return lost;
}

function chargeLost(run: Session, { worst }: Launch): void {
  if (worst !== undefined) charge(run, worst);
}
