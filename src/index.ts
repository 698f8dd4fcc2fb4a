/**
 * Tierwise: agent graphs whose steps declare a complexity and a privacy tier, placed by a policy on small or large models.
 * @module
 */
export { graph } from "./graph/graph.ts";
export type { Graph, GraphBuilder, GraphOptions } from "./graph/types/graph.ts";
export type { GraphDefinition, StepDefinition, StepFlow } from "./graph/definition.ts";
export type { Needs, Ref, SchemaOf, InputSchemaOf, ToolLike, Value, Values } from "./graph/types/values.ts";
export type {
  AgentSpec,
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
} from "./graph/types/steps.ts";

export { complexityTiers, defaultMaxOutputTokens, type Complexity } from "./tiers/complexity.ts";
export {
  privacyLevels,
  type Compartment,
  type Integrity,
  type Label,
  type LabelSpec,
  type Privacy,
} from "./tiers/label.ts";
export type { Clearance, ClearanceSpec } from "./tiers/clearance.ts";

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

export { defaultPolicy, type Policy, type PolicyOptions } from "./policy/policy.ts";
export { decide } from "./policy/decide.ts";
export { explain } from "./policy/explain.ts";
export type { Decision, DecisionClass, Refusal, Rung } from "./policy/decision.ts";
export type { Exclusion, StepFacts, TurnRole } from "./policy/facts.ts";
export type { Rule, RuleOutcome } from "./policy/rule.ts";
export type { Confidence, ConfidenceKind } from "./confidence/confidence.ts";

export { createRuntime, type Runtime } from "./runtime/runtime.ts";
export type { RuntimeOptions } from "./runtime/runtime-options.ts";
export type { Plan, PlannedStep } from "./runtime/plan.ts";
export type { Run, RunOptions, RunResult } from "./runtime/run.ts";
export type { HumanRequest } from "./runtime/session.ts";
export type { LedgerSnapshot, LedgerTotals } from "./runtime/ledger.ts";
export type { Engine, EngineEvent, EngineHost, EngineRun, Waits, Work } from "./runtime/engine.ts";
export type { AttemptKind, RejectReason, RunEvent, RunOutcome, StepOutcome } from "./events/event.ts";
export type { Clock } from "./common/clock.ts";

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
  type Problem,
} from "./errors.ts";
