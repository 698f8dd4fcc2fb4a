import { picoToUsd, type PicoUsd } from "../../catalog/money.ts";
import { openScope, untilAborted, type Scope } from "../../common/abort.ts";
import { utf8Bytes } from "../../common/utf8.ts";
import { toolResultLabel } from "../../graph/check/flow.ts";
import type { AgentStep, BoundTool } from "../../graph/definition.ts";
import type { OpenSpan } from "../../telemetry/open-span.ts";
import { recordContent } from "../../telemetry/record-content.ts";
import * as names from "../../telemetry/semconv.ts";
import type { Label } from "../../tiers/label.ts";
import { jsonText } from "../content-text.ts";
import { staticName } from "../frame.ts";
import { idempotencyKey } from "./idempotency-key.ts";
import type { CallReservation } from "../budget/reserve-call.ts";
import type { Session } from "../session.ts";
import type { ToolResult, ToolWork } from "../step-work.ts";
import { resultText } from "./tool-result.ts";
import { book, tell, type Booking } from "../durable/journal.ts";
import { noteLaunch } from "../durable/work-record.ts";

export interface ReadyCall {
  readonly session: Session;
  readonly step: AgentStep;
  readonly work: ToolWork;
  readonly tool: BoundTool;
  /** Checked, with what code pins. */
  readonly args: unknown;
  readonly argumentBytes: number;
  /** `undefined` for a tool without a declared cost. */
  readonly cost: PicoUsd | undefined;
  readonly reservation: CallReservation | undefined;
}

/** One call of a tool: whatever happens, its reservation is settled, its span and event ended and its cost booked once. */
export class ToolAttempt {
  readonly #call: ReadyCall;
  readonly #span: OpenSpan | undefined;
  readonly #startedMs: number;
  /** False until the tool is called: until then nothing can have been billed. */
  #called = false;

  constructor(call: ReadyCall) {
    const { session, step, work, tool, argumentBytes } = call;
    const { id } = work.input.call;
    this.#call = call;
    this.#startedMs = session.services.clock.nowMs();
    this.#span = session.runningSteps.get(step.name)?.trace.tool({ name: tool.name, callId: id, effect: tool.effect });
    session.toolCalls.count += 1;
    const { effect } = tool;
    tell(session, { type: "tool-start", ...this.#identity(), effect, label: work.input.label, argumentBytes });
  }

  /** @throws the reason when the run is over; what the tool throws is a result */
  async perform(): Promise<ToolResult> {
    const { session, step, tool } = this.#call;
    // The run's own deadline aborts the session: one place decides which of the two it was.
    const scope = openScope(session.abort.signal, step.timeoutMs, session.services.clock);
    try {
      const { isUsable, content } = resultText(await this.#invoke(scope), tool.maxResultBytes);
      return isUsable ? this.#end("completed", content) : this.#end("failed", content, "result_unusable");
    } catch (error) {
      if (session.abort.signal.aborted) {
        this.#end("failed", "", "cancelled");
        throw error;
      }
      return this.#end("failed", this.#failure(scope), scope.timedOut() ? "timeout" : "tool_error");
    } finally {
      scope.release();
    }
  }

  async #invoke({ signal }: Scope): Promise<unknown> {
    const { session, work, tool, args } = this.#call;
    signal.throwIfAborted();
    const { runId, services } = session;
    const key = idempotencyKey(services.macKey, { runId, workKey: work.key, tool: tool.name });
    const config = { signal, configurable: { idempotencyKey: key, runId } };
    if (session.durable !== undefined) await this.#noteLaunch();
    signal.throwIfAborted();
    this.#called = true;
    this.#record(names.ATTR_GEN_AI_TOOL_CALL_ARGUMENTS, work.input.label, args);
    const start = async (): Promise<unknown> => await tool.invoke(args, config);
    return untilAborted(this.#span === undefined ? start() : this.#span.run(start), signal);
  }

  /** A failure is a result: the model may try something else. What was thrown may quote anything, so it is not passed on. */
  #failure(scope: Scope): string {
    const what = scope.timedOut() ? "The tool did not answer in time." : "The tool failed.";
    // A model that takes a failure for "nothing happened" pays twice.
    return this.#call.tool.effect === "read" ? what : `${what} It may have had its effect all the same.`;
  }

  #end(outcome: "completed" | "failed", content: string, errorType?: string): ToolResult {
    const { session, step, tool, work } = this.#call;
    const resultBytes = utf8Bytes(content);
    const label = toolResultLabel(tool.returns, work.input.label);
    if (this.#called) this.#record(names.ATTR_GEN_AI_TOOL_CALL_RESULT, label, content);
    const cost = this.#settle();
    const costUsd = cost === undefined ? undefined : picoToUsd(cost);
    const attributes = {
      [names.ATTR_TOOL_RESULT_BYTES]: resultBytes,
      ...(costUsd !== undefined && { [names.ATTR_TOOL_COST_USD]: costUsd }),
    };
    this.#span?.end({ attributes, errorType });
    const durationMs = session.services.clock.nowMs() - this.#startedMs;
    session.metrics.tool(() => ({ step: staticName(step.name), tool: tool.name, durationMs, costUsd, errorType }));
    tell(session, {
      ...{ type: "tool-end", ...this.#identity(), outcome, errorType },
      ...{ resultBytes, durationMs, costUsd },
    });
    return { outcome, content, label };
  }

  #record(attribute: string, label: Label, value: unknown): void {
    const clearance = this.#call.session.services.telemetry?.content;
    recordContent(this.#span, clearance, { attribute, label, text: () => jsonText(value) });
  }

  /** A call that failed, or that nobody waited for, may have been billed, so it is charged. */
  #settle(): PicoUsd | undefined {
    const { session, step, cost, reservation } = this.#call;
    if (cost === undefined || reservation === undefined) return undefined;
    const charged = this.#called ? cost : 0n;
    reservation.settle({ picoUsd: charged, tokens: 0, calls: 0 });
    book(session, { type: "tool", entry: { step: step.name, cost: charged } });
    return charged;
  }

  /** What only reads and costs nothing may be called again as often as a process dies. */
  async #noteLaunch(): Promise<void> {
    const { session, step, tool, cost } = this.#call;
    if (tool.effect === "read" && cost === undefined) return;
    const worst: Booking | undefined =
      cost === undefined ? undefined : { type: "tool", entry: { step: step.name, cost } };
    await noteLaunch(session, { what: "tool", name: tool.name, worst });
  }

  #identity() {
    const { step, tool, work } = this.#call;
    return { step: step.name, tool: tool.name, callId: work.input.call.id };
  }
}
