import type { Candidate } from "../../catalog/candidate.ts";
import { textTable } from "../../common/table.ts";
import { DefinitionError, NoEligibleEndpointError, type Problem, type TierwiseError } from "../../errors.ts";
import type { GraphDefinition, NestingStep, PlacedStep } from "../../graph/definition.ts";
import { decide } from "../../policy/decide.ts";
import type { Decision } from "../../policy/decision.ts";
import { costText, explain, ladderText, type ExplainFormat } from "../../policy/explain.ts";
import {
  noClearanceAnywhere,
  noEligibleCode,
  noEligibleEndpoint,
  noEligibleMessage,
} from "../../policy/no-eligible.ts";
import type { Policy } from "../../policy/policy.ts";
import { stepScorecard, type StepScorecard } from "../../policy/step-scorecard.ts";
import { isNesting } from "../../graph/describe-nesting.ts";
import { clearanceFor, excess, flowsTo, formatClearance, type Clearance } from "../../tiers/clearance.ts";
import { redactionFor } from "../../tiers/declassify.ts";
import { formatLabel, type Label } from "../../tiers/label.ts";
import { unattendedTools } from "../tool-call/approve-tool.ts";
import { placedAt } from "../frame.ts";
import { sampleWorkload, type Sample } from "./sample-workload.ts";
import { plannedFacts, type Circumstances } from "../step-facts.ts";

/** One line of a plan: where a step, or one role of an agent's turns, would go, and what it would cost. */
export interface PlannedStep {
  readonly step: string;
  readonly kind: string;
  readonly decision: Decision;
  /** What adding four scores would say; `undefined` where the step declares no volume. Advisory. */
  readonly scorecard: StepScorecard | undefined;
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
  /**
   * Every decision in words or as tables, with the problems at the end, or as one JSON array of decisions alone.
   * @param format default "text"
   */
  explain(format?: ExplainFormat): string;
  /** @throws {NoEligibleEndpointError} when there is one problem; {DefinitionError} when there are several */
  check(): void;
}

export interface PlanSetting {
  readonly policy: Policy;
  readonly candidates: readonly Candidate[];
  readonly circumstances: Circumstances;
  readonly sample: Sample | undefined;
}

export function makePlan(graph: GraphDefinition, setting: PlanSetting): Plan {
  const steps = planSteps(graph, setting);
  const refused = steps.filter(({ decision }) => decision.class === "refused");
  const unattended = unattendedSteps(graph, setting.circumstances.human);
  const problems = [...refused.map(({ step, decision }) => problemOf(step, decision)), ...unattended];
  const privacy = graph.labelled ? "labelled" : "unlabelled";
  const plan = { graph: graph.name, version: graph.version, privacy, steps, problems } as const;
  return Object.freeze({
    ...plan,
    toTable: () => table(plan),
    explain: (format: ExplainFormat = "text") => explainAll(plan, format),
    check() {
      const error = errorOf(plan, { refused, unattended, candidates: setting.candidates });
      if (error !== undefined) throw error;
    },
  });
}

/** Steps of graphs inside come after the step that runs them, as `items/triage`. */
function planSteps(graph: GraphDefinition, setting: PlanSetting): PlannedStep[] {
  return graph.steps.flatMap((step) => {
    if ("complexity" in step) return planStep(graph, step, setting);
    // What they are handed is not the sample.
    return isNesting(step) ? planSteps(placedAt(step.graph, `${step.name}/`), inside(step, setting)) : [];
  });
}

/** The budget of a step bounds everything inside it. */
function inside({ budget }: NestingStep, setting: PlanSetting): PlanSetting {
  const { moneyCapped, tokensCapped } = setting.circumstances;
  const circumstances = {
    ...setting.circumstances,
    moneyCapped: moneyCapped || budget?.costUsd !== undefined,
    tokensCapped: tokensCapped || budget?.tokens !== undefined,
  };
  return { ...setting, circumstances, sample: undefined };
}

/**
 * A step that asks a person, sends weak answers to one, or offers a tool that needs approval cannot be run where nobody may be
 * asked.
 */
function unattendedSteps(graph: GraphDefinition, human: Clearance | undefined): Problem[] {
  return graph.steps.flatMap((step): Problem[] => {
    if (isNesting(step)) return unattendedSteps(placedAt(step.graph, `${step.name}/`), human);
    const { input, context } = graph.flows[step.name]!;
    const path = `steps.${step.name}`;
    if (step.kind === "approve")
      return unattended(human, { path, what: `step "${step.name}" asks a person`, label: input });
    if (!("complexity" in step)) return [];
    const what = `step "${step.name}" sends weak answers to a person (escalation: "human")`;
    return [
      ...(step.demands.escalation === "human"
        ? unattended(human, { path: `${path}.escalation`, what, label: context })
        : []),
      ...(step.kind === "agent" ? unattendedTools(step, context, human) : []),
    ];
  });
}

