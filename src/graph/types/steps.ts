import type { Clearance, ClearanceSpec } from "../../tiers/clearance.ts";
import type { Complexity } from "../../tiers/complexity.ts";
import type { Compartment, LabelSpec, Privacy } from "../../tiers/label.ts";
import type { DemandsSpec } from "./demands.ts";
import type { Needs, Ref, SchemaOf, ToolLike, Values } from "./values.ts";

/** What a `code` step and a tool get beside their values. */
export interface StepContext {
  /** Fires when the run is cancelled, its deadline passes or the step's `timeoutMs` is over. */
  readonly signal: AbortSignal;
  readonly runId: string;
  /** Stable for this call over retries and resumption; hand it to services that deduplicate. */
  readonly idempotencyKey: string;
}

interface Common<N extends Needs> {
  /** Named references to what the step reads; they are its only inputs and give the graph its edges. */
  readonly needs: N;
  /** Upper bound on the level of everything the step sees. @default the graph's */
  readonly privacy?: Privacy;
  /** Limit of one attempt (model call, tool call or run of the code), in milliseconds. @default 60_000 */
  readonly timeoutMs?: number;
}

interface ModelLimits extends DemandsSpec {
  /** Output limit sent to the model, in tokens, per request. @default by complexity: 64, 1_024, 4_096, 4_096, 2_048 */
  readonly maxOutputTokens?: number;
  /** Fixed instructions, sent as the system message. */
  readonly system?: string;
}

/** The step runs only when this is true, so readers see `undefined` otherwise. */
export interface When<N extends Needs> {
  readonly when: (values: Values<N>) => boolean;
}
export interface Always {
  readonly when?: undefined;
}

export interface ModelSpec<N extends Needs, O> extends Common<N>, ModelLimits {
  readonly complexity: Complexity;
  readonly output: SchemaOf<O>;
  readonly prompt: (values: Values<N>) => string;
  /** A business check of the answer: false rejects it and the next endpoint of the ladder is asked. Must be pure. */
  readonly validate?: (output: NoInfer<O>, values: Values<N>) => boolean;
}

export interface ClassifySpec<N extends Needs, L extends string> extends Common<N>, ModelLimits {
  readonly labels: readonly L[];
  readonly text: (values: Values<N>) => string;
  /** Accept the chosen label as trusted although the text is not: it can only be one of a closed set. Audited. */
  readonly endorse?: { readonly reason: string };
}

export interface CodeSpec<N extends Needs, O> extends Common<N> {
  /** Joined to the label of the result: a database may return more than it was asked with. Only raises. */
  readonly produces?: LabelSpec;
  /**
   * The highest data the code may be handed, for code that sends it on: a search index, an API. Checked when the graph is
   * built and again before each call, as for a tool. @default no bound: your own code is trusted
   */
  readonly accepts?: ClearanceSpec;
  readonly run: (values: Values<N>, context: StepContext) => O | Promise<O>;
}

export type ToolEffect = "read" | "write" | "irreversible";
export type ToolIdempotency = "idempotent" | "keyed" | "unsafe";

/** A tool with what it does and may see. A bare tool counts as `effect: "write"`, `accepts: "public"`. */
export interface ToolBinding<V> {
  readonly tool: ToolLike;
  /** @default "write" */
  readonly effect?: ToolEffect;
  /** @default "unsafe" */
  readonly idempotency?: ToolIdempotency;
  /** Clearance of the tool for its arguments. @default "public" */
  readonly accepts?: ClearanceSpec;
  /** Label joined to the tool's results. @default the label of its arguments, untrusted */
  readonly returns?: Privacy | LabelSpec;
  /** Arguments that code sets; the model neither sees nor chooses them. They may read trusted needs only. */
  readonly pin?: Readonly<Record<string, (values: V) => unknown>>;
  /** Upper bounds of numeric arguments; a larger (or negative) value is refused before the tool runs. */
  readonly max?: Readonly<Record<string, (values: V) => number>>;
  /** Openly accept arguments of an effectful tool that a model chose from untrusted data. Audited. */
  readonly untrustedArguments?: { readonly reason: string };
}

export interface AgentSpec<N extends Needs, O> extends Common<N>, ModelLimits {
  readonly output: SchemaOf<O>;
  readonly prompt: (values: Values<N>) => string;
  // Plain objects: a helper function around a binding would lose the inference of its lambdas.
  readonly tools: readonly (ToolBinding<Values<N>> | ToolLike)[];
  /** Model requests of one step, tool rounds included. @default 8 */
  readonly maxTurns?: number;
}

export interface RedactSpec<T, O> {
  readonly from: Ref<T>;
  /** What may leave; parsed strictly, so that nothing undeclared comes along. */
  readonly output: SchemaOf<O>;
  /** Trusted code that picks the released values. */
  readonly map: (value: Exclude<T, undefined>) => O;
  readonly removes: readonly Compartment[];
  readonly to: Privacy;
  readonly reason: string;
}

/** A closed choice, or the honest third answer: no endpoint was sure enough. */
export type Verdict<L> =
  { readonly label: L; readonly uncertain?: false } | { readonly label?: undefined; readonly uncertain: true };

export interface OutputOptions {
  /** What the caller may receive. @default the label of the graph's input */
  readonly clearance?: ClearanceSpec | Clearance;
}
