/** The instruments of all metrics; names in `semconv.ts`, buckets as the GenAI conventions advise them. */
import type { Counter, Histogram, Meter } from "@opentelemetry/api";
import * as names from "./semconv.ts";

export interface Instruments {
  readonly inferenceDuration: Histogram;
  readonly timeToFirstChunk: Histogram;
  readonly inputTokens: Counter;
  readonly outputTokens: Counter;
  readonly invokeAgentDuration: Histogram;
  readonly executeToolDuration: Histogram;
  readonly cost: Counter;
  readonly runCost: Histogram;
  readonly runDuration: Histogram;
  readonly stepDuration: Histogram;
  readonly policyDecisions: Counter;
  readonly escalations: Counter;
  readonly retries: Counter;
  readonly budgetExceeded: Counter;
}

/** Seconds: `gen_ai.client.operation.duration` of the conventions. */
const operationBuckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/** Seconds: `gen_ai.server.time_to_first_token` of the conventions. */
const firstChunkBuckets = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Seconds. A run or a step may loop for minutes. */
const longBuckets = [...operationBuckets, 163.84, 327.68, 655.36];
/** US dollars, three a decade; the limits of `tierwise.cost.bucket` are among them. */
const costBuckets = [0, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

export function createInstruments(meter: Meter): Instruments {
  const seconds = (name: string, description: string, buckets: number[] = operationBuckets): Histogram =>
    meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries: buckets } });
  const counter = (name: string, description: string, unit: string): Counter =>
    meter.createCounter(name, { description, unit });
  const costAdvice = { explicitBucketBoundaries: costBuckets };
  return {
    inferenceDuration: seconds(names.METRIC_GEN_AI_CLIENT_INFERENCE_DURATION, "Requests to models"),
    timeToFirstChunk: seconds(
      names.METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK,
      "From the request to the first piece of a streamed answer",
      firstChunkBuckets,
    ),
    inputTokens: counter(names.METRIC_GEN_AI_CLIENT_INFERENCE_INPUT_TOKENS, "Input, cached included", "{token}"),
    outputTokens: counter(names.METRIC_GEN_AI_CLIENT_INFERENCE_OUTPUT_TOKENS, "Output", "{token}"),
    invokeAgentDuration: seconds(names.METRIC_GEN_AI_INVOKE_AGENT_DURATION, "Steps that a policy places", longBuckets),
    executeToolDuration: seconds(names.METRIC_GEN_AI_EXECUTE_TOOL_DURATION, "Calls of tools"),
    cost: counter(names.METRIC_COST, "What models and tools cost, rejected answers included", "{USD}"),
    runCost: meter.createHistogram(names.METRIC_RUN_COST, { description: "A run", unit: "{USD}", advice: costAdvice }),
    runDuration: seconds(names.METRIC_RUN_DURATION, "Runs", longBuckets),
    stepDuration: seconds(names.METRIC_STEP_DURATION, "Steps that were started", longBuckets),
    policyDecisions: counter(names.METRIC_POLICY_DECISIONS, "Decisions where a step goes", "{decision}"),
    escalations: counter(names.METRIC_ESCALATIONS, "Requests that a weak answer made necessary", "{request}"),
    retries: counter(names.METRIC_RETRIES, "Requests to the endpoint that had just failed", "{request}"),
    budgetExceeded: counter(names.METRIC_BUDGET_EXCEEDED, "Runs that a budget ended", "{run}"),
  };
}
