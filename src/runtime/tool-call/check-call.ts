import { undeclaredMembers, jsonProblems } from "../../graph/check-arguments.ts";
import type { AgentStep, BoundTool } from "../../graph/definition.ts";
import type { ToolRefusalReason } from "../../events/event.ts";
import type { ToolCall } from "../../models/port.ts";
import { boundArguments, type BoundArguments } from "./bound-arguments.ts";
import { boundedText } from "./bounded-text.ts";
import { needValues, type Session } from "../session.ts";

/** A call that may be made, or what the model is told instead: names and expectations, never values. */
export type CheckedCall =
  | { readonly ok: true; readonly tool: BoundTool; readonly args: unknown; readonly argumentBytes: number }
  | {
      readonly ok: false;
      readonly tool: BoundTool | undefined;
      readonly reason: ToolRefusalReason;
      readonly content: string;
    };

/** For a call of a tool that is not there: what it would have been called with is measured all the same. */
const defaultArgumentBytes = 65_536;

/**
 * Whether there is such a tool and the arguments are legal, with code's own arguments in. Runs nothing but pins, bounds and
 * schemas. Cheap checks come first: nothing looks into arguments that are too long.
 * @throws {TierwiseError} when a pin or bound throws, or reads what an outsider wrote
 */
export function checkCall(session: Session, step: AgentStep, call: ToolCall): CheckedCall {
  const tool = step.tools.find(({ name }) => name === call.name);
  const most = tool?.maxArgumentBytes ?? defaultArgumentBytes;
  const measured = boundedText(call.args, { keepBytes: 0, readBytes: most });
  if (!measured.ok)
    return {
      ok: false,
      tool,
      reason: "arguments-too-long",
      content: `The arguments cannot be used: their JSON ${measured.why}.`,
    };
  if (tool === undefined) {
    const content = `There is no such tool. Tools: ${step.tools.map(({ name }) => name).join(", ")}.`;
    return { ok: false, tool, reason: "unknown-tool", content };
  }
  const invalid = (content: string): CheckedCall => ({ ok: false, tool, reason: "invalid-arguments", content });
  if (call.args === undefined) return invalid("The arguments are not a JSON object.");
  const undeclared = undeclaredMembers(tool.parameters, call.args);
  const bound = boundArguments(session.graph, step, { tool, values: needValues(session, step) });
  const checked =
    undeclared.length > 0 ? unusable(undeclared) : checkArguments(tool, { ...call.args, ...bound.pinned }, bound);
  if (!checked.ok) return invalid(`The arguments cannot be used: ${checked.problems.join("; ")}.`);
  return { ok: true, tool, args: checked.value, argumentBytes: measured.totalBytes };
}

type Checked =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: readonly string[] };

function unusable(problems: readonly string[]): Checked {
  return { ok: false, problems };
}

function checkArguments(tool: BoundTool, args: Record<string, unknown>, { max }: BoundArguments): Checked {
  const over = Object.entries(max).filter(([argument, limit]) => {
    const found = args[argument];
    // Written so that NaN, on either side, is refused.
    return typeof found !== "number" || !(found >= 0 && found <= limit);
  });
  if (over.length > 0) return unusable(over.map(([argument]) => `"${argument}" is not a number from 0 to its bound`));
  if (tool.parse !== undefined) return tool.parse(args);
  const problems = jsonProblems(tool.parameters, args);
  return problems.length > 0 ? unusable(problems) : { ok: true, value: args };
}
