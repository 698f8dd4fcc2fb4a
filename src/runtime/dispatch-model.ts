/**
 * The one place from which a model is called. In this order: label against clearance, worst case against the budget, span,
 * deadline, one request, usage checked, settled, recorded. Nothing else in Tierwise calls a model.
 * @module
 */
import type { Attributes } from "@opentelemetry/api";
import type { Endpoint } from "../catalog/endpoint.ts";
import { picoToUsd, type PicoUsd } from "../catalog/money.ts";
import {
  checkUsage,
  chargeOf,
  costElsewhere,
  worstCost,
  type CheckedUsage,
  type UsageBound,
} from "../catalog/usage.ts";
import { openScope, untilAborted } from "../common/abort.ts";
import { utf8Bytes } from "../common/utf8.ts";
import { ProviderError, TierwiseError } from "../errors.ts";
import type { PlacedStep } from "../graph/definition.ts";
import type { ModelPort, ModelReply } from "../models/port.ts";
import type { OpenSpan } from "../telemetry/open-span.ts";
import * as names from "../telemetry/semconv.ts";
import { assertFlow } from "./assert-flow.ts";
import type { Reservation } from "./budget.ts";
import { evaluateReply, type Evaluation } from "./evaluate-reply.ts";
import { stepKey, type EndedRequest } from "./endpoint-monitor.ts";
import { needValues, type Session } from "./session.ts";
import type { ModelResult, ModelWork } from "./step-work.ts";

export interface ModelCall {
  readonly session: Session;
  readonly step: PlacedStep;
  readonly work: ModelWork["input"];
  readonly endpoint: Endpoint;
  readonly port: ModelPort;
  readonly acceptAt: number;
  /** Endpoints that the policy could have chosen: the dearest of them is the counterfactual. */
  readonly eligible: readonly Endpoint[];
}

export async function dispatchModel(call: ModelCall): Promise<ModelResult> {
  const { session, step, work, endpoint, port } = call;
  assertFlow({
    step: step.name,
    label: work.label,
    sink: `endpoint "${endpoint.name}"`,
    clearance: endpoint.clearance,
  });
  const bound: UsageBound = {
    requestBytes: port.requestBytes(work.request),
    maxOutputTokens: work.request.maxOutputTokens + endpoint.reasoningTokens,
  };
  // The policy's gate has refused this already; here, too, an unknown price is not 0.
  if (endpoint.price === undefined && session.budget.cap !== undefined)
    return { type: "unaffordable", endpoint: endpoint.name };
  const worst = endpoint.price === undefined ? 0n : worstCost(bound, endpoint.price);
  const reservation = await session.budget.reserve(worst, session.abort.signal);
  if (reservation === undefined) return { type: "unaffordable", endpoint: endpoint.name };
  return new Attempt(call, bound, reservation).perform();
}

/** One request under way: whatever happens, its reservation is settled, its span ended and its entry booked once. */
class Attempt {
  readonly #call: ModelCall;
  readonly #bound: UsageBound;
  readonly #reservation: Reservation;
  readonly #span: OpenSpan;
  readonly #startedMs: number;
  /** False until the request is handed to the client: until then nothing can have been billed. */
  #sent = false;

