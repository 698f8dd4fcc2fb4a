import type { BoundTool } from "../../graph/definition.ts";
import type { RunNotes } from "../engine.ts";
import type { Session } from "../session.ts";
import type { Booking, JournalEntry } from "./journal.ts";

/** A request that left: what it is charged if nobody ever hears how it ended. */
export interface Launch {
  readonly what: "model" | "tool";
  /** Name of the endpoint or tool. */
  readonly name: string;
  /** `undefined` for a tool without a declared cost. */
  readonly worst: Booking | undefined;
}

/** What a run keeps on an engine that outlives the process. */
export interface DurableRecord {
  readonly notes: RunNotes;
  /** Keys of works that were performed in this process: their books are kept already. */
  readonly performed: Set<string>;
  /** By key of a work, what left for it in processes that are gone and has not been charged. */
  readonly lost: Map<string, readonly Launch[]>;
}

/** The work under way. */
export interface WorkRecord {
  readonly key: string;
  readonly journal: JournalEntry[];
  /** What left for it before, in a process that is gone. */
  readonly lost: readonly Launch[];
}

/** Resolves when it is on disk; only then may the request leave. */
export async function noteLaunch({ runId, durable, work }: Session, launch: Launch): Promise<void> {
  if (durable !== undefined && work !== undefined) await durable.notes.append(runId, work.key, launch);
}

/** A tool that may have had its effect in a process that is gone, and must not have it twice. */
export function isUnresolved(session: Session, tool: BoundTool): boolean {
  if (tool.effect === "read" || tool.idempotency !== "unsafe") return false;
  return lostCalls(session, tool) > 0;
}

/** How often the tool was called for this work in processes that are gone. */
export function lostCalls({ work }: Session, { name }: BoundTool): number {
  return work?.lost.filter((launch) => launch.what === "tool" && launch.name === name).length ?? 0;
}