/** What nobody would answer; nothing where somebody is wired who may see it. */
function unattended(
  human: Clearance | undefined,
  { path, what, label }: { readonly path: string; readonly what: string; readonly label: Label },
): Problem[] {
  if (human !== undefined && flowsTo(label, human)) return [];
  const found =
    human === undefined
      ? "nobody is wired: createRuntime({ onHuman: { clearance, ask } })"
      : `the person (onHuman) is cleared for ${formatClearance(human)}; the question is ${formatLabel(label)}: ${excess(label, human)}. Clear the person if they may see it${orRedact(label, human)}`;
  return [{ code: "HUMAN_REQUIRED", path, message: `${what}, and ${found}` }];
}

function orRedact(label: Label, clearance: Clearance): string {
  const redaction = redactionFor(label, clearance);
  return redaction === undefined ? "" : `, or ${redaction} what the step reads`;
}

/** An agent needs an endpoint for every context that a turn can reach (R3); one for the highest serves them all. */
function planStep(graph: GraphDefinition, step: PlacedStep, setting: PlanSetting): PlannedStep[] {
  const { input, context } = graph.flows[step.name]!;
  const workload = step.demands.workload ?? (setting.sample && sampleWorkload(step, setting.sample));
  const plan = (label: Label, role: "plan" | "act" | undefined): PlannedStep => {
    const declared = plannedFacts(step, { label, role, excluded: [] }, setting.circumstances);
    const facts = workload === undefined ? declared : { ...declared, workload };
    const decision = decide(setting.policy, setting.candidates, facts);
    return { step: step.name, kind: step.kind, decision, scorecard: stepScorecard(facts) };
  };
  if (step.kind !== "agent") return [plan(input, undefined)];
  // Integrity plays no part in where data may go, so a result that is only untrusted makes no other plan.
  const raised = !flowsTo(context, clearanceFor(input));
  return [plan(input, "plan"), plan(input, "act"), ...(raised ? [plan(context, "plan"), plan(context, "act")] : [])];
}

function problemOf(step: string, decision: Decision): Problem {
  return { code: noEligibleCode(decision), path: `steps.${step}`, message: noEligibleMessage(decision) };
}

type Planned = Pick<Plan, "graph" | "version" | "privacy" | "steps" | "problems">;

function errorOf(
  plan: Planned,
  {
    refused,
    unattended,
    candidates,
  }: {
    readonly refused: readonly PlannedStep[];
    readonly unattended: readonly Problem[];
    readonly candidates: readonly Candidate[];
  },
): TierwiseError | undefined {
  const [first, ...others] = refused;
  const [question] = unattended;
  if (first === undefined && question === undefined) return undefined;
  if (first === undefined && question !== undefined && unattended.length === 1)
    return new NoEligibleEndpointError("HUMAN_REQUIRED", question.message, { details: { graph: plan.graph } });
  if (first !== undefined && unattended.length === 0) {
    if (others.every(({ step }) => step === first.step)) return noEligibleEndpoint(first.decision);
    const cause = noClearanceAnywhere(
      refused.map(({ decision }) => decision),
      candidates,
    );
    if (cause !== undefined)
      return new NoEligibleEndpointError("NO_ELIGIBLE_ENDPOINT", `graph "${plan.graph}": ${cause}`, {
        details: { graph: plan.graph },
      });
  }
  return new DefinitionError(`graph "${plan.graph}" with this catalog`, plan.problems, "NO_ELIGIBLE_ENDPOINT");
}

function explainAll({ steps, problems }: Planned, format: ExplainFormat): string {
  const decisions = steps.map(({ decision }) => decision);
  if (format === "json") return JSON.stringify(decisions, null, 2);
  const told = decisions.map((decision) => explain(decision, format)).join(format === "table" ? "\n\n" : "\n");
  return `${told}${problemsText(problems)}`;
}

function standInsText({ steps }: Planned): string {
  const rungs = steps.flatMap(({ decision }) => decision.ladder.filter(({ standIn }) => standIn === true));
  const names = new Set(rungs.map(({ endpoint }) => endpoint));
  return names.size === 0 ? "" : `\nstand-ins, whose answers are scripted: ${[...names].join(", ")}`;
}

function problemsText(problems: readonly Problem[]): string {
  return problems.map(({ message }) => `\n! ${message.replaceAll("\n", "\n  ")}`).join("");
}

function table(plan: Planned): string {
  const rows = plan.steps.map(({ step, kind, decision }) => [
    decision.role === undefined ? step : `${step} (${decision.role})`,
    kind,
    formatLabel(decision.label),
    [decision.class, ...decision.flags].join(", "),
    ladderText(decision),
    costText(decision.estimate),
    decision.refused.map(({ endpoint, rule }) => `${endpoint}: ${rule}`).join(", ") || "-",
  ]);
  const header = ["step", "kind", "data", "class", "ladder", "estimate", "refused: rule"];
  const title = `plan of ${plan.graph}@${plan.version}, privacy: ${plan.privacy}`;
  return `${title}\n${textTable(header, rows)}${standInsText(plan)}${problemsText(plan.problems)}`;
}
