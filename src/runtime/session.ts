import type { Candidate } from "../catalog/candidate.ts";
import type { Clock } from "../common/clock.ts";
import { DeadlineExceededError, TierwiseError } from "../errors.ts";
import type { GraphDefinition, NeedValues, StepDefinition } from "../graph/definition.ts";
import type { RefNode } from "../graph/ref.ts";
import type { ModelPort } from "../models/port.ts";
import type { Decision } from "../policy/decision.ts";
import type { Policy } from "../policy/policy.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import type { RunTrace, StepTrace } from "../telemetry/run-trace.ts";
import type { Clearance } from "../tiers/clearance.ts";
import type { Label } from "../tiers/label.ts";
import type { Budget } from "./budget.ts";
import type { EndpointMonitor } from "./endpoint-monitor.ts";
import type { Ledger } from "./ledger.ts";
import type { RunEvents } from "./run-events.ts";

/** A question for a person: a step for which no endpoint is left. */
export interface HumanRequest {
  readonly runId: string;
  readonly step: string;
  readonly label: Label;
  /** What the model would have been sent. */
  readonly prompt: string;
  readonly signal: AbortSignal;
}

/** A person as a sink of data and a source of answers. */
export interface HumanPort {
  readonly clearance: Clearance;
  readonly ask: (request: HumanRequest) => Promise<unknown>;
}

/** What a runtime lends to all its runs. */
export interface Services {
  readonly policy: Policy | PolicySource;
  readonly candidates: readonly Candidate[];
  readonly ports: ReadonlyMap<string, ModelPort>;
  readonly clock: Clock;
  readonly human: HumanPort | undefined;
  /** `undefined` where decisions depend on declarations only. */
  readonly monitor: EndpointMonitor | undefined;
}

/** A run while it is alive in this process. Only the driver writes `settled`; only dispatch writes budget and ledger. */
export interface Session {
  readonly runId: string;
  readonly graph: GraphDefinition;
  readonly steps: ReadonlyMap<string, StepDefinition>;
  readonly input: unknown;
  /** Chosen when the run started; what is activated meanwhile is for later runs. */
  readonly policy: Policy;
  readonly services: Services;
  readonly budget: Budget;
  readonly ledger: Ledger;
  readonly events: RunEvents;
  readonly trace: RunTrace;
  readonly stepTraces: Map<string, StepTrace>;
  /** By step, the decision that was announced last. */
  readonly announced: Map<string, Decision>;
  readonly toolCalls: { count: number };
  /** By step, on the clock's monotonic scale. */
  readonly stepStartedMs: Map<string, number>;
  /** For rules to read; never sent to a model or recorded. */
  readonly tags: Readonly<Record<string, string>>;
  /** Fires when the run is cancelled, fails or runs out of time. */
  readonly abort: AbortController;
  /** On the clock's monotonic scale. */
  readonly startedMs: number;
  readonly deadlineMs: number;
  /** By step; a step that is not here has not settled. */
  readonly settled: Map<string, { readonly kind: "value"; readonly value: unknown } | { readonly kind: "skipped" }>;
}

/** The catalog, and how it did lately. */
export function currentCandidates({ candidates, monitor }: Services): readonly Candidate[] {
  return monitor?.candidates(candidates) ?? candidates;
}

export function remainingMs(session: Session): number {
  return session.deadlineMs - session.services.clock.nowMs();
}

export function deadlineExceeded({ runId, startedMs, deadlineMs }: Session, underWay: readonly string[]) {
  const durationMs = Math.round(deadlineMs - startedMs);
  const steps = underWay.map((name) => `"${name}"`).join(", ");
  const message = `run ${runId} took longer than ${durationMs} ms (budget.durationMs); under way: ${steps}`;
  return new DeadlineExceededError("DEADLINE_EXCEEDED", message, { details: { runId, durationMs } });
}

export function stepOf(session: Session, name: string): StepDefinition {
  const step = session.steps.get(name);
  if (step === undefined) throw new TierwiseError("INTERNAL", `step "${name}" is not in graph "${session.graph.name}"`);
  return step;
}

/** The values that a step reads, by the names under which it needs them. */
export function needValues(session: Session, step: StepDefinition): NeedValues {
  const values: Record<string, unknown> = {};
  for (const [key, ref] of Object.entries(step.needs)) values[key] = refValue(session, ref);
  return values;
}

export function refValue(session: Session, { source, whenSkipped }: RefNode): unknown {
  const value = sourceValue(session, source);
  return value === undefined && whenSkipped.kind === "value" ? whenSkipped.value : value;
}

/** `undefined` for what was skipped or has not settled, and for an optional field that is missing. */
function sourceValue(session: Session, source: RefNode["source"]): unknown {
  if (source.kind === "input") return session.input;
  if (source.kind === "field") return (session.input as Record<string, unknown>)[source.field];
  const settled = session.settled.get(source.step);
  return settled?.kind === "value" ? settled.value : undefined;
}
