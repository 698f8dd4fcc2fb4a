/**
 * Metrics of runs, through OpenTelemetry's API alone. They are fed from where the ledger is, so they count every run, whatever
 * a sampler drops. Attributes are declared names only: no run id, no position in a list, nothing that a model or provider wrote.
 */
import { createNoopMeter, metrics as globalMetrics, type Attributes, type MeterProvider } from "@opentelemetry/api";
import type { EndpointClass } from "../catalog/endpoint.ts";
import { createInstruments, type Instruments } from "./instruments.ts";
import * as names from "./semconv.ts";
import { unharmed } from "./unharmed.ts";

/** One request to a model. */
export interface RequestFacts {
  readonly provider: string;
  readonly model: string;
  readonly server: { readonly address: string; readonly port: number } | undefined;
}

export interface EndedAttempt extends RequestFacts {
  /** By its static name, as everywhere here. */
  readonly step: string;
  readonly class: EndpointClass;
  /** Why it was made: `initial`, `retry`, `fallback`, `escalation` or `turn`. */
  readonly kind: string;
  readonly durationMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** `undefined` where the endpoint has no price. */
  readonly costUsd: number | undefined;
  readonly errorType: string | undefined;
}

export interface EndedToolCall {
  readonly step: string;
  /** As it is declared. */
  readonly tool: string;
  readonly durationMs: number;
  /** `undefined` where the tool declares no cost. */
  readonly costUsd: number | undefined;
  readonly errorType: string | undefined;
}

export interface EndedStep {
  readonly step: string;
  readonly kind: string;
  /** Whether a policy places it. */
  readonly isPlaced: boolean;
  readonly outcome: string;
  readonly durationMs: number;
  readonly errorType: string | undefined;
}

export interface EndedRun {
  readonly outcome: string;
  readonly durationMs: number;
  readonly costUsd: number;
  readonly errorType: string | undefined;
  /** Of the budget that ended it; its account, which may be a tenant's, is not named. */
  readonly exceeded: { readonly scope: string; readonly dimension: string } | undefined;
}

/** The metrics of a runtime. Instruments are created once, when a run first finds a provider. */
export class Metrics {
  readonly #given: MeterProvider | undefined;
  #provider: MeterProvider | undefined;
  #instruments: Instruments | undefined;

  /** @param provider @default the global one, asked when a run starts */
  constructor(provider?: MeterProvider) {
    this.#given = provider;
  }

  /** @param graph the name of the graph that is run; those inside it count as its own */
  ofRun(graph: string): RunMetrics {
    const provider = this.#given ?? globalMetrics.getMeterProvider();
    if (provider !== this.#provider) {
      this.#provider = provider;
      this.#instruments = instrumentsOf(provider);
    }
    return this.#instruments === undefined ? noMetrics : new RunMetrics(this.#instruments, graph);
  }
}

function instrumentsOf(provider: MeterProvider): Instruments | undefined {
  return unharmed(() => {
    const meter = provider.getMeter("tierwise");
    return meter === createNoopMeter() ? undefined : createInstruments(meter);
  });
}

/** Records what happens in one run. Without a provider each method is a question and a return. */
export class RunMetrics {
  readonly #instruments: Instruments | undefined;
  readonly #graph: string;

  constructor(instruments: Instruments | undefined, graph: string) {
    this.#instruments = instruments;
    this.#graph = graph;
  }

  firstChunk(facts: () => RequestFacts, afterMs: number): void {
    this.#record(({ timeToFirstChunk }) => timeToFirstChunk.record(afterMs / 1_000, requestAttributes(facts())));
  }

