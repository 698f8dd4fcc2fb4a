import type { Clearance, ClearanceSpec } from "../../tiers/clearance.ts";
import type { Complexity } from "../../tiers/complexity.ts";
import type { Compartment, LabelSpec, Privacy } from "../../tiers/label.ts";
import type { DemandsSpec } from "./demands.ts";
import type { Graph } from "./graph.ts";
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

/**
 * Hard caps of one execution of a step: everything that it calls, retries and rejected drafts included, and everything that
 * runs inside it. A step of a graph that runs many times (an item of a map, an iteration of a loop) has them each time anew.
 * The caps around it, of the run and of shared accounts, hold beside them. A step's budget names at least one cap: `{}` is
 * refused there, for somebody meant it to bound something. A run's may be `{}`: its `durationMs` bounds it all the same.
 */
export interface StepBudget {
  /** US dollars, models and tools, above 0, at most 1,000,000. @default no cap */
  readonly costUsd?: number;
  /**
   * Input and output tokens of models, 1 to 10^12. Reserved are one token per UTF-8 byte of the request, 256 for the server's
   * template, and the output limit. @default no cap
   */
  readonly tokens?: number;
  /** Requests to models, retries included, 1 to 10^9. @default no cap */
  readonly calls?: number;
}

interface Budgeted {
  /** What the step may take. @default what surrounds it may */
  readonly budget?: StepBudget;
}

