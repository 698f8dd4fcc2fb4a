/**
 * The one place from which a tool is called. In this order: is there such a tool, are the arguments legal, code's own
 * arguments in, label against clearance, span, deadline, one call, result capped and labelled.
 * @module
 */
import { openScope, untilAborted } from "../common/abort.ts";
import { stableHash } from "../common/stable-hash.ts";
import { truncateUtf8, utf8Bytes } from "../common/utf8.ts";
import { TierwiseError } from "../errors.ts";
import { toolResultLabel } from "../graph/check/flow.ts";
import type { AgentStep, BoundTool } from "../graph/definition.ts";
import * as names from "../telemetry/semconv.ts";
import { assertFlow } from "./assert-flow.ts";
import { boundArguments, type BoundArguments } from "./bound-arguments.ts";
import { needValues, type Session } from "./session.ts";
import type { ToolResult, ToolWork } from "./step-work.ts";

/** What a model reads of one result at most, in UTF-8 bytes. */
const maxResultBytes = 64 * 1024;

export interface ToolDispatch {
  readonly session: Session;
  readonly step: AgentStep;
  readonly work: ToolWork;
}

export async function dispatchTool(dispatch: ToolDispatch): Promise<ToolResult> {
  const { session, step, work } = dispatch;
  const { call, label } = work.input;
  const refuse = (content: string): ToolResult => ({ outcome: "refused", content, label });
  const tool = step.tools.find((candidate) => candidate.name === call.name);
  if (tool === undefined)
    return refuse(`There is no such tool. Tools: ${step.tools.map(({ name }) => name).join(", ")}.`);
  if (call.args === undefined) return refuse("The arguments are not a JSON object.");
  const bound = boundArguments(session.graph, step, { tool, values: needValues(session, step) });
  const checked = checkArguments(tool, { ...call.args, ...bound.pinned }, bound);
  if (!checked.ok) return refuse(`The arguments cannot be used: ${checked.problems.join("; ")}.`);
  assertFlow({ step: step.name, label, sink: `tool "${tool.name}" (arguments)`, clearance: tool.accepts });
  if (tool.effect !== "read" && tool.untrustedArguments !== undefined) {
    session.events.emit({
      type: "endorsed",
      step: step.name,
      what: "arguments",
      reason: tool.untrustedArguments.reason,
    });
  }
  return invoke(dispatch, tool, checked.value);
}

type Checked =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: readonly string[] };

function checkArguments(tool: BoundTool, args: Record<string, unknown>, { max }: BoundArguments): Checked {
  const over = Object.entries(max).filter(([argument, limit]) => {
    const found = args[argument];
    // Written so that NaN, on either side, is refused.
    return typeof found !== "number" || !(found >= 0 && found <= limit);
  });
  if (over.length > 0)
    return { ok: false, problems: over.map(([argument]) => `"${argument}" is not a number from 0 to its bound`) };
  return tool.parse === undefined ? { ok: true, value: args } : tool.parse(args);
}

async function invoke({ session, step, work }: ToolDispatch, tool: BoundTool, args: unknown): Promise<ToolResult> {
  const { call, label } = work.input;
  const startedMs = session.services.clock.nowMs();
  const span = session.stepTraces.get(step.name)?.tool({ name: tool.name, callId: call.id, effect: tool.effect });
  session.toolCalls.count += 1;
  const of = { step: step.name, tool: tool.name, callId: call.id };
  session.events.emit({
    type: "tool-start",
    ...of,
    effect: tool.effect,
    label,
    argumentBytes: utf8Bytes(jsonOf(args) ?? ""),
  });
  const end = (outcome: "completed" | "failed", content: string, errorType?: string): ToolResult => {
    const resultBytes = utf8Bytes(content);
    span?.end({ attributes: { [names.ATTR_TOOL_RESULT_BYTES]: resultBytes }, errorType });
    session.events.emit({
      type: "tool-end",
      ...of,
      outcome,
      resultBytes,
      durationMs: session.services.clock.nowMs() - startedMs,
    });
    return { outcome, content, label: toolResultLabel(tool.returns, label) };
  };
  // The run's own deadline aborts the session: one place decides which of the two it was.
  const scope = openScope(session.abort.signal, step.timeoutMs, session.services.clock);
  const config = {
    signal: scope.signal,
    configurable: { idempotencyKey: idempotencyKey(session.runId, work.key), runId: session.runId },
  };
  try {
    scope.signal.throwIfAborted();
    const start = async (): Promise<unknown> => await tool.invoke(args, config);
    return end("completed", textOf(await untilAborted(span === undefined ? start() : span.run(start), scope.signal)));
  } catch (error) {
    if (session.abort.signal.aborted) {
      end("failed", "", "cancelled");
      throw error;
    }
    return end("failed", failureText(error, scope.timedOut()), scope.timedOut() ? "timeout" : "tool_error");
  } finally {
    scope.release();
  }
}

/** The same for the same call over retries and resumption, different for every other call. */
export function idempotencyKey(runId: string, workKey: string): string {
  return stableHash([runId, workKey], 32);
}

/** A failure is a result: the model may try something else. Its text carries the result's label. */
function failureText(error: unknown, timedOut: boolean): string {
  if (timedOut) return "The tool did not answer in time.";
  const message = error instanceof Error && !TierwiseError.isInstance(error) ? `: ${error.message}` : "";
  return truncateUtf8(`The tool failed${message}`, 2_048);
}

function textOf(result: unknown): string {
  const content = contentOf(result);
  const text = typeof content === "string" ? content : (jsonOf(content) ?? "The tool's result is not plain data.");
  return truncateUtf8(text, maxResultBytes);
}

/** @returns `undefined` for what is not plain data: a cycle, a bigint */
function jsonOf(value: unknown): string | undefined {
  try {
    const json: unknown = JSON.stringify(value);
    // `undefined` and functions have no JSON.
    return typeof json === "string" ? json : "";
  } catch {
    return undefined;
  }
}

/** A LangChain tool message holds its text in `content`. */
function contentOf(result: unknown): unknown {
  return typeof result === "object" && result !== null && "content" in result && "tool_call_id" in result
    ? result.content
    : result;
}
