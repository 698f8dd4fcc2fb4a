import type { LabelSpec, Privacy } from "../../tiers/label.ts";
import type { GraphDefinition } from "../definition.ts";
import type { JsonSchema } from "../schema.ts";
import type {
  Always,
  AgentSpec,
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
  SubgraphSpec,
  Verdict,
  When,
} from "./steps.ts";
import type { DemandsSpec } from "./demands.ts";
import type { InputSchemaOf, Needs, Ref, Value, Values } from "./values.ts";

export interface GraphOptions<O, I> {
  /** What `run` and `start` accept; validated before anything is paid for. */
  readonly input: InputSchemaOf<O, I>;
  /** The author's version; a hash of the structure is appended. @default "0" */
  readonly version?: string;
  /** Label of the input. @default public, and plan and run say `unlabelled` */
  readonly label?: Privacy | LabelSpec;
  /** Fields whose label differs from the graph's, for example one that the host's own auth layer set. */
  readonly fields?: { readonly [K in keyof NoInfer<O>]?: Partial<LabelSpec> };
  /** Default upper bound of every step. @default the level of the input */
  readonly privacy?: Privacy;
  /** What every model step declares unless it says otherwise: latency, volume, domain, escalation, … @default nothing */
  readonly defaults?: DemandsSpec;
}

declare const inputType: unique symbol;
declare const outputType: unique symbol;

/** A finished graph. `in I` makes a graph for `string` unusable where one for `number` is needed. */
export interface Graph<in I, out O> {
  readonly name: string;
  /** Author's version plus a hash of names, kinds, edges, tiers, labels and schemas. Functions are not hashed. */
  readonly version: string;
  readonly definition: GraphDefinition;
  /** JSON Schema of what `run` and `start` accept, for example for the route of a service; `checkInput` tells whether a value fits. */
  readonly inputSchema: JsonSchema;
  /** The graph as Mermaid flowchart source. */
  toMermaid(): string;
  readonly [inputType]: (value: I) => void;
  readonly [outputType]: O;
}

/** A step that runs another graph and fails with it, or has a value in its place. */
export interface Nested<O> extends OnErrorValue<NoInfer<O>> {
  readonly when?: undefined;
}
/** A step that runs another graph and is skipped when that fails. */
export interface NestedSkip {
  readonly onError: "skip";
  readonly when?: undefined;
}

/** Adds steps; every method returns the value the step will have, as a reference. Mistakes are collected and thrown
 * together by `output`. The overload with `when` types the result as possibly `undefined`: a defaulted type parameter
 * instead of the overload leaves the author's lambdas untyped. */
export interface GraphBuilder<I, V> {
  readonly input: Ref<V> & { field<const K extends keyof V & string>(name: K): Ref<V[K]> };

  /** Text or an object from one model call, cascaded over the ladder. */
  model<const N extends Needs, O>(name: string, step: ModelSpec<N, O> & Always & OnErrorValue<NoInfer<O>>): Ref<O>;
  model<const N extends Needs, O>(
    name: string,
    step: ModelSpec<N, O> & ((When<N> & OnErrorValue<NoInfer<O>>) | OnErrorSkip<N>),
  ): Ref<O | undefined>;
  /** One of a closed set of labels, or `{ uncertain: true }`. */
  classify<const N extends Needs, const L extends string>(
    name: string,
    step: ClassifySpec<N, L> & Always & OnErrorValue<NoInfer<Verdict<L>>>,
  ): Ref<Verdict<L>>;
  classify<const N extends Needs, const L extends string>(
    name: string,
    step: ClassifySpec<N, L> & ((When<N> & OnErrorValue<NoInfer<Verdict<L>>>) | OnErrorSkip<N>),
  ): Ref<Verdict<L> | undefined>;
  /** Your own code: a database, an API, a computation. */
  code<const N extends Needs, O>(name: string, step: CodeSpec<N, O> & Always & OnErrorValue<NoInfer<O>>): Ref<O>;
  code<const N extends Needs, O>(
    name: string,
    step: CodeSpec<N, O> & ((When<N> & OnErrorValue<NoInfer<O>>) | OnErrorSkip<N>),
  ): Ref<O | undefined>;
  /** A tool loop; the model is chosen per turn. */
  agent<const N extends Needs, O>(name: string, step: AgentSpec<N, O> & Always & OnErrorValue<NoInfer<O>>): Ref<O>;
  agent<const N extends Needs, O>(
    name: string,
    step: AgentSpec<N, O> & ((When<N> & OnErrorValue<NoInfer<O>>) | OnErrorSkip<N>),
  ): Ref<O | undefined>;
  /** The only way for a label to go down: trusted code releases declared values. */
  redact<T, O>(name: string, step: RedactSpec<T, O>): Ref<O | Extract<T, undefined>>;
  /** The first of the listed values whose step was not skipped; fails when all were. */
  firstOf<const R extends readonly [Ref<unknown>, ...Ref<unknown>[]]>(
    name: string,
    refs: R,
  ): Ref<Exclude<Value<R[number]>, undefined>>;

  /** Runs another graph as one step. Its input must be labelled for what it is handed. */
  subgraph<T, O>(name: string, step: SubgraphSpec<T> & { readonly graph: Graph<T, O> } & Nested<O>): Ref<O>;
  subgraph<T, O>(
    name: string,
    step: SubgraphSpec<T> & { readonly graph: Graph<T, O> } & NestedSkip,
  ): Ref<O | undefined>;
  /** Runs a graph for every item of a list, `concurrency` at once; values come in the order of the items. */
  map<T, O>(
    name: string,
    step: MapSpec<T, O> & { readonly onItemError?: "fail" } & Nested<readonly O[]>,
  ): Ref<readonly O[]>;
  map<T, O>(
    name: string,
    step: MapSpec<T, O> & { readonly onItemError: "collect" } & Nested<readonly ItemResult<O>[]>,
  ): Ref<readonly ItemResult<O>[]>;
  map<T, O>(
    name: string,
    step: MapSpec<T, O> & { readonly onItemError?: "fail" } & NestedSkip,
  ): Ref<readonly O[] | undefined>;
  /** Runs a graph from state to state until `until` says so, at most `maxIterations` times. */
  loop<S>(name: string, step: LoopSpec<S> & Nested<S>): Ref<S>;
  loop<S>(name: string, step: LoopSpec<S> & NestedSkip): Ref<S | undefined>;
  /** A person decides (`onHuman`); what they decided is trusted. */
  approve<const N extends Needs>(name: string, step: ApproveSpec<N> & Always): Ref<Approval>;
  approve<const N extends Needs>(name: string, step: ApproveSpec<N> & When<N>): Ref<Approval | undefined>;

  /** Reads a value that may be missing; where it is missing, the reader is skipped too. */
  required<T>(ref: Ref<T>): Ref<Exclude<T, undefined>>;
  /** Reads a value that may be missing; where it is missing, the reader sees `value`. */
  orElse<T, const D>(ref: Ref<T>, value: D): Ref<Exclude<T, undefined> | D>;

  /**
   * Freezes the graph and checks everything that needs no catalog.
   * @throws {DefinitionError} with every problem at once.
   */
  output<O>(ref: Ref<O>, options?: OutputOptions): Graph<I, O>;
  output<const N extends Needs>(refs: N, options?: OutputOptions): Graph<I, Values<N>>;
}
