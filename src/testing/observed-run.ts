import type { Location } from "../catalog/endpoint.ts";
import { show } from "../common/names.ts";
import type { RunEvent } from "../events/event.ts";
import type { Decision } from "../policy/decision.ts";
import type { RunResult } from "../runtime/run.ts";
import type { Label } from "../tiers/label.ts";

/** What a matcher can be asked about: what `runtime.run` returns, or the events of a run. */
export type ObservedSubject = RunResult<unknown> | readonly RunEvent[];

/** A request to a model; of a result, one that its decisions allowed and that may have been made. */
export interface Sent {
  readonly step: string;
  readonly endpoint: string;
  readonly location: Location;
  readonly label: Label;
}

/** What happened in a run, as far as its result or its events tell. */
export interface ObservedRun {
  /** Steps that decided or called something, and with events all that began or were skipped. */
  readonly steps: ReadonlySet<string>;
  /** Endpoints in the order they were asked, of one step or of all. */
  asked(step?: string): readonly string[];
  escalations(step?: string): number;
  readonly costUsd: number;
  /** False when a price is unknown or a usage was estimated. */
  readonly costComplete: boolean;
  readonly sent: readonly Sent[];
  readonly refused: readonly { readonly step: string; readonly endpoint: string; readonly rule: string }[];
}

/** @throws {TypeError} for anything else */
export function observe(subject: unknown): ObservedRun {
  if (Array.isArray(subject) && subject.every(isEvent)) return fromEvents(subject);
  const { ledger, decisions } = Object(subject) as Partial<RunResult<unknown>>;
  if (typeof ledger === "object" && typeof decisions === "object") return fromResult(subject as RunResult<unknown>);
  throw new TypeError(`expected what runtime.run returns, or an array of its events, found ${show(subject)}`);
}

function isEvent(item: unknown): item is RunEvent {
  const { type, runId } = Object(item) as Partial<RunEvent>;
  return typeof type === "string" && typeof runId === "string";
}

function fromResult({ ledger, decisions }: RunResult<unknown>): ObservedRun {
  const decided = Object.entries(decisions).flatMap(([step, list]) => list.map((decision) => ({ step, decision })));
  const totals = (step?: string) => (step === undefined ? ledger : ledger.steps[step]);
  return {
    steps: new Set([...Object.keys(ledger.steps), ...Object.keys(decisions)]),
    asked: (step) => totals(step)?.endpoints ?? [],
    escalations: (step) => totals(step)?.escalations ?? 0,
    costUsd: ledger.costUsd,
    costComplete: ledger.complete,
    // A result does not say for which decision an endpoint was asked: for each that lists it, then.
    sent: decided.flatMap(({ step, decision: { ladder, label } }) => {
      const asked = new Set(totals(step)?.endpoints);
      return ladder.filter(({ endpoint }) => asked.has(endpoint)).map((rung) => ({ ...rung, step, label }));
    }),
    refused: decided.flatMap(refusals),
  };
}

function fromEvents(events: readonly RunEvent[]): ObservedRun {
  const attempts = events.filter((event) => event.type === "attempt-start");
  const charges = events.filter((event) => event.type === "attempt-end" || event.type === "attempt-error");
  const of = (step?: string) => attempts.filter((attempt) => step === undefined || attempt.step === step);
  return {
    steps: new Set(events.flatMap((event) => ("step" in event ? [event.step] : []))),
    asked: (step) => of(step).map(({ endpoint }) => endpoint),
    escalations: (step) => of(step).filter(({ kind }) => kind === "escalation").length,
    costUsd: charges.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0),
    costComplete: charges.every(
      ({ costUsd, usageSource }) => costUsd !== undefined && (usageSource === "provider" || costUsd === 0),
    ),
    sent: attempts,
    refused: events.flatMap((event) => (event.type === "policy-decision" ? refusals(event) : [])),
  };
}

function refusals({ step, decision }: { readonly step: string; readonly decision: Decision }) {
  return decision.refused.map(({ endpoint, rule }) => ({ step, endpoint, rule }));
}
