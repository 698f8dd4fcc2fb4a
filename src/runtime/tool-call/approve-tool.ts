import { StepFailedError, TierwiseError, type Problem } from "../../errors.ts";
import type { AgentStep, BoundTool } from "../../graph/definition.ts";
import { clearanceSource, excess, flowsTo, formatClearance, type Clearance } from "../../tiers/clearance.ts";
import { formatLabel, type Label } from "../../tiers/label.ts";
import { assertFlow } from "../assert-flow.ts";
import { boundedText } from "./bounded-text.ts";
import { readApproval } from "../programs/approve-program.ts";
import type { Session } from "../session.ts";
import { askAboutTool } from "./ask-about-tool.ts";
import { tell } from "../durable/journal.ts";

/** A call that waits for a person, with the arguments as the tool will get them. */
export interface AwaitedCall {
  readonly step: AgentStep;
  readonly tool: BoundTool;
  /** Of the work that wants to call it. */
  readonly key: string;
  readonly callId: string;
  readonly args: unknown;
  readonly label: Label;
}

/** What a person is shown in the sentence; the arguments themselves they get whole. */
const mostShownBytes = 4_096;

/**
 * Asks the person whether a tool may be called, where its binding wants that; true where it does not. What is approved is
 * what runs: nothing is computed again in between.
 * @throws {FlowViolationError} when the person may not see the arguments
 * @throws {StepFailedError} `OUTPUT_INVALID` when the answer is neither yes nor no
 */
export async function isApproved(
  session: Session,
  { step, tool, key, callId, args, label }: AwaitedCall,
): Promise<boolean> {
  const { approve, effect } = tool;
  if (approve === undefined || effect === "read") return true;
  const { human } = session.services;
  if (human === undefined)
    throw new TierwiseError("INTERNAL", `step "${step.name}": tool "${tool.name}" needs approval, and nobody is wired`);
  const sink = `a person (approve of tool "${tool.name}")`;
  for (const clearance of [human.clearance, approve.clearance ?? human.clearance])
    assertFlow({ step: step.name, label, sink, clearance });
  tell(session, { type: "human-asked", step: step.name, label, tool: tool.name });
  session.runTrace.interrupted({ step: step.name, kind: "approve-tool", tool: tool.name });
  const asked = {
    kind: "approve-tool",
    key,
    args,
    reason: approve.reason,
    prompt: promptOf(tool, step, args),
  } as const;
  const answer = readApproval(await askAboutTool(session, human, { ...asked, step, tool, label }));
  if (answer === undefined) {
    const message = `step "${step.name}": onHuman answered the approval of tool "${tool.name}" with something else than true, false or { approved }`;
    throw new StepFailedError("OUTPUT_INVALID", message, { details: { step: step.name, tool: tool.name } });
  }
  const { approved } = answer;
  tell(session, { type: "human-answered", step: step.name, tool: tool.name, callId, approved });
  return approved;
}

function promptOf({ name, effect, approve }: BoundTool, step: AgentStep, args: unknown): string {
  const shown = boundedText(args, { keepBytes: mostShownBytes, readBytes: Number.MAX_SAFE_INTEGER });
  const text = shown.ok
    ? `${shown.text}${shown.totalBytes > mostShownBytes ? "…" : ""}`
    : "arguments that have no text";
  const why = approve?.reason === undefined ? "" : ` ${approve.reason}`;
  return `Step "${step.name}" wants to call "${name}" (effect ${effect}) with ${text}.${why} Approve?`;
}

/** A tool that needs an approval cannot be offered to a model where nobody may be asked. */
export function unattendedTools(step: AgentStep, context: Label, human: Clearance | undefined): readonly Problem[] {
  return step.tools.flatMap((tool): Problem[] => {
    if (tool.approve === undefined) return [];
    const found = obstacle(context, human, tool.approve.clearance);
    if (found === undefined) return [];
    const message = `step "${step.name}" asks a person before it calls "${tool.name}", and ${found}`;
    return [{ code: "HUMAN_REQUIRED", path: `steps.${step.name}.tools.${tool.name}`, message }];
  });
}

function obstacle(label: Label, human: Clearance | undefined, bound: Clearance | undefined): string | undefined {
  if (human === undefined) return "nobody is wired: createRuntime({ onHuman: { clearance, ask } })";
  const refusal = (who: string, clearance: Clearance): string =>
    `${who} ${formatClearance(clearance)}; its arguments can be ${formatLabel(label)}: ${excess(label, clearance)}`;
  if (!flowsTo(label, human))
    return `${refusal("the person (onHuman) is cleared for", human)}. If they may see them: onHuman: { clearance: ${clearanceSource(label)}, ask }`;
  return bound === undefined || flowsTo(label, bound)
    ? undefined
    : refusal("the approval (approve.clearance) may show", bound);
}
