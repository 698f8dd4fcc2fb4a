import type { PlacedStep } from "../graph/definition.ts";
import type { Conversation, Exclusion, StepFacts, TurnRole } from "../policy/facts.ts";
import type { Clearance } from "../tiers/clearance.ts";
import type { Label } from "../tiers/label.ts";
import { stepKey } from "./gates/endpoint-monitor.ts";
import { staticName } from "./frame.ts";
import { boundOn } from "./budget/reserve-call.ts";
import { remainingMs, type Session } from "./session.ts";

/** What is asked for: this data, in this role, without these. */
export interface Situation {
  readonly label: Label;
  readonly role: TurnRole | undefined;
  readonly excluded: readonly Exclusion[];
  readonly conversation?: Conversation | undefined;
}

/** What surrounds every step of a run, or of a plan. */
export interface Circumstances {
  readonly moneyCapped: boolean;
  readonly tokensCapped: boolean;
  readonly human: Clearance | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly atMs: number;
  /** How the gate took the answers to a step lately. */
  readonly observed: (step: PlacedStep) => StepFacts["observed"] | undefined;
}

/** What a policy may know of a step before a run: all but the time that is left. */
export function plannedFacts(step: PlacedStep, situation: Situation, circumstances: Circumstances): StepFacts {
  const { role, conversation, label, excluded } = situation;
  const { human, observed: observedOn, moneyCapped, tokensCapped, ...around } = circumstances;
  const observed = observedOn(step);
  const { demands } = step;
  return {
    step: staticName(step.name),
    kind: step.kind,
    complexity: step.complexity,
    privacy: step.privacy,
    // Frozen here once, so that no decision has to copy it.
    needs: Object.freeze({
      tools: step.kind === "agent" && step.tools.length > 0,
      jsonSchema: step.kind !== "classify" && !step.output.isText,
      ...(step.kind === "classify" ? { labels: step.labels } : {}),
      maxOutputTokens: step.maxOutputTokens,
      ...(step.kind === "model" && step.validate !== undefined ? { checked: true } : {}),
    }),
    label,
    excluded,
    ...around,
    moneyCapped: moneyCapped || step.budget?.costUsd !== undefined,
    ...((tokensCapped || step.budget?.tokens !== undefined) && { tokensCapped: true }),
    ...(conversation !== undefined && { conversation }),
    ...(role !== undefined && { role }),
    ...(human !== undefined && { human }),
    ...(observed !== undefined && { observed }),
    ...demands,
    ...(demands.maxLatencyMs !== undefined && { latencyLeftMs: demands.maxLatencyMs }),
  };
}

export function stepFacts(session: Session, step: PlacedStep, situation: Situation): StepFacts {
  const { graph, services, tags, runningSteps } = session;
  const circumstances: Circumstances = {
    moneyCapped: boundOn(session, step.name, "costUsd") !== undefined,
    tokensCapped: boundOn(session, step.name, "tokens") !== undefined,
    human: services.human?.clearance,
    tags,
    atMs: services.clock.epochMs(),
    observed: (asked) => services.monitor?.observed(stepKey(graph, asked)),
  };
  const facts = plannedFacts(step, situation, circumstances);
  const spentMs = services.clock.nowMs() - (runningSteps.get(step.name)?.startedMs ?? services.clock.nowMs());
  const { maxLatencyMs } = step.demands;
  const left = maxLatencyMs === undefined ? {} : { latencyLeftMs: maxLatencyMs - spentMs };
  return Object.freeze({ ...facts, ...left, runId: session.runId, remainingMs: remainingMs(session) });
}
