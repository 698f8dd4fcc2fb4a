import type { KeyObject } from "node:crypto";
import type { Candidate } from "../catalog/candidate.ts";
import type { Clock } from "../common/clock.ts";
import { DeadlineExceededError, TierwiseError } from "../errors.ts";
import type { GraphDefinition, NeedValues, StepDefinition } from "../graph/definition.ts";
import type { RefNode } from "../graph/ref.ts";
import type { ModelPort } from "../models/port.ts";
import type { Decision } from "../policy/decision.ts";
import type { Policy } from "../policy/policy.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import type { Metrics, RunMetrics } from "../telemetry/metrics.ts";
import type { GraphTrace, RunTrace } from "../telemetry/run-trace.ts";
import type { StepTrace } from "../telemetry/step-trace.ts";
import type { TraceSettings } from "../telemetry/trace-settings.ts";
import type { Clearance } from "../tiers/clearance.ts";
import type { Label } from "../tiers/label.ts";
import type { Budget } from "./budget/budget.ts";
import type { DurableRecord, WorkRecord } from "./durable/work-record.ts";
import { frameOf } from "./frame.ts";
import type { EndpointGate } from "./gates/endpoint-gate.ts";
import type { EndpointMonitor } from "./gates/endpoint-monitor.ts";
import type { Ledger } from "./budget/ledger.ts";
import type { MemoStore } from "./memo/memo-store.ts";
import type { RetryOptions } from "./model-call/retry-options.ts";
import type { RunEvents } from "./run-events.ts";
import type { SharedAccounts } from "./budget/shared-accounts.ts";

interface Question {
  readonly runId: string;
  readonly step: string;
  /** The same question of a run has the same key, also when it is asked again after a crash. */
  readonly key: string;
  /** Of everything the question shows. */
  readonly label: Label;
  /** The question itself; for an answer, what the model would have been sent. */
  readonly prompt: string;
  readonly signal: AbortSignal;
}

/** A question for a person: an answer in a model's place where no endpoint is left, or whether an `approve` step is approved. */
export interface StepQuestion extends Question {
  readonly kind: "answer" | "approval";
}

/** Whether a tool that is declared with `approve` may be called: answered by `true`, `false` or `{ approved }`. */
export interface ToolQuestion extends Question {
  readonly kind: "approve-tool";
  readonly tool: string;
  readonly effect: "write" | "irreversible";
  /** As the tool will get them: checked, with what code pins. Frozen as far as they are plain data. */
  readonly arguments: unknown;
  /** Why the author wants this approved. */
  readonly reason: string | undefined;
}

/**
 * What became of a tool that may not run twice and was under way when its process died: answered by
 * `{ outcome: "done", result }` or `{ outcome: "not-done" }`; then it is called.
 */
export interface ResolveQuestion extends Omit<ToolQuestion, "kind"> {
  readonly kind: "resolve-tool";
}

export type HumanRequest = StepQuestion | ToolQuestion | ResolveQuestion;

/** A person as a sink of data and a source of answers. */
export interface HumanPort {
  readonly clearance: Clearance;
  readonly ask: (request: HumanRequest) => Promise<unknown>;
}

/** What a runtime lends to all its runs. */
export interface Services {
  /** Secret of idempotency keys. */
  readonly macKey: KeyObject;
  readonly memo: MemoStore;
  readonly policy: Policy | PolicySource;
  readonly candidates: readonly Candidate[];
  readonly ports: ReadonlyMap<string, ModelPort>;
  /** By endpoint; in-process classifiers have none. */
  readonly gates: ReadonlyMap<string, EndpointGate>;
  readonly retry: Required<RetryOptions>;
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly human: HumanPort | undefined;
  /** What the host wants spans to say. */
  readonly telemetry?: TraceSettings;
  /** @default none are recorded */
  readonly metrics?: Metrics;
  /** `undefined` where decisions depend on declarations only. */
  readonly monitor: EndpointMonitor | undefined;
}

/** What is known of a step while it runs. */
export interface RunningStep {
  readonly trace: StepTrace;
  /** On the clock's monotonic scale. */
  readonly startedMs: number;
  /** `undefined` for a step that declares none. */
  budget: Budget | undefined;
  /** The decision that was announced last. */
  announced: Decision | undefined;
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
  /** Of what surrounds the steps of this session: the run, or the step that runs its graph. */
  readonly budget: Budget;
  /** Budgets that other runs draw on, too. */
  readonly shared: SharedAccounts | undefined;
  readonly ledger: Ledger;
  readonly events: RunEvents;
  /** Of this session's graph; the run's own span is ended through `runTrace`. */
  readonly trace: GraphTrace;
  readonly runTrace: RunTrace;
  /** By step, from its start to its end; shared by all graphs of the run. */
  readonly runningSteps: Map<string, RunningStep>;
  /** Of the run, also inside its graphs. */
  readonly metrics: RunMetrics;
  readonly toolCalls: { count: number };
  /** On an engine that outlives the process. */
  readonly durable?: DurableRecord | undefined;
  /** For the code that performs one work there. */
  readonly work?: WorkRecord | undefined;
  /** For rules to read; never sent to a model or recorded. */
  readonly tags: Readonly<Record<string, string>>;
  /** Fires when the run is cancelled, fails or runs out of time. */
  readonly abort: AbortController;
  /** Of the run, also inside its graphs: who sees what steps show while they run. */
  readonly callerClearance: Clearance;
  /** On the clock's monotonic scale. */
  readonly startedMs: number;
  readonly deadlineMs: number;
  /** Sessions of graphs that run inside this run, by the path before their steps' names; shared by all of them. */
  readonly frames: Map<string, Session>;
  /** Shared by all graphs of the run. */
  readonly counts: { executed: number; skipped: number; cached: number; failed: number };
  /** Milliseconds that placed steps took, by their names without positions; only where the run is recorded. */
  readonly stepMs: Map<string, number> | undefined;
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

/** The session whose graph holds the step: the run's own, or that of a graph inside it. */
export function sessionOf(session: Session, step: string): Session {
  return session.frames.size === 0 ? session : (session.frames.get(frameOf(step)) ?? session);
}

export function stepOf(session: Session, name: string): StepDefinition {
  const step = session.steps.get(name);
  if (step === undefined) throw new TierwiseError("INTERNAL", `step "${name}" is not in graph "${session.graph.name}"`);
  return step;
}

/** The values that a step reads, by the names under which it needs them. */
export function needValues(session: Session, step: StepDefinition): NeedValues {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(step.needs)) values[key] = refValue(session, step.needs[key]!);
  return values;
}

export function refValue(session: Session, { source, whenSkipped }: RefNode): unknown {
  const value = sourceValue(session, source);
  return value === undefined && whenSkipped.kind === "value" ? whenSkipped.value : value;
}

/** `undefined` for what was skipped or has not settled, and for an optional field that is missing. */
export function sourceValue(session: Session, source: RefNode["source"]): unknown {
  if (source.kind === "input") return session.input;
  if (source.kind === "field") return (session.input as Record<string, unknown>)[source.field];
  const settled = session.settled.get(source.step);
  return settled?.kind === "value" ? settled.value : undefined;
}
