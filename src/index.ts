/**
 * Tierwise: agent graphs whose steps declare a complexity and a privacy tier, placed by a policy on small or large models.
 * @module
 */
export { graph } from "./graph/graph.ts";
export type { Graph, GraphBuilder, GraphOptions, Nested, NestedSkip } from "./graph/types/graph.ts";
export type {
  AgentStep,
  ApproveStep,
  BoundTool,
  ClassifyStep,
  CodeStep,
  FirstOfStep,
  GraphDefinition,
  LoopStep,
  MapStep,
  ModelStep,
  NeedValues,
  NestingStep,
  OnError,
  PlacedStep,
  RedactStep,
  StepDefinition,
  StepFlow,
  SubgraphStep,
} from "./graph/definition.ts";
export type { RefNode, RefSource, WhenSkipped } from "./graph/ref.ts";
export type { JsonSchema, Parsed, Schema } from "./graph/schema.ts";
export type { Needs, Ref, SchemaOf, InputSchemaOf, ToolLike, Value, Values } from "./graph/types/values.ts";
export type {
  AgentSpec,
  Always,
  Approval,
  ApproveSpec,
  ClassifySpec,
  CodeSpec,
  ItemResult,
  LoopSpec,
  MapSpec,
  ModelSpec,
  OnErrorSkip,
  OnErrorValue,
  OutputOptions,
  RedactSpec,
  StepBudget,
  StepContext,
  StreamOptions,
  SubgraphSpec,
  ToolApproval,
  ToolBinding,
  ToolEffect,
  ToolIdempotency,
  Verdict,
  When,
} from "./graph/types/steps.ts";

export type { DemandsSpec } from "./graph/types/demands.ts";

export {
  assumedTokensPerRequest,
  escalations,
  latencyBoundMs,
  latencyClasses,
  specificities,
  type Demands,
  type Domain,
  type Escalation,
  type Interval,
  type LatencyClass,
  type Requirements,
  type Specificity,
  type Volume,
  type VolumeSpec,
  type Workload,
  type WorkloadSpec,
} from "./tiers/demands.ts";
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

export { classOfSize } from "./catalog/class-of-size.ts";
export { amortisedPrice, type OwnHardware } from "./catalog/amortised-price.ts";
export { formatUsd } from "./catalog/money.ts";
export { createCatalog, type Catalog, type CatalogOptions } from "./catalog/catalog.ts";
export {
  endpoint,
  type Anonymiser,
  type Attestation,
  type CapabilitySpec,
  type Endpoint,
  type EndpointClass,
  type EndpointLimits,
  type EndpointSpec,
  type Location,
  type SpeculativeDecoding,
} from "./catalog/endpoint.ts";
export { locationClearance } from "./catalog/location-clearance.ts";
export type { ChatModelFactory, ChatModelLike, EndpointModel, LabelModel, ModelNeeds } from "./catalog/model-like.ts";
export type { PriceList } from "./catalog/price-list.ts";
export type { ListedModel, Price, PriceSpec } from "./catalog/price.ts";
export type { Usage, UsageSource } from "./catalog/usage.ts";
export { isLocal, p95Of, type Candidate, type Capabilities, type Measured } from "./catalog/candidate.ts";

export { applyProbe } from "./models/apply-probe.ts";
export { probe, type ProbeOptions, type ProbedCapabilities, type ProbeReport } from "./models/probe.ts";
export type { Finding as ProbeFinding, ProbeName } from "./models/probe-questions.ts";

export { createPolicy, defaultPolicy, defaultRules, type Policy, type PolicyOptions } from "./policy/policy.ts";
export { experiment, withExperiments, type ExperimentOptions } from "./policy/experiment.ts";
export type { PolicySource } from "./policy/policy-source.ts";
export type { RunKeys } from "./common/bucket.ts";
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
export { useCaseTiers, type UseCase } from "./policy/use-cases.ts";
export type { StepScorecard } from "./policy/step-scorecard.ts";
export { explain, type ExplainFormat } from "./policy/explain.ts";
export type {
  Assignment,
  Decision,
  DecisionClass,
  Obligation,
  Refusal,
  RuleObligation,
  Rung,
} from "./policy/decision.ts";
export type { Estimate } from "./policy/estimate.ts";
export type { Conversation, Exclusion, ObservedAnswers, StepFacts, TurnRole } from "./policy/facts.ts";
export { defaultVolumeBands, volumeRule, type VolumeBands } from "./policy/rules/volume.ts";
export type { Bounds, Rule, RuleOutcome } from "./policy/rule.ts";
export type { Confidence, ConfidenceKind } from "./confidence/confidence.ts";

