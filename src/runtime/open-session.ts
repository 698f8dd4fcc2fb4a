import { context as contextApi, ROOT_CONTEXT, type Tracer } from "@opentelemetry/api";
import { InputError } from "../errors.ts";
import type { GraphDefinition, StepDefinition } from "../graph/definition.ts";
import type { Policy } from "../policy/policy.ts";
import { noMetrics } from "../telemetry/metrics.ts";
import { RunTrace, type ResumedFrom } from "../telemetry/run-trace.ts";
import { plainTrace } from "../telemetry/trace-settings.ts";
import { capsOf } from "./budget/amounts.ts";
import { Budget } from "./budget/budget.ts";
import { Ledger } from "./budget/ledger.ts";
import type { DurableRecord } from "./durable/work-record.ts";
import { RunEvents } from "./run-events.ts";
import type { CheckedRunOptions } from "./runtime-options.ts";
import type { Services, Session } from "./session.ts";
import { SharedAccounts, type SharedSetting } from "./budget/shared-accounts.ts";

export interface Opening {
  readonly runId: string;
  readonly input: unknown;
  readonly options: CheckedRunOptions;
  /** The accounts that the run draws on; none by default. */
  readonly shared?: SharedSetting | undefined;
  readonly policy: Policy;
  readonly services: Services;
  readonly tracer: Tracer;
  readonly durable?: DurableRecord | undefined;
  /** Of a run that was begun in another process; its input was read there. */
  readonly resumed?: (ResumedFrom & { readonly startedAtMs: number }) | undefined;
}

/** A run before its first step. @throws {InputError} when the input does not fit; nothing was opened */
export function openSession(graph: GraphDefinition, opening: Opening): Session {
  const { runId, input, options, shared, policy, services, tracer, durable, resumed } = opening;
  const { clock } = services;
  const { budget, durationMs, tags } = options;
  const parsed = resumed === undefined ? parseInput(graph, input) : input;
  const startedMs = clock.nowMs() - (resumed === undefined ? 0 : clock.epochMs() - resumed.startedAtMs);
  const facts = { runId, graph: graph.name, graphVersion: graph.version, labelled: graph.labelled };
  const { conversationId } = options;
  const events = new RunEvents(runId, clock);
  const runTrace = new RunTrace(
    tracer,
    { ...facts, conversationId, resumed, settings: services.telemetry ?? plainTrace },
    resumed === undefined ? contextApi.active() : ROOT_CONTEXT,
  );
  return {
    runId,
    graph,
    steps: stepsByName(graph),
    input: parsed,
    policy,
    services,
    budget: new Budget(capsOf(budget)),
    shared: shared && new SharedAccounts(shared, { runId, clock, events }),
    ledger: new Ledger(),
    events,
    trace: runTrace,
    runTrace,
    runningSteps: new Map(),
    metrics: services.metrics?.ofRun(graph.name) ?? noMetrics,
    toolCalls: { count: 0 },
    tags,
    abort: new AbortController(),
    callerClearance: graph.callerClearance,
    durable,
    startedMs,
    deadlineMs: startedMs + durationMs,
    frames: new Map(),
    counts: { executed: 0, skipped: 0, cached: 0, failed: 0 },
    stepMs: runTrace.isRecording ? new Map() : undefined,
    settled: new Map(),
  };
}

/** The input as its schema reads it. @throws {InputError} when it does not fit */
export function parseInput(graph: GraphDefinition, input: unknown): unknown {
  const parsed = graph.input.parse(input);
  if (parsed.ok) return parsed.value;
  const { problems } = parsed;
  throw new InputError(
    "INPUT_INVALID",
    `graph "${graph.name}": the input does not fit its schema: ${problems.join("; ")}`,
    { details: { graph: graph.name, problems } },
  );
}

/** The same for every run of a graph, which is frozen. */
const stepMaps = new WeakMap<GraphDefinition, ReadonlyMap<string, StepDefinition>>();

function stepsByName(graph: GraphDefinition): ReadonlyMap<string, StepDefinition> {
  const known = stepMaps.get(graph);
  if (known !== undefined) return known;
  const steps = new Map(graph.steps.map((step) => [step.name, step]));
  stepMaps.set(graph, steps);
  return steps;
}