interface ModelLimits extends DemandsSpec, Budgeted {
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

/**
 * What a failure of the step becomes: a value in its place, or `"skip"`, so that readers see `undefined` and `firstOf` takes
 * the next alternative. Exceeded budgets and deadlines, cancellation and privacy always end the run. @default "fail"
 */
export interface OnErrorValue<O> {
  readonly onError?: "fail" | { readonly value: O };
}
export interface OnErrorSkip<N extends Needs> {
  readonly onError: "skip";
  readonly when?: (values: Values<N>) => boolean;
}

interface Memorable {
  /**
   * Keeps results by the content that the step reads, in this process, for `ttlMs` milliseconds (1 to 86,400,000): the same
   * content under the same policy and tags is not computed again. Whoever sets it says that the step has no effect. Failures
   * and uncertain answers are not kept. @default not kept; `true` keeps for 3,600,000 ms
   */
  readonly memo?: boolean | { readonly ttlMs?: number };
}

/** How an answer is shown while it is written. */
export interface StreamOptions {
  /**
   * Shows nothing until the answer was accepted, and of other answers never anything. In any case so where the answer is
   * checked (an output schema, `validate`) and what the model is sent is above `internal` or has compartments.
   * @default false
   */
  readonly holdUntilChecked?: boolean;
  /**
   * Longest silence between two pieces of an answer, in milliseconds, 100 to 600,000; then the attempt fails and another is
   * made. The first piece is waited for as long as `timeoutMs` allows. @default 30_000
   */
  readonly idleTimeoutMs?: number;
}

interface Streamable {
  /**
   * Shows the answer to the run's caller while it is written, as events `token` (text) and `partial` (with a schema), so the
   * caller must be cleared for the step's output; a graph in which they are not does not build. Answers from `memo` or from a
   * person are not shown. @default not shown; `true` takes the defaults of `StreamOptions`
   */
  readonly stream?: true | StreamOptions;
}

export interface ModelSpec<N extends Needs, O> extends Common<N>, ModelLimits, Memorable, Streamable {
  readonly complexity: Complexity;
  readonly output: SchemaOf<O>;
  readonly prompt: (values: Values<N>) => string;
  /** A business check of the answer: false rejects it and the next endpoint of the ladder is asked. Must be pure. */
  readonly validate?: (output: NoInfer<O>, values: Values<N>) => boolean;
}

export interface ClassifySpec<N extends Needs, L extends string> extends Common<N>, ModelLimits, Memorable {
  readonly labels: readonly L[];
  readonly text: (values: Values<N>) => string;
  /** Accept the chosen label as trusted although the text is not: it can only be one of a closed set. Audited. */
  readonly endorse?: { readonly reason: string };
}

export interface CodeSpec<N extends Needs, O> extends Common<N>, Memorable {
  /** Joined to the label of the result: a database may return more than it was asked with. Only raises. */
  readonly produces?: LabelSpec;
  /**
   * The highest data the code may be handed, for code that sends it on: a search index, an API. Checked when the graph is
   * built and again before each call, as for a tool. @default no bound: your own code is trusted
   */
  readonly accepts?: ClearanceSpec;
  readonly run: (values: Values<N>, context: StepContext) => O | Promise<O>;
}

export interface SubgraphSpec<T> extends Budgeted {
  /** What the graph is run with: one reference, or one for each field of its input, each with a label of its own. */
  readonly input: Ref<T> | { readonly [K in keyof T]: Ref<T[K]> };
  readonly graph: Graph<T, unknown>;
}

export interface MapSpec<T, O> extends Budgeted {
  /** A list that may be skipped needs `g.orElse(list, [])`. */
  readonly over: Ref<readonly T[]>;
  /** Run once for each item, which is its input. */
  readonly each: Graph<T, O>;
  /** Items at once, 1 to 100. @default 8 */
  readonly concurrency?: number;
  /** Longer lists fail the step before anything is paid for, 1 to 100,000. @default 1_000 */
  readonly maxItems?: number;
}

/** One item of a map that collects errors: its value, or why there is none. */
export type ItemResult<O> =
  | { readonly ok: true; readonly value: O }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

export interface LoopSpec<S> extends Budgeted {
  readonly start: Ref<S>;
  /** From one state to the next. */
  readonly body: Graph<S, S>;
  /** Asked before every iteration, from 0, with the state so far: true ends the loop. Pure. */
  readonly until: (state: S, iteration: number) => boolean;
  /** Hard limit, 1 to 1,000. */
  readonly maxIterations: number;
  /** When the limit is reached: fail the step, or take the state as it is. @default "fail" */
  readonly onLimit?: "fail" | "accept";
}

export interface ApproveSpec<N extends Needs> extends Omit<Common<N>, "privacy"> {
  /** What the person reads; they need clearance for it. */
  readonly question: (values: Values<N>) => string;
}

/** What a person decided. */
export interface Approval {
  readonly approved: boolean;
  /** Who, as the host says. */
  readonly by?: string;
  readonly reason?: string;
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
  /**
   * Before every call of a tool with an effect, the person wired with `onHuman` is asked, with the tool's name, the arguments
   * as the tool will get them, and their label; without a person who may see them the graph does not start (`HUMAN_REQUIRED`).
   * What a person approved needs no pin or bound. A refusal is told to the model, and nothing runs.
   */
  readonly approve?: true | ToolApproval;
  /** Longer arguments are refused, in UTF-8 bytes of their JSON, 1 to 16,777,216. @default 65_536 */
  readonly maxArgumentBytes?: number;
  /** A longer result is cut, and the model is told by how much, in UTF-8 bytes, 256 to 16,777,216. @default 65_536 */
  readonly maxResultBytes?: number;
  /**
   * What a call costs, in US dollars with at most 12 decimals: reserved before it and charged after it, also when it failed
   * or was not waited for, since it may have been billed. @default on no books
   */
  readonly cost?: { readonly perCallUsd: number };
}

export interface ToolApproval {
  /** The highest data that may be shown for this approval; a bound below the person's own clearance. @default the person's */
  readonly clearance?: ClearanceSpec;
  /** Told to the person who is asked. */
  readonly reason?: string;
}

export interface AgentSpec<N extends Needs, O> extends Common<N>, ModelLimits, Streamable {
  readonly output: SchemaOf<O>;
  readonly prompt: (values: Values<N>) => string;
  // Plain objects: a helper function around a binding would lose the inference of its lambdas.
  readonly tools: readonly (ToolBinding<Values<N>> | ToolLike)[];
  /** Model requests of one step, tool rounds included. @default 8 */
  readonly maxTurns?: number;
  /**
   * Turns in a row, 0 to 10, in which a model may put right what cannot be called: arguments that do not fit, a tool that is
   * not there. They have the role `plan`, and are escalations where another model takes them. One more fails the step (`TOOL_LOOP_LIMIT`). @default 2
   */
  readonly maxRepairs?: number;
  /**
   * Calls of one turn that run at once, 1 to 16. Those of tools with an effect run one after the other in any case, in the
   * order of the calls. @default 4
   */
  readonly toolConcurrency?: number;
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
