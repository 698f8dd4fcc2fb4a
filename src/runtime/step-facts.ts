import type { PlacedStep } from "../graph/definition.ts";
import type { Exclusion, StepFacts, TurnRole } from "../policy/facts.ts";
import type { Clearance } from "../tiers/clearance.ts";
import type { Label } from "../tiers/label.ts";
import { remainingMs, type Session } from "./session.ts";

/** What is asked for: this data, in this role, without these. */
export interface Situation {
  readonly label: Label;
  readonly role: TurnRole | undefined;
  readonly excluded: readonly Exclusion[];
}

/** What surrounds every step of a run, or of a plan. */
export interface Circumstances {
  readonly moneyCapped: boolean;
  readonly human: Clearance | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly atMs: number;
}

/** What a policy may know of a step before a run: all but the time that is left. */
export function plannedFacts(step: PlacedStep, situation: Situation, circumstances: Circumstances): StepFacts {
  const { role, ...asked } = situation;
  const { human, ...around } = circumstances;
  const { maxLatencyMs } = step;
  return {
    step: step.name,
    kind: step.kind,
    complexity: step.complexity,
    privacy: step.privacy,
    needs: {
      tools: step.kind === "agent" && step.tools.length > 0,
      jsonSchema: step.kind !== "classify" && !step.output.isText,
      ...(step.kind === "classify" ? { labels: step.labels } : {}),
      maxOutputTokens: step.maxOutputTokens,
    },
    ...asked,
    ...around,
    ...(role !== undefined && { role }),
    ...(human !== undefined && { human }),
    ...(maxLatencyMs !== undefined && { maxLatencyMs, latencyLeftMs: maxLatencyMs }),
  };
}

export function stepFacts(session: Session, step: PlacedStep, { label, role, excluded }: Situation): StepFacts {
  const { budget, services, tags, stepStartedMs } = session;
  const circumstances = {
    moneyCapped: budget.cap !== undefined,
    human: services.human?.clearance,
    tags,
    atMs: services.clock.epochMs(),
  };
  const facts = plannedFacts(step, { label, role, excluded }, circumstances);
  const spentMs = services.clock.nowMs() - (stepStartedMs.get(step.name) ?? services.clock.nowMs());
  const left = step.maxLatencyMs === undefined ? {} : { latencyLeftMs: step.maxLatencyMs - spentMs };
  return { ...facts, ...left, remainingMs: remainingMs(session) };
}
