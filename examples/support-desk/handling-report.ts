/** What became of the tickets: actions, refunds, signatures, letters written again, what stood in for what failed. */
import type { DeskRun, TicketRun } from "./desk-run.ts";
import { issuedRefunds } from "./shop.ts";

export interface HandlingReport {
  readonly actions: Readonly<Record<string, number>>;
  readonly refundsIssued: number;
  /** Of the refunds that a person was asked about. */
  readonly signatures: { readonly asked: number; readonly approved: number };
  readonly replies: {
    /** The small model's draft did not pass, and the large one wrote it. */
    readonly escalated: number;
    /** The draft passed, and the check of its words had it written again. */
    readonly rewritten: number;
    /** The fixed text went out, because there was no letter or none that may be sent. */
    readonly fixedText: number;
    readonly failedCheck: number;
  };
  /** Steps that failed, and for which something else stood in. */
  readonly recovered: Readonly<Record<string, number>>;
  /** Steps whose value was kept from an earlier ticket. */
  readonly cached: Readonly<Record<string, number>>;
  /** What people saw: one ticket of each kind. */
  readonly questions: readonly string[];
  readonly seen: readonly { readonly ticket: string; readonly action: string; readonly reply: string }[];
}

export function handlingReport({ runs }: DeskRun, questions: readonly string[]): HandlingReport {
  const asked = runs.filter(({ signed }) => signed !== undefined);
  return {
    actions: countBy(runs.map(({ action }) => action)),
    refundsIssued: issuedRefunds().length,
    signatures: { asked: asked.length, approved: asked.filter(({ signed }) => signed).length },
    replies: {
      escalated: runs.filter(isEscalated).length,
      rewritten: runs.filter(({ steps }) => Object.keys(steps).some((step) => step.startsWith("letter/polish"))).length,
      fixedText: runs.filter(({ steps, reply }) => steps["letter/draft"] === undefined || isFixed(reply)).length,
      failedCheck: runs.filter(({ replyIsClean }) => !replyIsClean).length,
    },
    recovered: countBy(runs.flatMap(({ recovered }) => recovered.map(withoutIndex))),
    cached: countBy(runs.flatMap(({ cached }) => cached)),
    seen: seen(runs),
    questions,
  };
}

/** Whether the reply of the small model was turned down. */
export function isEscalated({ steps }: TicketRun): boolean {
  return (steps["letter/draft"]?.escalations ?? 0) > 0;
}

/** `purchases[1]/parcel` counts as `purchases/parcel`. */
function withoutIndex(step: string): string {
  return step.replaceAll(/\[\d+\]/g, "");
}

function isFixed(reply: string): boolean {
  return reply.includes("A colleague will look at your message");
}

/** The first ticket of each action, and the first refund that a person did not sign. */
function seen(runs: readonly TicketRun[]): HandlingReport["seen"] {
  const firsts = [...Map.groupBy(runs, ({ action }) => action).values()].flatMap(([first]) => first ?? []);
  const unsigned = runs.find(({ signed }) => signed === false);
  const shown = [...new Set([...firsts, ...(unsigned === undefined ? [] : [unsigned])])];
  return shown.map(({ ticket, action, signed, reply }) => ({
    ticket: ticket.text,
    action: signed === undefined ? action : `${action}, ${signed ? "signed" : "not signed"} by a person`,
    reply,
  }));
}

function countBy(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
}
