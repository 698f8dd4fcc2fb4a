import { context as contextApi, type Tracer } from "@opentelemetry/api";
import { usdToPico } from "../catalog/money.ts";
import { InputError } from "../errors.ts";
import type { GraphDefinition } from "../graph/definition.ts";
import type { Policy } from "../policy/policy.ts";
import { RunTrace } from "../telemetry/run-trace.ts";
import { Budget } from "./budget.ts";
import { Ledger } from "./ledger.ts";
import { RunEvents } from "./run-events.ts";
import type { CheckedRunOptions } from "./runtime-options.ts";
import type { Services, Session } from "./session.ts";

export interface Opening {
  readonly runId: string;
  readonly input: unknown;
  readonly options: CheckedRunOptions;
  readonly policy: Policy;
  readonly services: Services;
  readonly tracer: Tracer;
}

/** A run before its first step. @throws {InputError} when the input does not fit; nothing was opened */
export function openSession(graph: GraphDefinition, opening: Opening): Session {
  const { runId, input, options, policy, services, tracer } = opening;
  const { clock } = services;
  const { costUsd, durationMs, tags } = options;
  const parsed = parseInput(graph, input);
  const facts = { runId, graph: graph.name, graphVersion: graph.version, labelled: graph.labelled };
  return {
    runId,
    graph,
    steps: new Map(graph.steps.map((step) => [step.name, step])),
    input: parsed,
    policy,
    services,
    budget: new Budget(costUsd === undefined ? undefined : usdToPico(costUsd)),
    ledger: new Ledger(),
    events: new RunEvents(runId, clock),
    trace: new RunTrace(tracer, facts, contextApi.active()),
    stepTraces: new Map(),
    announced: new Map(),
    toolCalls: { count: 0 },
    stepStartedMs: new Map(),
    tags,
    abort: new AbortController(),
    startedMs: clock.nowMs(),
    deadlineMs: clock.nowMs() + durationMs,
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