  constructor(call: ModelCall, bound: UsageBound, reservation: Reservation) {
    const { session, step, work, endpoint, port } = call;
    this.#call = call;
    this.#bound = bound;
    this.#reservation = reservation;
    this.#startedMs = session.services.clock.nowMs();
    const trace = session.stepTraces.get(step.name);
    if (trace === undefined) throw new TierwiseError("INTERNAL", `step "${step.name}" has no span`);
    this.#span = trace.attempt({
      endpoint,
      number: work.number,
      kind: work.kind,
      provider: port.provider,
      model: port.model,
      server: port.server,
      maxOutputTokens: work.request.maxOutputTokens,
      outputType: work.request.kind === "chat" && work.request.schema !== undefined ? "json" : "text",
    });
    session.events.emit({
      type: "attempt-start",
      ...this.#identity(),
      label: work.label,
      requestBytes: bound.requestBytes,
    });
  }

  async perform(): Promise<ModelResult> {
    let reply: ModelReply;
    try {
      reply = await this.#request();
    } catch (error) {
      return this.#failed(error);
    }
    return this.#answered(reply);
  }

  async #request(): Promise<ModelReply> {
    const { session, step, work, port } = this.#call;
    // The run's own deadline aborts the session: one place decides which of the two it was.
    const scope = openScope(session.abort.signal, step.timeoutMs, session.services.clock);
    try {
      scope.signal.throwIfAborted();
      this.#sent = true;
      return await untilAborted(
        this.#span.run(() => port.call(work.request, scope.signal)),
        scope.signal,
      );
    } catch (error) {
      throw scope.timedOut() ? this.#timeout() : error;
    } finally {
      scope.release();
    }
  }

  #timeout(): ProviderError {
    const { step, endpoint } = this.#call;
    const message = `step "${step.name}" -> "${endpoint.name}": no answer within ${step.timeoutMs} ms (timeoutMs)`;
    return new ProviderError(message, { code: "ATTEMPT_TIMEOUT", retryable: true, errorType: "timeout" });
  }

  #answered(reply: ModelReply): ModelResult {
    const { session, step, acceptAt, endpoint } = this.#call;
    const checked = this.#usageOf(reply);
    let evaluation: Evaluation;
    try {
      evaluation = evaluateReply(step, reply, { values: needValues(session, step), acceptAt });
    } catch (error) {
      // The author's `validate` threw: the request is paid for all the same.
      this.#observe("answered");
      this.#endUnjudged(checked, "_OTHER");
      throw error;
    }
    this.#observe("answered", evaluation.accepted);
    const cost = this.#settle(checked, evaluation.accepted);
    session.events.emit({
      type: "attempt-end",
      ...this.#identity(),
      ...this.#charged(checked, cost),
      ...outcomeOf(evaluation),
    });
    this.#span.end(
      this.#span.isRecording ? { attributes: this.#attributes(reply, checked, { cost, evaluation }) } : {},
    );
    if (evaluation.accepted) {
      const { inputTokens, outputTokens } = checked.usage;
      const conversation = { endpoint: endpoint.name, tokens: inputTokens + outputTokens };
      return { type: "accepted", value: evaluation.value, text: reply.text, toolCalls: reply.toolCalls, conversation };
    }
    const { rejectReason: reason = "validator", problems } = evaluation;
    return { type: "rejected", endpoint: endpoint.name, reason, problems, text: reply.text };
  }

  #failed(error: unknown): ModelResult {
    const { session, endpoint } = this.#call;
    const aborted = session.abort.signal.aborted;
    const bounded: CheckedUsage = { ...checkUsage(undefined, this.#bound), source: "estimated" };
    const errorType = error instanceof ProviderError ? error.errorType : aborted ? "cancelled" : "_OTHER";
    if (!aborted && error instanceof ProviderError && tellsOfHealth(error)) this.#observe("failed");
    this.#endUnjudged(!this.#sent || wasNotBilled(error) ? unbilled : bounded, errorType);
    if (aborted || !(error instanceof ProviderError)) throw error;
    const { retryable, errorType: type, status, code } = error;
    const options = { retryable, errorType: type, code, ...(status !== undefined && { status }) };
    return { type: "failed", endpoint: endpoint.name, error: new ProviderError(this.#ofStep(error.message), options) };
  }

  /** For later decisions. Cancelled requests are no sample: they say when the caller lost interest. */
  #observe(outcome: EndedRequest["outcome"], accepted?: boolean): void {
    const { session, step, endpoint } = this.#call;
    const { clock, monitor } = session.services;
    const durationMs = clock.nowMs() - this.#startedMs;
    monitor?.record({ endpoint: endpoint.name, step: stepKey(session.graph, step), outcome, accepted, durationMs });
  }

  /** The port knows its endpoint, not the step that asked. */
  #ofStep(message: string): string {
    const { name } = this.#call.step;
    return message.startsWith(`step "${name}"`) ? message : `step "${name}": ${message}`;
  }

  /** Closes an attempt without an answer to judge; it is on the books like any other. */
  #endUnjudged(checked: CheckedUsage, errorType: string): void {
    const { session, endpoint } = this.#call;
    const cost = this.#settle(checked, false);
    session.events.emit({ type: "attempt-error", ...this.#identity(), ...this.#charged(checked, cost), errorType });
    this.#span.end({ errorType, attributes: costAttributes(endpoint, cost, checked) });
  }

  #usageOf(reply: ModelReply): CheckedUsage {
    if (this.#call.port.capabilities.onlyLabels === undefined) return checkUsage(reply.usage, this.#bound);
    // Counts no tokens: about four bytes make one, for the counterfactual only.
    const tokens = (bytes: number): number => Math.ceil(bytes / 4);
    return {
      usage: { inputTokens: tokens(this.#bound.requestBytes), outputTokens: tokens(utf8Bytes(reply.text)) },
      source: "estimated",
    };
  }

  #settle(checked: CheckedUsage, accepted: boolean): PicoUsd | undefined {
    const { session, step, work, endpoint, eligible } = this.#call;
    const { usage, source } = checked;
    const cost = endpoint.price === undefined ? undefined : chargeOf(checked, endpoint.price);
    const dearest = eligible.reduce((most, { name, price }) => {
      const other = price === undefined ? 0n : costElsewhere(usage, price);
      const own = name === endpoint.name ? (cost ?? 0n) : other;
      return own > most ? own : most;
    }, 0n);
    session.budget.settle(this.#reservation, cost ?? 0n);
    const entry = { step: step.name, endpoint: endpoint.name, class: endpoint.class, usage, usageSource: source };
    session.ledger.record({ ...entry, kind: work.kind, cost, dearest, accepted });
    return cost;
  }

  #identity() {
    const { step, work, endpoint } = this.#call;
    const { name, class: endpointClass, location } = endpoint;
    return { step: step.name, attempt: work.number, kind: work.kind, endpoint: name, class: endpointClass, location };
  }

  #charged({ usage, source }: CheckedUsage, cost: PicoUsd | undefined) {
    const durationMs = this.#call.session.services.clock.nowMs() - this.#startedMs;
    return { durationMs, ...usage, usageSource: source, costUsd: cost === undefined ? undefined : picoToUsd(cost) };
  }

  #attributes(
    reply: ModelReply,
    checked: CheckedUsage,
    { cost, evaluation }: { cost: PicoUsd | undefined; evaluation: Evaluation },
  ): Attributes {
    const { raw, calibrated, kind } = evaluation.confidence;
    return {
      ...costAttributes(this.#call.endpoint, cost, checked),
      [names.ATTR_ATTEMPT_OUTCOME]: evaluation.accepted ? "accepted" : "rejected",
      ...(evaluation.rejectReason && { [names.ATTR_ATTEMPT_REJECT_REASON]: evaluation.rejectReason }),
      [names.ATTR_CONFIDENCE_KIND]: evaluation.basis === "ungated" ? "ungated" : kind,
      ...(raw !== undefined && { [names.ATTR_CONFIDENCE_RAW]: raw }),
      ...(calibrated !== undefined && { [names.ATTR_CONFIDENCE_CALIBRATED]: calibrated }),
      [names.ATTR_CONFIDENCE_THRESHOLD]: this.#call.acceptAt,
      ...(reply.responseModel !== undefined && { [names.ATTR_GEN_AI_RESPONSE_MODEL]: reply.responseModel }),
      ...(reply.responseId !== undefined && { [names.ATTR_GEN_AI_RESPONSE_ID]: reply.responseId }),
      ...(reply.finishReason !== undefined && { [names.ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: [reply.finishReason] }),
    };
  }
}

function outcomeOf({ accepted, rejectReason, confidence, basis }: Evaluation) {
  return { outcome: accepted ? ("accepted" as const) : ("rejected" as const), rejectReason, confidence, basis };
}

function costAttributes({ price }: Endpoint, cost: PicoUsd | undefined, { usage, source }: CheckedUsage): Attributes {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    [names.ATTR_GEN_AI_USAGE_INPUT_TOKENS]: inputTokens,
    [names.ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: outputTokens,
    ...(cacheReadTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS]: cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { [names.ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: reasoningTokens }),
    [names.ATTR_USAGE_SOURCE]: source,
    [names.ATTR_COST_SOURCE]: price === undefined ? "unpriced" : source === "provider" ? "price" : "estimate",
    ...(cost !== undefined && { [names.ATTR_COST_USD]: picoToUsd(cost) }),
    ...(price !== undefined && { [names.ATTR_COST_PRICE_VERSION]: price.version }),
  };
}

const unbilled: CheckedUsage = { usage: { inputTokens: 0, outputTokens: 0 }, source: "estimated" };

/** A request that was too long, or that its anonymiser held back, would have failed at a healthy endpoint too. */
function tellsOfHealth({ errorType }: ProviderError): boolean {
  return errorType !== "context_length" && errorType !== "anonymiser_failed";
}

/** Refused before work began: an error status, or no connection at all. Anything else may have been billed. */
function wasNotBilled(error: unknown): boolean {
  if (!(error instanceof ProviderError)) return false;
  return (
    error.status !== undefined ||
    ["ECONNREFUSED", "ENOTFOUND", "context_length", "anonymiser_failed"].includes(error.errorType)
  );
}
