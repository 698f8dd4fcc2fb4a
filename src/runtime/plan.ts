import type { Candidate } from "../catalog/candidate.ts";
import { textTable } from "../common/table.ts";
import { DefinitionError, type Problem, type TierwiseError } from "../errors.ts";
import type { GraphDefinition, PlacedStep } from "../graph/definition.ts";
import { decide } from "../policy/decide.ts";
import type { Decision } from "../policy/decision.ts";
import { explain, ladderText } from "../policy/explain.ts";
import { noEligibleCode, noEligibleEndpoint, noEligibleMessage } from "../policy/no-eligible.ts";
import type { Policy } from "../policy/policy.ts";
import { clearanceFor, flowsTo } from "../tiers/clearance.ts";
import { formatLabel, type Label } from "../tiers/label.ts";
import { plannedFacts, type Circumstances } from "./step-facts.ts";

/** One line of a plan: where a step, or one role of an agent's turns, would go. */
export interface PlannedStep {
  readonly step: string;
  readonly kind: string;
  readonly decision: Decision;
  /** What a run of the step would cost; `unknown` until a workload can be given. */
  readonly estimateUsd: "unknown";
}

/** Which endpoint each step would use, before anything is called. Plain data but for its methods. */
export interface Plan {
  readonly graph: string;
  readonly version: string;
  /** `unlabelled` when the graph declares no label, so that its data counts as public. */
  readonly privacy: "labelled" | "unlabelled";
  readonly steps: readonly PlannedStep[];
  /** What forbids running the graph with this catalog; empty when it may run. */
  readonly problems: readonly Problem[];
  toTable(): string;
  /** Every decision in words. */
  explain(): string;
  /** @throws {NoEligibleEndpointError} when there is one problem; {DefinitionError} when there are several */
  check(): void;
}

export interface PlanSetting {
  readonly policy: Policy;
  readonly candidates: readonly Candidate[];
  readonly circumstances: Circumstances;
}

export function makePlan(graph: GraphDefinition, setting: PlanSetting): Plan {
  const steps = graph.steps.flatMap((step) => ("complexity" in step ? planStep(graph, step, setting) : []));
  const refused = steps.filter(({ decision }) => decision.class === "refused");
  const problems = refused.map(({ step, decision }) => problemOf(step, decision));
  const privacy = graph.labelled ? "labelled" : "unlabelled";
  const plan = { graph: graph.name, version: graph.version, privacy, steps, problems } as const;
  return Object.freeze({
    ...plan,
    toTable: () => table(plan),
    explain: () => steps.map(({ decision }) => explain(decision)).join("\n"),
    check() {
      const error = errorOf(plan, refused);
      if (error !== undefined) throw error;
    },
  });
}

/** An agent needs an endpoint for every context that a turn can reach (R3); one for the highest serves them all. */
function planStep(graph: GraphDefinition, step: PlacedStep, setting: PlanSetting): PlannedStep[] {
  const { input, context } = graph.flows[step.name]!;
  const plan = (label: Label, role: "plan" | "act" | undefined): PlannedStep => {
    const facts = plannedFacts(step, { label, role, excluded: [] }, setting.circumstances);
    const decision = decide(setting.policy, setting.candidates, facts);
    return { step: step.name, kind: step.kind, decision, estimateUsd: "unknown" };
  };
  if (step.kind !== "agent") return [plan(input, undefined)];
  // Integrity plays no part in where data may go, so a result that is only untrusted makes no other plan.
  const raised = !flowsTo(context, clearanceFor(input));
  return [plan(input, "plan"), plan(input, "act"), ...(raised ? [plan(context, "plan"), plan(context, "act")] : [])];
}

function problemOf(step: string, decision: Decision): Problem {
  return { code: noEligibleCode(decision), path: `steps.${step}`, message: noEligibleMessage(decision) };
}

function errorOf(
  plan: { graph: string; problems: readonly Problem[] },
  refused: readonly PlannedStep[],
): TierwiseError | undefined {
  const [first, ...others] = refused;
  if (first === undefined) return undefined;
  if (others.every(({ step }) => step === first.step)) return noEligibleEndpoint(first.decision);
  return new DefinitionError(`graph "${plan.graph}" with this catalog`, plan.problems, "NO_ELIGIBLE_ENDPOINT");
}

function table(plan: Omit<Plan, "toTable" | "check" | "explain">): string {
  const rows = plan.steps.map(({ step, kind, decision, estimateUsd }) => [
    decision.role === undefined ? step : `${step} (${decision.role})`,
    kind,
    formatLabel(decision.label),
    [decision.class, ...decision.flags].join(", "),
    ladderText(decision),
    estimateUsd,
    decision.refused.map(({ endpoint, rule }) => `${endpoint}: ${rule}`).join(", ") || "-",
  ]);
  const header = ["step", "kind", "data", "class", "ladder", "estimate", "refused: rule"];
  const problems = plan.problems.map(({ message }) => `\n! ${message.replaceAll("\n", "\n  ")}`).join("");
  return `plan of ${plan.graph}@${plan.version}, privacy: ${plan.privacy}\n${textTable(header, rows)}${problems}`;
}