export { createRuntime, type Runtime } from "./runtime/runtime.ts";
export { checkInput } from "./runtime/check-input.ts";
export type { RuntimeOptions } from "./runtime/runtime-options.ts";
export type { TelemetryOptions } from "./runtime/telemetry-options.ts";
export { memoryBudgets } from "./runtime/budget/memory-budgets.ts";
export type { AccountWindow, SharedAccount } from "./runtime/budget/account-window.ts";
export type { Amounts, Caps, Dimension } from "./runtime/budget/amounts.ts";
export type { BudgetPort, ReserveAnswer, ReserveRequest, SettleRequest } from "./runtime/budget/budget-port.ts";
export type { AccountsQuestion, BudgetsOptions } from "./runtime/budget/budgets-options.ts";
export { diffPlans, type PlanChange, type PlanDiff } from "./runtime/planning/diff-plans.ts";
export type { Plan, PlannedStep } from "./runtime/planning/plan.ts";
export type { AttachedRun, EventOf, PlanOptions, Run, RunOptions, RunResult } from "./runtime/run.ts";
export type { EndpointStatus } from "./runtime/gates/endpoint-status.ts";
export type { CircuitState } from "./runtime/gates/circuit-breaker.ts";
export type { GateStatus } from "./runtime/gates/endpoint-gate.ts";
export type { RetryOptions } from "./runtime/model-call/retry-options.ts";
export type { ShutdownOptions } from "./runtime/live-runs.ts";
export type { HumanRequest, ResolveQuestion, StepQuestion, ToolQuestion } from "./runtime/session.ts";
export type { LedgerSnapshot, LedgerTotals } from "./runtime/budget/ledger.ts";
export { formatLedger } from "./runtime/budget/format-ledger.ts";
export type {
  Engine,
  EngineEvent,
  EngineHost,
  FleetPlaces,
  EngineRun,
  Note,
  RunInfo,
  RunNotes,
  RunQuery,
  RunStatus,
  Waits,
  Work,
} from "./runtime/engine.ts";
export type {
  AttemptEnd,
  AttemptError,
  AttemptKind,
  AttemptStart,
  Declassified,
  Endorsed,
  EscalationDeferred,
  HumanAnswered,
  HumanAsked,
  PartialAnswer,
  PolicyDecision,
  RejectReason,
  ReviewSampled,
  RunEnd,
  RunEvent,
  RunOutcome,
  RunStart,
  SettlementError,
  StepCached,
  StepEnd,
  StepOutcome,
  StepRecovered,
  StepStart,
  Token,
  ToolEnd,
  ToolRefusalReason,
  ToolRefused,
  ToolStart,
} from "./events/event.ts";
export type { Clock } from "./common/clock.ts";

export { exportRun, type ExportRunOptions } from "./traces/export-run.ts";
export { formatTrace, printTrace, type FormatTraceOptions, type PrintTraceOptions } from "./traces/format-trace.ts";
export type { OtlpAttribute, OtlpSpan, OtlpTraceRequest, OtlpValue } from "./traces/otlp.ts";
export type {
  Dropped,
  RecordedAttributes,
  RecordedEvent,
  RecordedLink,
  RecordedSpan,
  RecordedTrace,
  RecordedValue,
} from "./traces/recorded-trace.ts";
export {
  traceRecorder,
  type RunIdentity,
  type TraceRecorder,
  type TraceRecorderOptions,
} from "./traces/trace-recorder.ts";

export {
  pilotVerdict,
  type PilotGoal,
  type PilotOutcome,
  type PilotShortfall,
  type PilotVerdict,
} from "./evaluation/pilot.ts";
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
export {
  createRegistry,
  type Activation,
  type ActiveVersion,
  type ModelVersion,
  type RegisteredVersion,
  type Registry,
  type Rollback,
  type Signed,
  type Subject,
  type VersionStatus,
} from "./governance/registry.ts";
export type { RegistryState } from "./governance/read-state.ts";
export type { RegistryEntry, VersionRef } from "./governance/registry-history.ts";
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

export { slmOnly, slmOnlyRule } from "./patterns/slm-only.ts";
export { slmWithEscalation, type EscalationOptions } from "./patterns/slm-with-escalation.ts";
export {
  escalationReport,
  type AnswerCounts,
  type EscalationCounts,
  type EscalationReport,
} from "./patterns/escalation-report.ts";
export {
  draftThenVerify,
  type DraftThenVerifyRefs,
  type DraftThenVerifySpec,
  type Verification,
} from "./patterns/draft-then-verify.ts";
export { rag, type RagAnswer, type RagRefs } from "./patterns/rag.ts";
export type { RagSpec, RetrieverBinding } from "./patterns/rag-options.ts";
export type { DocumentLike, Passage, RetrieverLike } from "./patterns/retrieve.ts";
export {
  domainStack,
  type DetectedDomains,
  type DomainStackRefs,
  type DomainStackSpec,
} from "./patterns/domain-stack.ts";

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
  type CancelledBy,
  type ErrorCode,
  type ErrorDetails,
  type Problem,
} from "./errors.ts";