  /** An attempt, accepted or not, once: where the ledger books it. */
  attempt(facts: () => EndedAttempt): void {
    this.#record((to) => {
      const { step, kind, model, durationMs, inputTokens, outputTokens, costUsd, errorType, ...rest } = facts();
      const request = requestAttributes({ model, ...rest });
      to.inferenceDuration.record(durationMs / 1_000, failing(request, errorType));
      to.inputTokens.add(inputTokens, request);
      to.outputTokens.add(outputTokens, request);
      const place = this.#placed(step);
      const on = { [names.ATTR_GEN_AI_REQUEST_MODEL]: model, [names.ATTR_MODEL_CLASS]: rest.class };
      if (costUsd !== undefined) to.cost.add(costUsd, { ...place, ...on });
      if (kind === "escalation") to.escalations.add(1, place);
      if (kind === "retry") to.retries.add(1, place);
    });
  }

  tool(facts: () => EndedToolCall): void {
    this.#record((to) => {
      const { step, tool, durationMs, costUsd, errorType } = facts();
      const called = { ...this.#placed(step), [names.ATTR_GEN_AI_TOOL_NAME]: tool };
      const operation = { ...called, [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_EXECUTE_TOOL };
      to.executeToolDuration.record(durationMs / 1_000, failing(operation, errorType));
      if (costUsd !== undefined) to.cost.add(costUsd, called);
    });
  }

  decided(step: () => string, decidedClass: string): void {
    this.#record(({ policyDecisions }) =>
      policyDecisions.add(1, { ...this.#placed(step()), [names.ATTR_POLICY_CLASS]: decidedClass }),
    );
  }

  step(facts: () => EndedStep): void {
    this.#record((to) => {
      const { step, kind, isPlaced, outcome, durationMs, errorType } = facts();
      const about = { [names.ATTR_STEP_KIND]: kind, [names.ATTR_STEP_OUTCOME]: outcome };
      to.stepDuration.record(durationMs / 1_000, failing({ ...this.#placed(step), ...about }, errorType));
      if (!isPlaced) return;
      const agent = {
        [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_INVOKE_AGENT,
        [names.ATTR_GEN_AI_AGENT_NAME]: step,
        [names.ATTR_GEN_AI_WORKFLOW_NAME]: this.#graph,
      };
      to.invokeAgentDuration.record(durationMs / 1_000, failing(agent, errorType));
    });
  }

  run(facts: () => EndedRun): void {
    this.#record((to) => {
      const { outcome, durationMs, costUsd, errorType, exceeded } = facts();
      const graph = { [names.ATTR_GEN_AI_WORKFLOW_NAME]: this.#graph };
      const ended = { ...graph, [names.ATTR_RUN_OUTCOME]: outcome };
      to.runCost.record(costUsd, ended);
      to.runDuration.record(durationMs / 1_000, failing(ended, errorType));
      if (exceeded === undefined) return;
      const { scope, dimension } = exceeded;
      const bound = { [names.ATTR_BUDGET_SCOPE]: scope, [names.ATTR_BUDGET_DIMENSION]: dimension };
      to.budgetExceeded.add(1, { ...graph, ...bound });
    });
  }

  #record(work: (to: Instruments) => void): void {
    const to = this.#instruments;
    if (to !== undefined) unharmed(() => work(to));
  }

  #placed(step: string): Attributes {
    return { [names.ATTR_GEN_AI_WORKFLOW_NAME]: this.#graph, [names.ATTR_STEP_NAME]: step };
  }
}

export const noMetrics = new RunMetrics(undefined, "");

function requestAttributes({ provider, model, server }: RequestFacts): Attributes {
  return {
    [names.ATTR_GEN_AI_OPERATION_NAME]: names.OPERATION_CHAT,
    [names.ATTR_GEN_AI_PROVIDER_NAME]: provider,
    [names.ATTR_GEN_AI_REQUEST_MODEL]: model,
    ...(server && { [names.ATTR_SERVER_ADDRESS]: server.address, [names.ATTR_SERVER_PORT]: server.port }),
  };
}

function failing(attributes: Attributes, errorType: string | undefined): Attributes {
  return errorType === undefined ? attributes : { ...attributes, [names.ATTR_ERROR_TYPE]: errorType };
}
