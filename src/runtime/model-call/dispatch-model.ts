/**
 * The one place from which a model is called. In this order: label against clearance, worst case against the budget, the
 * endpoint's gate, span, deadline, one request, usage checked, settled, recorded. Nothing else in Tierwise calls a model.
 * The budget comes before the gate: a run that waits for its own money must not hold a place that other runs want.
 * @module
 */
import type { Endpoint } from "../../catalog/endpoint.ts";
import { picoToUsd, type PicoUsd } from "../../catalog/money.ts";
import {
  checkUsage,
  chargeOf,
  costElsewhere,
  worstCost,
  worstTokens,
  type CheckedUsage,
  type UsageBound,
} from "../../catalog/usage.ts";
import { openScope, untilAborted } from "../../common/abort.ts";
import { utf8Bytes } from "../../common/utf8.ts";
import { ProviderError, TierwiseError } from "../../errors.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import type { ModelPort, ModelReply } from "../../models/port.ts";
import type { OpenSpan } from "../../telemetry/open-span.ts";
import { recordContent } from "../../telemetry/record-content.ts";
import {
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
} from "../../telemetry/semconv.ts";
import { plainTrace, type TraceSettings } from "../../telemetry/trace-settings.ts";
import { join, type Label } from "../../tiers/label.ts";
import { assertFlow } from "../assert-flow.ts";
import { answerAttributes, failureAttributes } from "./attempt-attributes.ts";
import { nothing, type Amounts, type BudgetBound } from "../budget/amounts.ts";
import type { EndpointGate } from "../gates/endpoint-gate.ts";
import { stepKey, type EndedRequest } from "../gates/endpoint-monitor.ts";
import { replyText, requestText } from "../content-text.ts";
import { staticName } from "../frame.ts";
import { evaluateReply, type Evaluation } from "./evaluate-reply.ts";
import { tellsOfHealth, wasNotBilled } from "./failure-kinds.ts";
import { boundOn, reserveCall, type CallReservation } from "../budget/reserve-call.ts";
import { needValues, type Session } from "../session.ts";
import { openShow, type AnswerShow } from "./show-answer.ts";
import type { ModelResult, ModelWork } from "../step-work.ts";
import { timeLeftMs } from "../time-left.ts";

export interface ModelCall {
  readonly session: Session;
  readonly step: PlacedStep;
  readonly work: ModelWork["input"];
  readonly endpoint: Endpoint;
  readonly port: ModelPort;
  /** `undefined` for an in-process classifier: it answers at once, and there is no server to spare. */
  readonly gate: EndpointGate | undefined;
  readonly acceptAt: number;
  /** Endpoints that the policy could have chosen: the dearest of them is the counterfactual. */
  readonly eligible: readonly Endpoint[];
}

/** One request at most; `requests` says whether it was made. */
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
  const unaffordable = { type: "unaffordable", endpoint: endpoint.name, requests: 0 } as const;
  const unbounded = withoutWorstCase(call);
  if (unbounded !== undefined) return { ...unaffordable, bound: unbounded };
  const reservation = await reserveCall(session, step.name, worstOf(endpoint, bound));
  if ("scope" in reservation) return { ...unaffordable, bound: reservation };
  try {
    return await throughGate(call, () => new Attempt(call, bound, reservation).perform());
  } finally {
    // An attempt has settled it already; without one, nothing was spent.
    reservation.settle(nothing);
  }
}

/** The policy's gates have refused this already; here, too, an unknown price is not 0 and an unknown limit is not one. */
function withoutWorstCase({ session, step, endpoint, port }: ModelCall): BudgetBound | undefined {
  const { outputLimit } = port.capabilities;
  if (endpoint.price !== undefined && outputLimit) return undefined;
  return boundOn(session, step.name, "costUsd") ?? (outputLimit ? undefined : boundOn(session, step.name, "tokens"));
}

function worstOf({ price }: Endpoint, bound: UsageBound): Amounts {
  return { picoUsd: price === undefined ? 0n : worstCost(bound, price), tokens: worstTokens(bound), calls: 1 };
}

async function throughGate(call: ModelCall, send: () => Promise<ModelResult>): Promise<ModelResult> {
  const { session, step, endpoint, gate } = call;
  if (gate === undefined) return send();
  const { clock } = session.services;
  const sinceMs = clock.nowMs();
  const place = await gate.enter(session.abort.signal, timeLeftMs(session, step));
  const trace = session.runningSteps.get(step.name)?.trace;
  if (trace !== undefined) trace.queueMs += clock.nowMs() - sinceMs;
  if (place instanceof ProviderError)
    return { type: "failed", endpoint: endpoint.name, error: ofStep(step, place), requests: 0 };
  let result: ModelResult | undefined;
  try {
    result = await send();
    return result;
  } finally {
    place.leave(result?.type === "failed" ? result.error : result && "answered");
  }
}

