import type { Clearance } from "../tiers/clearance.ts";
import type { Complexity } from "../tiers/complexity.ts";
import type { Demands } from "../tiers/demands.ts";
import type { Declassification } from "../tiers/declassify.ts";
import type { Label, Privacy } from "../tiers/label.ts";
import type { RefNode } from "./ref.ts";
import type { JsonSchema, Schema } from "./schema.ts";
import type { StepBudget, StepContext, ToolEffect, ToolIdempotency } from "./types/steps.ts";

/** Values by the names under which a step needs them. */
export type NeedValues = Readonly<Record<string, unknown>>;

interface StepBase {
  readonly name: string;
  /** Position of definition, from 0; also a topological order, since a step can only need earlier ones. */
  readonly index: number;
  readonly needs: Readonly<Record<string, RefNode>>;
  readonly timeoutMs: number;
}

interface Conditional {
  readonly when: ((values: NeedValues) => boolean) | undefined;
}

/** What a failure of the step becomes, but for those of money, privacy, time and cancellation. */
export type OnError =
  { readonly kind: "fail" } | { readonly kind: "skip" } | { readonly kind: "value"; readonly value: unknown };

interface Recoverable {
  readonly onError: OnError;
}

interface Memorable {
  /** Results are kept by content for so long; `undefined` when they are not kept. */
  readonly memo: { readonly ttlMs: number } | undefined;
}

interface Budgeted {
  /** `undefined` for no caps of its own. */
  readonly budget: StepBudget | undefined;
}

interface Placed extends StepBase, Conditional, Recoverable, Budgeted {
  readonly complexity: Complexity;
  /** Upper bound of the level of everything the step sees. */
  readonly privacy: Privacy;
  readonly maxOutputTokens: number;
  readonly demands: Demands;
  readonly system: string | undefined;
}

interface Streamable {
  /** How answers are shown while they are written; `undefined` when they are not. */
  readonly stream: { readonly holdUntilChecked: boolean; readonly idleTimeoutMs: number } | undefined;
}

export interface ModelStep extends Placed, Memorable, Streamable {
  readonly kind: "model";
  readonly output: Schema;
  readonly prompt: (values: NeedValues) => string;
  readonly validate: ((output: unknown, values: NeedValues) => boolean) | undefined;
}

export interface ClassifyStep extends Placed, Memorable {
  readonly kind: "classify";
  readonly labels: readonly string[];
  readonly text: (values: NeedValues) => string;
  readonly endorse: { readonly reason: string } | undefined;
}

export interface AgentStep extends Placed, Streamable {
  readonly kind: "agent";
  readonly output: Schema;
  readonly prompt: (values: NeedValues) => string;
  readonly tools: readonly BoundTool[];
  readonly maxTurns: number;
  readonly maxRepairs: number;
  readonly toolConcurrency: number;
}

export interface CodeStep extends StepBase, Conditional, Recoverable, Memorable {
  readonly kind: "code";
  readonly privacy: Privacy | undefined;
  readonly produces: Label | undefined;
  /** What the code may be handed; `undefined` for no bound. */
  readonly accepts: Clearance | undefined;
  readonly run: (values: NeedValues, context: StepContext) => unknown;
}

export interface RedactStep extends StepBase {
  readonly kind: "redact";
  readonly output: Schema;
  readonly map: (value: unknown) => unknown;
  readonly declassification: Declassification;
}

export interface FirstOfStep extends StepBase {
  readonly kind: "firstOf";
}

/** A step that runs another graph, once or many times. Its one need is called `input`, or there is one per field. */
interface Nesting extends StepBase, Conditional, Recoverable, Budgeted {
  readonly graph: GraphDefinition;
}

export interface SubgraphStep extends Nesting {
  readonly kind: "subgraph";
  /** One need for each field of the graph's input, instead of one called `input` for all of it. */
  readonly byField: boolean;
}

export interface MapStep extends Nesting {
  readonly kind: "map";
  readonly concurrency: number;
  readonly maxItems: number;
  readonly onItemError: "fail" | "collect";
}

export interface LoopStep extends Nesting {
  readonly kind: "loop";
  readonly until: (state: unknown, iteration: number) => boolean;
  readonly maxIterations: number;
  readonly onLimit: "fail" | "accept";
}

export interface ApproveStep extends StepBase, Conditional {
  readonly kind: "approve";
  readonly question: (values: NeedValues) => string;
}

/** Steps that run another graph. */
export type NestingStep = SubgraphStep | MapStep | LoopStep;

/** Steps that a policy places on an endpoint. */
export type PlacedStep = ModelStep | ClassifyStep | AgentStep;
export type StepDefinition = PlacedStep | CodeStep | RedactStep | FirstOfStep | NestingStep | ApproveStep;

/** A tool as an agent step holds it: every default filled in. */
export interface BoundTool {
  readonly name: string;
  readonly description: string;
  /** Bound to the author's tool object, which stays outside the frozen definition. */
  readonly invoke: (args: unknown, config: unknown) => unknown;
  readonly effect: ToolEffect;
  readonly idempotency: ToolIdempotency;
  readonly accepts: Clearance;
  /** `undefined`: the label of the arguments, untrusted. */
  readonly returns: Label | undefined;
  readonly pin: Readonly<Record<string, (values: NeedValues) => unknown>>;
  readonly max: Readonly<Record<string, (values: NeedValues) => number>>;
  readonly untrustedArguments: { readonly reason: string } | undefined;
  /** A person is asked before each call; `clearance` bounds what they are shown. */
  readonly approve: { readonly clearance: Clearance | undefined; readonly reason: string | undefined } | undefined;
  readonly maxArgumentBytes: number;
  readonly maxResultBytes: number;
  /** `undefined` where no cost is declared. */
  readonly costUsd: number | undefined;
  /** All arguments, the pinned ones included. */
  readonly parameters: JsonSchema;
  /** Checks all arguments; `undefined` for a tool with a plain JSON Schema. */
  readonly parse: Schema["parse"] | undefined;
  /** What the model is shown: the arguments without the pinned ones, as JSON Schema. */
  readonly shownParameters: JsonSchema;
}

/** Labels of one step as the data flows (rules R1 to R4), the same in every run. */
export interface StepFlow {
  /** What decides whether the step runs. */
  readonly control: Label;
  /** What the step starts with: everything it reads, and its control. */
  readonly input: Label;
  /** The highest label the step can come to see; above `input` only where tools may raise it. */
  readonly context: Label;
  readonly output: Label;
  /** The step itself may give `undefined`, which its readers cannot tell from being skipped. */
  readonly mayBeMissing: boolean;
}

/** A whole graph as frozen data. */
export interface GraphDefinition {
  readonly name: string;
  readonly version: string;
  /** True when the author declared a label for the input. */
  readonly labelled: boolean;
  readonly input: Schema;
  readonly inputLabel: Label;
  readonly fieldLabels: Readonly<Record<string, Label>>;
  readonly steps: readonly StepDefinition[];
  readonly flows: Readonly<Record<string, StepFlow>>;
  /** A single value, or named ones. */
  readonly output:
    | { readonly kind: "one"; readonly ref: RefNode }
    | { readonly kind: "named"; readonly refs: Readonly<Record<string, RefNode>> };
  readonly callerClearance: Clearance;
}
