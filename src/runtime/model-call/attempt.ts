import type { CheckedUsage, UsageBound } from "../../catalog/usage.ts";
import { openScope, untilAborted } from "../../common/abort.ts";
import { ProviderError, TierwiseError } from "../../errors.ts";
import type { ModelReply } from "../../models/port.ts";
import type { OpenSpan } from "../../telemetry/open-span.ts";
import { recordContent } from "../../telemetry/record-content.ts";
import {
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
} from "../../telemetry/semconv.ts";
import { plainTrace, type TraceSettings } from "../../telemetry/trace-settings.ts";
import { join, type Label } from "../../tiers/label.ts";
import type { CallReservation } from "../budget/reserve-call.ts";
import { replyText, requestText } from "../content-text.ts";
import { tell } from "../durable/journal.ts";
import { noteLaunch } from "../durable/work-record.ts";
import { stepKey, type EndedRequest } from "../gates/endpoint-monitor.ts";
import { needValues } from "../session.ts";
import type { ModelResult } from "../step-work.ts";
import { answerAttributes, failureAttributes } from "./attempt-attributes.ts";
import type { ModelCall } from "./dispatch-model.ts";
import { evaluateReply, type Evaluation } from "./evaluate-reply.ts";
import { ofStep, tellsOfHealth, wasNotBilled } from "./failure-kinds.ts";
import { boundedUsage, charged, launchOf, settle, unbilled, usageOf, type Billed } from "./settle-attempt.ts";
import { openShow, type AnswerShow } from "./show-answer.ts";

/** One request under way: whatever happens, its reservation is settled, its span ended and its entry booked once. */
export class Attempt {
  readonly #call: ModelCall;
  readonly #billed: Billed;
  readonly #span: OpenSpan;
  /** False until the request is handed to the client: until then nothing can have been billed. */
  #sent = false;
  /** What the run's caller sees of the answer; `undefined` where its step shows none. */
  #show: AnswerShow | undefined;

  constructor(call: ModelCall, bound: UsageBound, reservation: CallReservation) {
    const { session, step, work, endpoint, port } = call;
    this.#call = call;
    this.#billed = { call, bound, reservation, startedMs: session.services.clock.nowMs() };
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
    tell(session, {
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
      if (session.durable !== undefined) await noteLaunch(session, launchOf(this.#billed));
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
    const afterMs = session.services.clock.nowMs() - this.#billed.startedMs;
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
    const checked = usageOf(this.#billed, reply);
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
    const cost = settle(this.#billed, checked, { accepted: evaluation.accepted });
    if (evaluation.accepted) this.#show?.accepted(evaluation, reply);
    tell(session, {
      type: "attempt-end",
      ...this.#identity(),
      ...charged(this.#billed, checked, cost),
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
    const errorType = error instanceof ProviderError ? error.errorType : aborted ? "cancelled" : "_OTHER";
    if (!aborted && error instanceof ProviderError && tellsOfHealth(error)) this.#observe("failed");
    this.#endUnjudged(!this.#sent || wasNotBilled(error) ? unbilled : boundedUsage(this.#billed.bound), errorType);
    if (aborted || !(error instanceof ProviderError)) throw error;
    return { type: "failed", endpoint: endpoint.name, error: ofStep(this.#call.step, error), requests: 1 };
  }

  /** For later decisions. Cancelled requests are no sample: they say when the caller lost interest. */
  #observe(outcome: EndedRequest["outcome"], accepted?: boolean): void {
    const { session, step, endpoint } = this.#call;
    const { clock, monitor } = session.services;
    const durationMs = clock.nowMs() - this.#billed.startedMs - (this.#show?.waitedMs ?? 0);
    monitor?.record({ endpoint: endpoint.name, step: stepKey(session.graph, step), outcome, accepted, durationMs });
  }

  /** Closes an attempt without an answer to judge; it is on the books like any other. */
  #endUnjudged(checked: CheckedUsage, errorType: string): void {
    const { session, endpoint } = this.#call;
    const cost = settle(this.#billed, checked, { accepted: false, errorType });
    tell(session, { type: "attempt-error", ...this.#identity(), ...charged(this.#billed, checked, cost), errorType });
    const charge = { endpoint, cost, checked, settings: this.#settings };
    this.#span.end({ errorType, ...(this.#span.isRecording && { attributes: failureAttributes(errorType, charge) }) });
  }

  #identity() {
    const { step, work, endpoint } = this.#call;
    const { name, class: endpointClass, location } = endpoint;
    return { step: step.name, attempt: work.number, kind: work.kind, endpoint: name, class: endpointClass, location };
  }
}

function outcomeOf({ accepted, rejectReason, confidence, basis }: Evaluation) {
  return { outcome: accepted ? ("accepted" as const) : ("rejected" as const), rejectReason, confidence, basis };
}
