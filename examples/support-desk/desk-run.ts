/** Runs the held-out tickets through the graph and keeps what the report shows. */
import { joinLabels, type Label, type Run, type RunEvent, type Runtime } from "tierwise";
import type { Ticket } from "./shop.ts";
import { supportDesk } from "./support-graph.ts";

/** What one place received over all runs. */
export interface Received {
  readonly sink: string;
  readonly location: string;
  readonly label: Label;
  readonly requests: number;
  /** `undefined` for a person: nobody counts what is read out. */
  readonly bytes: number | undefined;
}

export interface TicketRun {
  readonly ticket: Ticket;
  readonly runId: string;
  readonly traceId: string;
  readonly triage: string;
  /** Of the first answer, which the embedded classifier gave. */
  readonly firstAnswer: { readonly accepted: boolean; readonly confidence: number };
  readonly action: string;
  readonly reply: string;
  readonly replyIsClean: boolean;
  /** What the person who signs refunds said; `undefined` when nobody was asked. */
  readonly signed: boolean | undefined;
  /** Steps that failed, and for which something else stood in. */
  readonly recovered: readonly string[];
  /** Steps whose value was kept from an earlier ticket. */
  readonly cached: readonly string[];
  readonly costUsd: number;
  /** False when an endpoint has no price or reported no usage. */
  readonly costComplete: boolean;
  readonly baselineUsd: number;
  readonly escalations: number;
  readonly steps: Readonly<Record<string, { readonly attempts: number; readonly escalations: number }>>;
  readonly stepMs: Readonly<Record<string, number>>;
}

export interface DeskRun {
  readonly runs: readonly TicketRun[];
  readonly received: readonly Received[];
}

export interface DeskRunOptions {
  readonly runtime: Runtime;
  readonly tickets: readonly Ticket[];
  readonly seed: number;
  /** US dollars a ticket may cost; `undefined` when an endpoint has no price. */
  readonly costUsd: number | undefined;
  readonly onProgress: (done: number) => void;
}

/** Tickets that are under way at the same time. */
const concurrency = 4;

export async function runDesk(options: DeskRunOptions): Promise<DeskRun> {
  const { tickets, onProgress } = options;
  const received = new Map<string, Received>();
  const runs: TicketRun[] = [];
  const queue = [...tickets.entries()];
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, ticket] = next;
      runs[index] = await runTicket(ticket, options, received);
      done += 1;
      onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { runs, received: [...received.values()].sort((a, b) => a.sink.localeCompare(b.sink)) };
}

interface Watched {
  /** Asked when the run has ended. */
  seen(): Pick<TicketRun, "firstAnswer" | "recovered" | "cached" | "stepMs">;
}

async function runTicket(
  ticket: Ticket,
  { runtime, seed, costUsd }: DeskRunOptions,
  received: Map<string, Received>,
): Promise<TicketRun> {
  const budget = { durationMs: 120_000, ...(costUsd !== undefined && { costUsd }) };
  const input = { ticket: ticket.text, customerId: ticket.customerId };
  const run = await runtime.start(supportDesk, input, { runId: `seed-${seed}-${ticket.id}`, budget });
  const watched = watch(run, received);
  const { output, ledger, traceId } = await run.result;
  return {
    ticket,
    runId: run.id,
    traceId,
    triage: output.triage.label ?? "uncertain",
    action: output.outcome?.action ?? "needs_person",
    reply: output.reply,
    signed: output.signature?.approved,
    replyIsClean: !output.check.promisesRefund && !output.check.hasCardNumber,
    costUsd: ledger.costUsd,
    costComplete: ledger.complete,
    baselineUsd: ledger.baselineUsd,
    escalations: ledger.escalations,
    steps: Object.fromEntries(
      Object.entries(ledger.steps).map(([name, { attempts, escalations }]) => [name, { attempts, escalations }]),
    ),
    ...watched.seen(),
  };
}

/** What the result does not hold: it is told by the events of the run. */
function watch(run: Run<unknown>, received: Map<string, Received>): Watched {
  const stepMs: Record<string, number> = {};
  const recovered: string[] = [];
  const cached: string[] = [];
  let firstAnswer = { accepted: false, confidence: 0 };
  run.on("*", (event) => note(received, event));
  run.on("step-recovered", ({ step }) => void recovered.push(step));
  run.on("step-cached", ({ step }) => void cached.push(step));
  run.on("step-end", ({ step, outcome, durationMs }) => {
    if (outcome !== "skipped") stepMs[step] = durationMs;
  });
  run.on("attempt-end", ({ step, attempt, outcome, confidence }) => {
    if (step !== "triage" || attempt !== 1) return;
    firstAnswer = { accepted: outcome === "accepted", confidence: confidence.calibrated ?? confidence.raw ?? 0 };
  });
  return { seen: () => ({ firstAnswer, recovered, cached, stepMs }) };
}

/** Model requests, tool arguments and questions to a person, as they were about to leave. */
function note(received: Map<string, Received>, event: RunEvent): void {
  if (event.type === "attempt-start") {
    add(received, {
      sink: `model ${event.endpoint}`,
      location: event.location,
      label: event.label,
      requests: 1,
      bytes: event.requestBytes,
    });
  }
  if (event.type === "tool-start") {
    add(received, {
      sink: `tool ${event.tool}`,
      location: "in-house",
      label: event.label,
      requests: 1,
      bytes: event.argumentBytes,
    });
  }
  if (event.type === "human-asked") {
    add(received, { sink: "person", location: "in-house", label: event.label, requests: 1, bytes: undefined });
  }
}

function add(received: Map<string, Received>, next: Received): void {
  const before = received.get(next.sink);
  if (before === undefined) {
    received.set(next.sink, next);
    return;
  }
  const label = joinLabels(before.label, next.label);
  received.set(next.sink, { ...next, label, requests: before.requests + 1, bytes: bytesOf(before, next) });
}

function bytesOf(before: Received, next: Received): number | undefined {
  return before.bytes === undefined || next.bytes === undefined ? undefined : before.bytes + next.bytes;
}
