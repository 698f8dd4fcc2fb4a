/**
 * The one place from which a tool is called. In this order: is there such a tool, are the arguments legal, code's own
 * arguments in, label against clearance, a person's approval, cost against the budget, span, deadline, one call, settled,
 * result capped and labelled.
 * @module
 */
import { usdToPico } from "../../catalog/money.ts";
import { toolResultLabel } from "../../graph/check/flow.ts";
import type { AgentStep, BoundTool } from "../../graph/definition.ts";
import { isApproved } from "./approve-tool.ts";
import { assertFlow } from "../assert-flow.ts";
import { checkCall } from "./check-call.ts";
import type { BudgetBound } from "../budget/amounts.ts";
import { reserveCall } from "../budget/reserve-call.ts";
import type { Session } from "../session.ts";
import type { ToolRefusal, ToolResult, ToolWork } from "../step-work.ts";
import { resolutionOf, type Resolved } from "./resolve-tool.ts";
import { ToolAttempt } from "./tool-attempt.ts";
import { resultText } from "./tool-result.ts";
import { tell } from "../durable/journal.ts";

export interface ToolDispatch {
  readonly session: Session;
  readonly step: AgentStep;
  readonly work: ToolWork;
}

export async function dispatchTool(dispatch: ToolDispatch): Promise<ToolResult> {
  const { session, step, work } = dispatch;
  const { call, label, refuse } = work.input;
  if (refuse?.reason === "too-many-calls") return refused(dispatch, undefined, { ...refuse, content: tooMany(refuse) });
  const checked = checkCall(session, step, call);
  if (!checked.ok) return refused(dispatch, checked.tool, { ...checked, calls: 1 });
  const { tool, args, argumentBytes } = checked;
  if (refuse !== undefined) return refused(dispatch, tool, { ...refuse, content: afterFailure });
  assertFlow({ step: step.name, label, sink: `tool "${tool.name}" (arguments)`, clearance: tool.accepts });
  const awaited = { step, tool, key: work.key, callId: call.id, args, label };
  const resolved = await resolutionOf(session, awaited);
  if (resolved !== undefined) return completedBefore(dispatch, tool, resolved);
  if (!(await isApproved(session, awaited)))
    return refused(dispatch, tool, { reason: "not-approved", calls: 1, content: notApproved });
  const cost = tool.costUsd === undefined ? undefined : usdToPico(tool.costUsd);
  const worst = cost === undefined ? undefined : { picoUsd: cost, tokens: 0, calls: 0 };
  const reservation = worst && (await reserveCall(session, step.name, worst));
  if (reservation !== undefined && "scope" in reservation)
    return {
      ...refused(dispatch, tool, { reason: "budget", calls: 1, content: unaffordable(reservation) }),
      bound: reservation,
    };
  noteEndorsement(session, step, tool);
  return new ToolAttempt({ ...dispatch, tool, args, argumentBytes, cost, reservation }).perform();
}

/** Its start was told by the process that is gone; its cost was charged when the work was taken over. */
function completedBefore({ work }: ToolDispatch, tool: BoundTool, { result }: Resolved): ToolResult {
  const { isUsable, content } = resultText(result, tool.maxResultBytes);
  return {
    outcome: isUsable ? "completed" : "failed",
    content,
    label: toolResultLabel(tool.returns, work.input.label),
  };
}

const afterFailure =
  "Not called: a call before it in the same turn did not succeed. Call it again if it is still wanted.";
const notApproved = "Not called: a person who was asked did not approve it.";

/** The model is not told which account of which tenant it is. */
function unaffordable({ scope }: BudgetBound): string {
  const whose = scope === "shared" ? "a shared budget" : `the budget of this ${scope}`;
  return `Not called: ${whose} cannot pay for it.`;
}

function tooMany({ calls }: ToolRefusal): string {
  const others = calls === 1 ? "" : `, nor were the ${calls - 1} calls after it`;
  return `Not called${others}: a turn may have 16 calls.`;
}

/** Nothing was called. A refusal tells no more than the arguments did, so it carries their label. */
function refused(
  { session, step, work }: ToolDispatch,
  tool: BoundTool | undefined,
  { reason, calls, content }: ToolRefusal & { readonly content: string },
): ToolResult {
  const { call, label } = work.input;
  tell(session, { type: "tool-refused", step: step.name, tool: tool?.name, callId: call.id, reason, calls });
  return { outcome: "refused", reason, content, label };
}

function noteEndorsement(session: Session, step: AgentStep, { effect, untrustedArguments }: BoundTool): void {
  if (effect === "read" || untrustedArguments === undefined) return;
  tell(session, { type: "endorsed", step: step.name, what: "arguments", reason: untrustedArguments.reason });
}