/** Ports and gates know their endpoint, not the step that asked. */
function ofStep({ name }: PlacedStep, error: ProviderError): ProviderError {
  const { message, retryable, errorType, status, retryAfterMs, code } = error;
  const own = message.startsWith(`step "${name}"`) ? message : `step "${name}": ${message}`;
  return new ProviderError(own, { retryable, errorType, status, retryAfterMs, code });
}

/** One request under way: whatever happens, its reservation is settled, its span ended and its entry booked once. */
class Attempt {
  readonly #call: ModelCall;
  readonly #bound: UsageBound;
  readonly #reservation: CallReservation;
  readonly #span: OpenSpan;
  readonly #startedMs: number;
  /** False until the request is handed to the client: until then nothing can have been billed. */
  #sent = false;
  /** What the run's caller sees of the answer; `undefined` where its step shows none. */
  #show: AnswerShow | undefined;

  constructor(call: ModelCall, bound: UsageBound, reservation: CallReservation) {
    const { session, step, work, endpoint, port } = call;
    this.#call = call;
    this.#bound = bound;
    this.#reservation = reservation;
    this.#startedMs = session.services.clock.nowMs();
    const trace = session.runningSteps.get(step.name)?.trace;
    if (trace === undefined) throw new TierwiseError("INTERNAL", `step "${step.name}" has no span`);
    this.#span = trace.attempt({
      endpoint,
      number: work.number,
      kind: work.kind,
      provider: port.provider,
      model: port.model,
      server: port.server,
      maxOutputTokens: work.request.maxOutputTokens,
      temperature: port.temperature,
      outputType: work.request.kind === "chat" && work.request.schema !== undefined ? "json" : "text",
      stream: port.streams && step.kind !== "classify" && step.stream !== undefined,
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
    const show = openShow(this.#call);
    if (show !== undefined) this.#show = await show;
    // The run's own deadline aborts the session: one place decides which of the two it was.
    const scope = openScope(session.abort.signal, step.timeoutMs, session.services.clock);
    try {
      scope.signal.throwIfAborted();
      this.#sent = true;
      this.#recordRequest();
      return await untilAborted(
        this.#span.run(() =>
          port.call(
            work.request,
            scope.signal,
            this.#show?.streaming(scope, () => this.#onFirst()),
          ),
        ),
        scope.signal,
      );
    } catch (error) {
      throw scope.timedOut() ? this.#timeout() : error;
    } finally {
      scope.release();
    }
  }

  #onFirst(): void {
    const { session, port } = this.#call;
    const afterMs = session.services.clock.nowMs() - this.#startedMs;
    session.metrics.firstChunk(() => port, afterMs);
    if (this.#settings.modelSpans === "tierwise")
      this.#span.set({ [ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK]: afterMs / 1_000 });
  }

