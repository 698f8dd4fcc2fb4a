import type { PlacedStep } from "../graph/definition.ts";
import { remainingMs, type Session } from "./session.ts";

/** What the run's deadline and the step's `maxLatencyMs` leave for waiting. */
export function timeLeftMs(session: Session, step: PlacedStep): number {
  const nowMs = session.services.clock.nowMs();
  const spentMs = nowMs - (session.runningSteps.get(step.name)?.startedMs ?? nowMs);
  return Math.max(0, Math.min(remainingMs(session), (step.demands.maxLatencyMs ?? Infinity) - spentMs));
}
