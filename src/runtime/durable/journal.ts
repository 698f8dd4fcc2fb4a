/**
 * What a work did beside its result: money that was spent, events that were told. On an engine that outlives the process it
 * is committed with the result, so that whoever takes the run over has the same books without doing the work again. All
 * code that performs works tells and books through here.
 * @module
 */
import type { NewEvent } from "../../events/event.ts";
import type { Amounts } from "../budget/amounts.ts";
import type { Entry, ToolEntry } from "../budget/ledger.ts";
import { budgetOf } from "../budget/reserve-call.ts";
import { sessionOf, type Session } from "../session.ts";

export type Booking =
  { readonly type: "attempt"; readonly entry: Entry } | { readonly type: "tool"; readonly entry: ToolEntry };

export type JournalEntry = { readonly type: "event"; readonly event: NewEvent } | Booking;

/** Shown and forgotten: the pieces of an answer are not kept, the answer is. */
const fleeting: ReadonlySet<string> = new Set(["token", "partial"]);

export function tell({ events, work }: Session, event: NewEvent): void {
  if (work !== undefined && !fleeting.has(event.type)) work.journal.push({ type: "event", event });
  events.emit(event);
}

export function book({ ledger, work }: Session, booking: Booking): void {
  work?.journal.push(booking);
  if (booking.type === "tool") ledger.recordTool(booking.entry);
  else ledger.record(booking.entry);
}

/** Books what was taken without a reservation of this process: by one that is gone. */
export function charge(run: Session, booking: Booking): void {
  const { step } = booking.entry;
  book(run, booking);
  budgetOf(sessionOf(run, step), step).charge(takenBy(booking));
}

/** Does to books and events what a work did in a process that is gone. */
export function replay(run: Session, journal: readonly JournalEntry[]): void {
  for (const noted of journal) {
    if (noted.type === "event") retell(run, noted.event);
    else charge(run, noted);
  }
}

function retell(run: Session, event: NewEvent): void {
  if (event.type === "tool-start") run.toolCalls.count += 1;
  const running = "step" in event ? run.runningSteps.get(event.step) : undefined;
  if (event.type === "policy-decision" && running !== undefined) running.announced = event.decision;
  run.events.emit(event);
}

function takenBy(booking: Booking): Amounts {
  if (booking.type === "tool") return { picoUsd: booking.entry.cost, tokens: 0, calls: 0 };
  const { cost, usage } = booking.entry;
  return { picoUsd: cost ?? 0n, tokens: usage.inputTokens + usage.outputTokens, calls: 1 };
}