  get #settings(): TraceSettings {
    return this.#call.session.services.telemetry ?? plainTrace;
  }

  /** As it was sent: behind an anonymiser, and with what is told to models that take no schema. */
  #recordRequest(): void {
    const { work, port } = this.#call;
    this.#record(ATTR_GEN_AI_INPUT_MESSAGES, work.label, () => {
      const sent = port.sent === undefined ? work.request : port.sent(work.request);
      return sent && requestText(sent);
    });
  }

  /** An answer may hold all that was asked, and is what the step gives out; a turn that calls tools is no answer yet. */
  #recordReply(reply: ModelReply): void {
    const { session, step, work } = this.#call;
    const output = reply.toolCalls.length > 0 ? undefined : session.graph.flows[step.name]?.output;
    const label = output === undefined ? work.label : join(work.label, output);
    this.#record(ATTR_GEN_AI_OUTPUT_MESSAGES, label, () => replyText(reply));
  }

  #record(attribute: string, label: Label, text: () => string | undefined): void {
    const { modelSpans, content } = this.#settings;
    if (modelSpans === "tierwise") recordContent(this.#span, content, { attribute, label, text });
  }

  #timeout(): ProviderError {
    const { step, endpoint } = this.#call;
    const message = `step "${step.name}" -> "${endpoint.name}": no answer within ${step.timeoutMs} ms (timeoutMs)`;
    return new ProviderError(message, { code: "ATTEMPT_TIMEOUT", retryable: true, errorType: "timeout" });
  }

  #answered(reply: ModelReply): ModelResult {
    const { session, step, acceptAt, endpoint } = this.#call;
    const checked = this.#usageOf(reply);
    this.#recordReply(reply);
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
    if (evaluation.accepted) this.#show?.accepted(evaluation, reply);
    session.events.emit({
      type: "attempt-end",
      ...this.#identity(),
      ...this.#charged(checked, cost),
      ...outcomeOf(evaluation),
    });
    this.#span.end(
      this.#span.isRecording
        ? {
            attributes: answerAttributes(reply, evaluation, {
              ...{ endpoint, cost, checked, acceptAt },
              settings: this.#settings,
            }),
          }
        : {},
    );
    if (evaluation.accepted) {
      const { inputTokens, outputTokens } = checked.usage;
      const conversation = { endpoint: endpoint.name, tokens: inputTokens + outputTokens };
      const { text, toolCalls } = reply;
      return { type: "accepted", value: evaluation.value, text, toolCalls, conversation, requests: 1 };
    }
    const { rejectReason: reason = "validator", problems } = evaluation;
    return { type: "rejected", endpoint: endpoint.name, reason, problems, text: reply.text, requests: 1 };
  }

  #failed(error: unknown): ModelResult {
    const { session, endpoint } = this.#call;
    const aborted = session.abort.signal.aborted;
    const bounded: CheckedUsage = { ...checkUsage(undefined, this.#bound), source: "estimated" };
    const errorType = error instanceof ProviderError ? error.errorType : aborted ? "cancelled" : "_OTHER";
    if (!aborted && error instanceof ProviderError && tellsOfHealth(error)) this.#observe("failed");
    this.#endUnjudged(!this.#sent || wasNotBilled(error) ? unbilled : bounded, errorType);
    if (aborted || !(error instanceof ProviderError)) throw error;
    return { type: "failed", endpoint: endpoint.name, error: ofStep(this.#call.step, error), requests: 1 };
  }

  /** For later decisions. Cancelled requests are no sample: they say when the caller lost interest. */
  #observe(outcome: EndedRequest["outcome"], accepted?: boolean): void {
    const { session, step, endpoint } = this.#call;
    const { clock, monitor } = session.services;
    const durationMs = clock.nowMs() - this.#startedMs - (this.#show?.waitedMs ?? 0);
    monitor?.record({ endpoint: endpoint.name, step: stepKey(session.graph, step), outcome, accepted, durationMs });
  }

  /** Closes an attempt without an answer to judge; it is on the books like any other. */
  #endUnjudged(checked: CheckedUsage, errorType: string): void {
    const { session, endpoint } = this.#call;
    const cost = this.#settle(checked, false, errorType);
    session.events.emit({ type: "attempt-error", ...this.#identity(), ...this.#charged(checked, cost), errorType });
    const charge = { endpoint, cost, checked, settings: this.#settings };
    this.#span.end({ errorType, ...(this.#span.isRecording && { attributes: failureAttributes(errorType, charge) }) });
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

  #settle(checked: CheckedUsage, accepted: boolean, errorType?: string): PicoUsd | undefined {
    const { session, step, work, endpoint, eligible } = this.#call;
    const { usage, source } = checked;
    const cost = endpoint.price === undefined ? undefined : chargeOf(checked, endpoint.price);
    const dearest = eligible.reduce((most, { name, price }) => {
      const other = price === undefined ? 0n : costElsewhere(usage, price);
      const own = name === endpoint.name ? (cost ?? 0n) : other;
      return own > most ? own : most;
    }, 0n);
    this.#reservation.settle({ picoUsd: cost ?? 0n, tokens: usage.inputTokens + usage.outputTokens, calls: 1 });
    const entry = { step: step.name, endpoint: endpoint.name, class: endpoint.class, usage, usageSource: source };
    session.ledger.record({ ...entry, kind: work.kind, cost, dearest, accepted });
    this.#measure(checked, cost, errorType);
    return cost;
  }

  #measure(checked: CheckedUsage, cost: PicoUsd | undefined, errorType: string | undefined): void {
    const { session, step, work, endpoint, port } = this.#call;
    session.metrics.attempt(() => {
      const { durationMs, costUsd, inputTokens, outputTokens } = this.#charged(checked, cost);
      const { provider, model, server } = port;
      const made = { step: staticName(step.name), class: endpoint.class, kind: work.kind };
      return { ...made, provider, model, server, durationMs, inputTokens, outputTokens, costUsd, errorType };
    });
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
}

function outcomeOf({ accepted, rejectReason, confidence, basis }: Evaluation) {
  return { outcome: accepted ? ("accepted" as const) : ("rejected" as const), rejectReason, confidence, basis };
}

const unbilled: CheckedUsage = { usage: { inputTokens: 0, outputTokens: 0 }, source: "estimated" };
