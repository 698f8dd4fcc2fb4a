import { StepFailedError } from "../../errors.ts";
import { assertFlow } from "../assert-flow.ts";
import { tell } from "../durable/journal.ts";
import { isUnresolved, lostCalls } from "../durable/work-record.ts";
import type { Session } from "../session.ts";
import type { AwaitedCall } from "./approve-tool.ts";
import { askAboutTool } from "./ask-about-tool.ts";

/** What a tool did in a process that is gone. */
export interface Resolved {
  readonly result: unknown;
}

/**
 * A tool without idempotency that was under way when its process died is not called again before a person says what became
 * of it.
 * @returns what it did, or `undefined` when it may be called
 * @throws {StepFailedError} `NEEDS_RESOLUTION` when nobody is wired, `OUTPUT_INVALID` when the answer says nothing
 */
export async function resolutionOf(session: Session, call: AwaitedCall): Promise<Resolved | undefined> {
  const { step, tool, key, args, label } = call;
  if (!isUnresolved(session, tool)) return undefined;
  const { human } = session.services;
  const details = { step: step.name, tool: tool.name };
  const what = `step "${step.name}": tool "${tool.name}" (idempotency "unsafe") was under way when its process ended`;
  if (human === undefined) {
    const message = `${what}, and nobody is wired to say whether it had its effect: createRuntime({ onHuman })`;
    throw new StepFailedError("NEEDS_RESOLUTION", message, { details });
  }
  assertFlow({ step: step.name, label, sink: "a person (onHuman)", clearance: human.clearance });
  tell(session, { type: "human-asked", step: step.name, label, tool: tool.name });
  session.runTrace.interrupted({ step: step.name, kind: "resolve-tool", tool: tool.name });
  const prompt = `${what}. Did it have its effect?`;
  // Each call that was lost is a question of its own: what a person said of one says nothing of the next.
  const question = `${key}/resolve${lostCalls(session, tool)}`;
  const asked = { kind: "resolve-tool", key: question, args, reason: undefined, prompt } as const;
  const answer = (await askAboutTool(session, human, { ...asked, step, tool, label })) as Partial<
    Record<"outcome" | "result", unknown>
  > | null;
  const outcome = answer?.outcome;
  if (outcome === "not-done") return undefined;
  if (outcome === "done") return { result: answer?.result };
  const message = `${what}; the answer was neither { outcome: "done", result } nor { outcome: "not-done" }`;
  throw new StepFailedError("OUTPUT_INVALID", message, { details });
}
