/**
 * Tierwise: agent graphs whose steps declare a complexity and a privacy tier, placed by a policy on small or large models.
 * @module
 */
export { graph } from "./graph/graph.ts";
export type { Graph, GraphBuilder, GraphOptions } from "./graph/types/graph.ts";
export type {
  AgentStep,
  BoundTool,
  ClassifyStep,
  CodeStep,
  FirstOfStep,
  GraphDefinition,
  ModelStep,
  NeedValues,
  PlacedStep,
  RedactStep,
  StepDefinition,
  StepFlow,
} from "./graph/definition.ts";
export type { RefNode, RefSource, WhenSkipped } from "./graph/ref.ts";
export type { JsonSchema, Parsed, Schema } from "./graph/schema.ts";
export type { Needs, Ref, SchemaOf, InputSchemaOf, ToolLike, Value, Values } from "./graph/types/values.ts";
export type {
  AgentSpec,
  Always,
  ClassifySpec,
  CodeSpec,
  ModelSpec,
  OutputOptions,
  RedactSpec,
  StepContext,
  ToolBinding,
  ToolEffect,
  ToolIdempotency,
  Verdict,
  When,
} from "./graph/types/steps.ts";

export { complexityTiers, defaultMaxOutputTokens, type Complexity } from "./tiers/complexity.ts";
export {
  formatLabel,
  join as joinLabels,
  makeLabel,
  privacyLevels,
  type Compartment,
  type Integrity,
  type Label,
  type LabelSpec,
  type Privacy,
} from "./tiers/label.ts";
export type { Declassification } from "./tiers/declassify.ts";
export { flowsTo, formatClearance, type Clearance, type ClearanceSpec } from "./tiers/clearance.ts";

export { createCatalog, type Catalog } from "./catalog/catalog.ts";
export {
  endpoint,
  type CapabilitySpec,
  type Endpoint,
  type EndpointClass,
  type EndpointSpec,
  type Location,
} from "./catalog/endpoint.ts";
export type { ChatModelFactory, ChatModelLike, EndpointModel, LabelModel, ModelNeeds } from "./catalog/model-like.ts";
export type { Price, PriceSpec } from "./catalog/price.ts";
export type { Usage, UsageSource } from "./catalog/usage.ts";
export type { Candidate, Capabilities } from "./catalog/candidate.ts";

export { createPolicy, defaultPolicy, defaultRules, type Policy, type PolicyOptions } from "./policy/policy.ts";
export { decide } from "./policy/decide.ts";
export {
  complexityScore,
  latencyScore,
  privacyScore,
  scorecard,
  volumeScore,
  type Score,
  type Scorecard,
  type ScorecardAxis,
  type ScorecardBand,
  type ScorecardOrientation,
} from "./policy/scorecard.ts";
export { explain } from "./policy/explain.ts";
export type { Decision, DecisionClass, Refusal, Rung } from "./policy/decision.ts";
export type { Exclusion, StepFacts, TurnRole } from "./policy/facts.ts";
export type { Rule, RuleOutcome } from "./policy/rule.ts";
export type { Confidence, ConfidenceKind } from "./confidence/confidence.ts";

export { createRuntime, type Runtime } from "./runtime/runtime.ts";
export type { RuntimeOptions } from "./runtime/runtime-options.ts";
export type { Plan, PlannedStep } from "./runtime/plan.ts";
export type { EventOf, Run, RunOptions, RunResult } from "./runtime/run.ts";
export type { HumanRequest } from "./runtime/session.ts";
export type { LedgerSnapshot, LedgerTotals } from "./runtime/ledger.ts";
export type { Engine, EngineEvent, EngineHost, EngineRun, Waits, Work } from "./runtime/engine.ts";
export type {
  AttemptEnd,
  AttemptError,
  AttemptKind,
  AttemptStart,
  Declassified,
  Endorsed,
  HumanAsked,
  PolicyDecision,
  RejectReason,
  RunEnd,
  RunEvent,
  RunOutcome,
  RunStart,
  StepEnd,
  StepOutcome,
  StepStart,
  ToolEnd,
  ToolStart,
} from "./events/event.ts";
export type { Clock } from "./common/clock.ts";

export { areaUnderRoc, brierScore } from "./evaluation/gate-quality.ts";
export {
  averageGapRecovered,
  callPerformanceThreshold,
  escalationQuality,
  oracleRouted,
  performanceGapRecovered,
  randomlyRouted,
  relativeCostAtQuality,
  routingCurve,
  type CallCosts,
  type EscalationQuality,
  type RoutedAnswer,
  type RoutingCurve,
  type RoutingPoint,
} from "./evaluation/routing.ts";
export {
  apiCost,
  blendedUsdPerMillionTokens,
  breakEvenEscalationRate,
  breakEvenVolume,
  cascadeCostUsd,
  cfoRanges,
  fineTuningPayback,
  routerCostUsd,
  savingRatio,
  totalCostOfOwnership,
  type BreakEven,
  type ModelPairCosts,
  type OwnershipCosts,
  type VolumeCosts,
} from "./evaluation/calculators.ts";
export { auditEntry, type AuditEntry } from "./governance/audit-entry.ts";
export {
  accuracy,
  chooseThreshold,
  coverage,
  expectedCalibrationError,
  percentile,
  selectiveAccuracy,
  type ScoredAnswer,
  type ThresholdGoal,
} from "./evaluation/selective.ts";

export {
  BudgetExceededError,
  DeadlineExceededError,
  DefinitionError,
  FlowViolationError,
  InputError,
  NoEligibleEndpointError,
  ProviderError,
  RunCancelledError,
  StepFailedError,
  TierwiseError,
  type ErrorCode,
  type ErrorDetails,
  type Problem,
} from "./errors.ts";
