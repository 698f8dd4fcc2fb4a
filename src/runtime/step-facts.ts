import type { PlacedStep } from "../graph/definition.ts";
import type { Exclusion, StepFacts, TurnRole } from "../policy/facts.ts";
import type { Label } from "../tiers/label.ts";
import { remainingMs, type Session } from "./session.ts";

interface Situation {
  readonly label: Label;
  readonly role: TurnRole | undefined;
  readonly excluded: readonly Exclusion[];
}

/** What a policy may know of a step before a run: all but time. */
export function plannedFacts(step: PlacedStep, { label, role, excluded }: Situation, moneyCapped: boolean): StepFacts {
  return {
    step: step.name,
    kind: step.kind,
    complexity: step.complexity,
    privacy: step.privacy,
    label,
    ...(role === undefined ? {} : { role }),
    needs: {
      tools: step.kind === "agent" && step.tools.length > 0,
      jsonSchema: step.kind !== "classify" && !step.output.isText,
      ...(step.kind === "classify" ? { labels: step.labels } : {}),
      maxOutputTokens: step.maxOutputTokens,
    },
    moneyCapped,
    excluded,
  };
}

export function stepFacts(session: Session, step: PlacedStep, situation: Situation): StepFacts {
  const facts = plannedFacts(step, situation, session.budget.cap !== undefined);
  return {
    ...facts,
    remainingMs: remainingMs(session),
    ...(session.services.human && { human: session.services.human.clearance }),
  };
}
