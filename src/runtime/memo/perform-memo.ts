import type { StepDefinition } from "../../graph/definition.ts";
import { contentKey } from "./memo-store.ts";
import { staticName } from "../frame.ts";
import { needValues, type Session } from "../session.ts";
import type { MemoWork } from "../step-work.ts";
import { tell } from "../durable/journal.ts";

/** Looks a step's result up by what it reads, or keeps it. What cannot be compared or copied is neither found nor kept. */
export function performMemo(session: Session, step: StepDefinition, work: MemoWork["input"]): unknown {
  if (!("memo" in step) || step.memo === undefined) return undefined;
  const key = keyOf(session, step);
  if (key === undefined) return undefined;
  const { memo } = session.services;
  const label = session.graph.flows[step.name]!.output;
  if (work.operation === "get") {
    const found = memo.get(key, label);
    if (found !== undefined) tell(session, { type: "step-cached", step: step.name });
    return found;
  }
  memo.put(key, work.value, { label, ttlMs: step.memo.ttlMs });
  return undefined;
}

/** Same graph, step, policy, tags and values: a tag may be a tenant, whose results are nobody else's. */
function keyOf(session: Session, step: StepDefinition): string | undefined {
  const { graph, policy, tags } = session;
  const where = [graph.name, graph.version, staticName(step.name), policy.identity, Object.entries(tags).sort()];
  return contentKey([where, needValues(session, step)]);
}
