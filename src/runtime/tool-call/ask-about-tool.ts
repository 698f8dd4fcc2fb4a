import { untilAborted } from "../../common/abort.ts";
import { frozenCopy } from "../../common/freeze.ts";
import type { AgentStep, BoundTool } from "../../graph/definition.ts";
import type { Label } from "../../tiers/label.ts";
import type { HumanPort, Session } from "../session.ts";

interface Asked {
  readonly kind: "approve-tool" | "resolve-tool";
  readonly step: AgentStep;
  readonly tool: BoundTool;
  /** Of the work that wants to call it. */
  readonly key: string;
  readonly args: unknown;
  readonly label: Label;
  readonly reason: string | undefined;
  readonly prompt: string;
}

/** Asks a person about a tool that changes something. Whether they may see the arguments is checked before. */
export async function askAboutTool(session: Session, human: HumanPort, asked: Asked): Promise<unknown> {
  const { kind, step, tool, key, args, label, reason, prompt } = asked;
  const { signal } = session.abort;
  signal.throwIfAborted();
  const common = { runId: session.runId, step: step.name, key, label, signal, prompt };
  const effect = tool.effect === "irreversible" ? "irreversible" : "write";
  const question = { ...common, tool: tool.name, effect, arguments: frozenCopy(args), reason } as const;
  const ask = async (): Promise<unknown> => human.ask({ ...question, kind });
  const span = session.runningSteps.get(step.name)?.trace.span;
  return untilAborted(span === undefined ? ask() : span.run(ask), signal);
}
