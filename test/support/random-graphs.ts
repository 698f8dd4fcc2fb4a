/**
 * Random graphs for properties of the driver: as a plan that fast-check can shrink, as a real graph made with the builder,
 * and as what they come to, computed one step after the other in the order of definition.
 */
import fc from "fast-check";
import * as z from "zod";
import { graph } from "../../src/graph/graph.ts";
import type { Graph } from "../../src/graph/types/graph.ts";
import type { StepContext } from "../../src/graph/types/steps.ts";
import type { Ref } from "../../src/graph/types/values.ts";

export interface PlannedNeed {
  /** Which earlier step, as a position among them; -1 and -2 are the graph's input, or its fields. */
  readonly of: number;
  readonly mode: "plain" | "required" | "orElse";
}

export interface PlannedStep {
  readonly kind: "code" | "firstOf" | "subgraph" | "map" | "loop";
  readonly needs: readonly PlannedNeed[];
  /** Of code: no condition, one that looks at the values, one that throws for some of them. */
  readonly when: "none" | "looks" | "throws";
  readonly onError: "fail" | "skip" | "value";
  /** Of code. What throws does so for some of the values. */
  readonly does: "value" | "nothing" | "list" | "throws";
  /** Code that waits until the engine lets it go on. */
  readonly waits: boolean;
  /** Of what runs a graph. */
  readonly graph: PlannedGraph | undefined;
  /** Length of a list, or the limit of a loop. */
  readonly times: number;
  readonly concurrency: number;
  /** A map that collects errors, a loop that takes its state at the limit. */
  readonly isLenient: boolean;
}

export interface PlannedGraph {
  /** Anything, numbers only, or an object of two fields that may be missing. */
  readonly input: "any" | "number" | "fields";
  readonly steps: readonly PlannedStep[];
  /** The last step alone, or all by name. */
  readonly output: "last" | "all";
}

const aNeed: fc.Arbitrary<PlannedNeed> = fc.record({
  of: fc.integer({ min: -2, max: 8 }),
  mode: fc.constantFrom("plain", "plain", "plain", "required", "orElse"),
});

const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const aStep = (kind: fc.Arbitrary<PlannedStep["kind"]>, inner: fc.Arbitrary<PlannedGraph | undefined>) =>
  fc.record({
    kind,
    needs: fc.array(aNeed, { minLength: 1, maxLength: 3 }),
    when: mostly<PlannedStep["when"]>("none", "looks", "looks", "throws"),
    onError: mostly<PlannedStep["onError"]>("fail", "skip", "value"),
    does: mostly<PlannedStep["does"]>("value", "nothing", "throws"),
    waits: fc.boolean(),
    graph: inner,
    times: fc.nat({ max: 4 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    isLenient: fc.boolean(),
  });

/** A map reads the list that the step before it makes; the others may hand it anything. */
function aGroup(inner: fc.Arbitrary<PlannedGraph | undefined>): fc.Arbitrary<readonly PlannedStep[]> {
  const nothing = fc.constant(undefined);
  const simple = aStep(fc.constantFrom("code", "code", "firstOf"), nothing).map((step) => [step]);
  const nesting = aStep(fc.constantFrom("subgraph", "loop", "map"), inner).map((step): PlannedStep[] =>
    step.graph === undefined ? [{ ...step, kind: "code" }] : [step],
  );
  const mapped = fc
    .tuple(aStep(fc.constant("code" as const), nothing), aStep(fc.constant("map" as const), inner))
    .map(([list, map]): PlannedStep[] =>
      map.graph === undefined
        ? [list]
        : [
            { ...list, does: "list", when: "none" },
            { ...map, needs: [{ of: previous, mode: "plain" }] },
          ],
    );
  return fc.oneof(
    { weight: 4, arbitrary: simple },
    { weight: 1, arbitrary: nesting },
    { weight: 1, arbitrary: mapped },
  );
}

const previous = -3;

function aGraphOf(depth: number): fc.Arbitrary<PlannedGraph> {
  const inner = depth === 0 ? fc.constant(undefined) : aGraphOf(depth - 1);
  return fc.record({
    input: mostly<PlannedGraph["input"]>("any", "number", "fields"),
    steps: fc.array(aGroup(inner), { maxLength: 4 }).map((groups) => groups.flat()),
    output: fc.constantFrom("last", "all"),
  });
}

/** Graphs inside graphs, three levels deep. */
export const aGraph: fc.Arbitrary<PlannedGraph> = aGraphOf(3);

/** What the code of the steps is told and tells. */
export interface World {
  /** Called as the code of a step begins. */
  readonly onCode: (context: StepContext) => void;
  /** For code that waits. */
  readonly gate: () => Promise<void>;
  /** Code that waits is a question to a model instead, with a number as its prompt. */
  readonly asksModels?: boolean;
}

/** A small number that depends on everything in the value but on why an item of a list failed: that may differ. */
export function digest(value: unknown): number {
  const text = JSON.stringify(value, (_key, member: unknown) => (member === undefined ? "none" : withoutWhy(member)));
  let hash = 7;
  for (const char of text) hash = (hash * 31 + char.charCodeAt(0)) % 9_973;
  return hash;
}

export function withoutWhy(value: unknown): unknown {
  const isFailedItem = typeof value === "object" && value !== null && "ok" in value && value.ok === false;
  return isFailedItem ? { ok: false } : value;
}

const inputSchemas = {
  any: z.unknown(),
  number: z.number(),
  fields: z.object({ left: z.unknown().optional(), right: z.unknown().optional() }),
} as const;

type Values = Readonly<Record<string, unknown>>;

const nameOf = (index: number): string => `s${index}`;
const elseValue = 500;
const recoveredValue = 600;

/** How the code of a step behaves; the same in the graph and in what it is compared with. */
const behaviour = {
  when: ({ when }: PlannedStep, values: Values): boolean => {
    if (when === "throws" && digest(values) % 4 === 0) throw new Error("when");
    return when === "none" || digest(values) % 3 !== 0;
  },
  run: ({ does, times }: PlannedStep, name: string, values: Values): unknown => {
    const seed = digest([name, values]);
    if (does === "throws" && seed % 2 === 0) throw new Error("run");
    if (does === "nothing") return undefined;
    return does === "list" ? Array.from({ length: times }, (_, index) => digest([seed, index])) : seed;
  },
  until: (state: unknown, iteration: number): boolean => {
    const seed = digest([state, iteration]);
    if (seed % 17 === 0) throw new Error("until");
    return seed % 5 === 0;
  },
};

/** The graph, made with the builder, so that what runs is what can be written. */
export function build({ input, steps, output }: PlannedGraph, world: World, name = "random"): Graph<unknown, unknown> {
  const integrity = world.asksModels === true ? "untrusted" : "trusted";
  const g = graph(name, { input: inputSchemas[input], label: { level: "public", integrity } });
  // The types of random graphs say nothing; what they check is checked in `types/graph.test-d.ts`.
  const builder = g as unknown as Record<PlannedStep["kind"] | "model", (name: string, spec: unknown) => Ref<unknown>>;
  const refs: Ref<unknown>[] = [];
  const refOf = ({ of, mode }: PlannedNeed): Ref<unknown> => {
    const source = sourceOf(of, refs.length);
    const field = source === "left" || source === "right" ? source : undefined;
    const whole = input === "fields" && field !== undefined ? fieldOf(g, field) : g.input;
    const ref = typeof source === "number" ? refs[source]! : whole;
    return mode === "plain" ? ref : mode === "required" ? g.required(ref) : g.orElse(ref, elseValue);
  };
  for (const [index, step] of steps.entries()) {
    const needs = step.needs.map(refOf);
    const kind = asksModel(step, world) ? "model" : step.kind;
    refs.push(builder[kind](nameOf(index), specOf(step, { needs, world, name: nameOf(index) })));
  }
  const all = Object.fromEntries(refs.map((ref, index) => [nameOf(index), ref]));
  const result: unknown = output === "all" && refs.length > 0 ? g.output(all) : g.output(refs.at(-1) ?? g.input);
  return result as Graph<unknown, unknown>;
}

function asksModel({ kind, waits, does }: PlannedStep, { asksModels }: World): boolean {
  return asksModels === true && kind === "code" && waits && does !== "list";
}

function fieldOf(g: { readonly input: unknown }, field: string): Ref<unknown> {
  return (g.input as { field(name: string): Ref<unknown> }).field(field);
}

/** The position of the step that is read, or the field of the input. */
function sourceOf(of: number, count: number): number | "left" | "right" {
  if (of === previous && count > 0) return count - 1;
  if (of < 0 || count === 0) return of === -1 ? "left" : "right";
  return of % count;
}

interface Setting {
  readonly needs: readonly Ref<unknown>[];
  readonly world: World;
  readonly name: string;
}

function specOf(step: PlannedStep, { needs, world, name }: Setting): unknown {
  const { kind, onError, concurrency, times, isLenient, waits, when } = step;
  const declared = { onError: onError === "value" ? { value: recoveredValue } : onError };
  const inner = step.graph === undefined ? undefined : build(step.graph, world, `${name}-inner`);
  switch (kind) {
    case "firstOf":
      return needs;
    case "code":
      return {
        ...{ ...declared, needs: Object.fromEntries(needs.map((need, index) => [`n${index}`, need])) },
        ...(when !== "none" && { when: (values: Values) => behaviour.when(step, values) }),
        ...(asksModel(step, world) && {
          ...{ complexity: "generation", output: z.number(), maxOutputTokens: 100 },
          prompt: (values: Values) => String(digest([name, values])),
        }),
        ...(!asksModel(step, world) && {
          run: (values: Values, context: StepContext) => {
            world.onCode(context);
            if (!waits) return behaviour.run(step, name, values);
            return world.gate().then(() => behaviour.run(step, name, values));
          },
        }),
      };
    case "subgraph": {
      const byField = step.graph!.input === "fields";
      return { ...declared, graph: inner, input: byField ? { left: needs[0], right: needs.at(-1) } : needs[0] };
    }
    case "map":
      return { ...declared, over: needs[0], each: inner, concurrency, onItemError: isLenient ? "collect" : "fail" };
    case "loop": {
      const limits = { maxIterations: times + 1, onLimit: isLenient ? "accept" : "fail" };
      return { ...declared, ...limits, start: needs[0], body: inner, until: behaviour.until };
    }
  }
}

/** How a step comes out, if nothing cuts it short. */
export type Fate =
  | { readonly kind: "value"; readonly value: unknown; readonly isRecovered: boolean }
  /** Ran and gave nothing, or failed and was skipped. */
  | { readonly kind: "nothing"; readonly isRecovered: boolean }
  | { readonly kind: "skipped" }
  /** Fails the graph. A condition that throws does so before the step starts. */
  | { readonly kind: "fatal"; readonly starts: boolean }
  /** Never starts, because it waits for one that fails the graph. */
  | { readonly kind: "blocked" };

export interface Expected {
  /** By path. */
  readonly fates: Map<string, Fate>;
  /** Paths before the names of steps that may be cut short, because something in or around their graph fails. */
  readonly doomed: Set<string>;
}

type Result = { readonly ok: true; readonly value: unknown } | { readonly ok: false };

/** What the graph comes to. Failures cut nothing short here: what else could have been is evaluated too. */
export function expectedOf(planned: PlannedGraph, input: unknown): Expected & { readonly result: Result } {
  const expected: Expected = { fates: new Map(), doomed: new Set() };
  return { ...expected, result: new Evaluation(expected, planned, { path: "", input, isDoomed: false }).run() };
}

interface Place {
  readonly path: string;
  readonly input: unknown;
  readonly isDoomed: boolean;
}

class Evaluation {
  readonly #expected: Expected;
  readonly #planned: PlannedGraph;
  readonly #place: Place;

  constructor(expected: Expected, planned: PlannedGraph, place: Place) {
    this.#expected = expected;
    this.#planned = planned;
    this.#place = place;
  }

  run(): Result {
    const { path, input, isDoomed } = this.#place;
    const { steps, output } = this.#planned;
    const fates: Fate[] = [];
    for (const step of steps) {
      const fate = this.#fateOf(step, fates);
      fates.push(fate);
      this.#expected.fates.set(`${path}${nameOf(fates.length - 1)}`, fate);
    }
    const fails = fates.some(({ kind }) => kind === "fatal");
    if (fails) this.#doom(path);
    if (isDoomed) this.#expected.doomed.add(path);
    if (fails) return { ok: false };
    if (fates.length === 0) return { ok: true, value: input };
    const values = fates.map(valueOf);
    const all = (): unknown => Object.fromEntries(values.map((value, index) => [nameOf(index), value]));
    return { ok: true, value: output === "all" ? all() : values.at(-1) };
  }

  /** With the graphs inside. */
  #doom(path: string): void {
    this.#expected.doomed.add(path);
    for (const name of this.#expected.fates.keys()) {
      if (name.startsWith(path)) this.#expected.doomed.add(name.slice(0, name.lastIndexOf("/") + 1));
    }
  }

  #fateOf(step: PlannedStep, before: readonly Fate[]): Fate {
    const sources = step.needs.map((need) => ({ ...need, fate: this.#sourceFate(need, before) }));
    const isBlocked = ({ fate }: { fate: Fate }): boolean => fate.kind === "fatal" || fate.kind === "blocked";
    const values = sources.map(({ fate, mode }) => (mode === "orElse" ? (valueOf(fate) ?? elseValue) : valueOf(fate)));
    const required = sources.filter(({ mode }) => mode === "required");
    if (step.kind === "firstOf") {
      // The first alternative with a value ends the wait, but what is required is always waited for.
      const decisive = sources.find((source) => isBlocked(source) || valueOf(source.fate) !== undefined);
      if (required.some(isBlocked) || (decisive !== undefined && isBlocked(decisive))) return { kind: "blocked" };
      if (required.some(({ fate }) => valueOf(fate) === undefined)) return { kind: "skipped" };
      const value = values.find((alternative) => alternative !== undefined);
      return value === undefined ? { kind: "fatal", starts: true } : { kind: "value", value, isRecovered: false };
    }
    const read = step.kind === "code" ? sources : usedBy(step, sources);
    if (read.some(isBlocked)) return { kind: "blocked" };
    if (read.some(({ fate, mode }) => mode === "required" && valueOf(fate) === undefined)) return { kind: "skipped" };
    return this.#started(step, before.length, values);
  }

  #sourceFate({ of }: PlannedNeed, before: readonly Fate[]): Fate {
    const source = sourceOf(of, before.length);
    if (typeof source === "number") return before[source]!;
    const { input } = this.#place;
    const value = this.#planned.input === "fields" ? (input as Values)[source] : input;
    return value === undefined ? { kind: "skipped" } : { kind: "value", value, isRecovered: false };
  }

  #started(step: PlannedStep, index: number, values: readonly unknown[]): Fate {
    const named = Object.fromEntries(values.map((value, position) => [`n${position}`, value]));
    const name = nameOf(index);
    if (step.kind === "code") {
      const wants = attempt(() => behaviour.when(step, named));
      if (!wants.ok) return { kind: "fatal", starts: false };
      if (wants.value === false) return { kind: "skipped" };
      return settledAs(
        step,
        attempt(() => behaviour.run(step, name, named)),
      );
    }
    const path = `${this.#place.path}${name}`;
    const result = this.#nested(step, path, values);
    // What a step runs may be cut short when the step fails, even where the failure becomes a value.
    if (!result.ok) this.#doomBelow(path);
    return settledAs(step, result);
  }

  #doomBelow(path: string): void {
    this.#expected.doomed.add(`${path}/`);
    for (const name of [...this.#expected.fates.keys()]) {
      if (name.startsWith(`${path}/`) || name.startsWith(`${path}[`))
        this.#expected.doomed.add(name.slice(0, name.lastIndexOf("/") + 1));
    }
  }

  #nested(step: PlannedStep, path: string, values: readonly unknown[]): Result {
    const [first] = values;
    switch (step.kind) {
      case "subgraph": {
        const byField = step.graph!.input === "fields";
        return this.#child(step, `${path}/`, byField ? { left: first, right: values.at(-1) } : first);
      }
      case "map": {
        if (!Array.isArray(first)) return { ok: false };
        const items = first.map((item, index) => this.#child(step, `${path}[${index}]/`, item));
        if (step.isLenient) return { ok: true, value: items };
        const failed = items.find(({ ok }) => !ok);
        return failed ?? { ok: true, value: items.map((item) => (item as { value: unknown }).value) };
      }
      default:
        return this.#loop(step, path, first);
    }
  }

  #loop(step: PlannedStep, path: string, start: unknown): Result {
    let state = start;
    for (let iteration = 0; ; iteration += 1) {
      const isOver = attempt(() => behaviour.until(state, iteration));
      if (!isOver.ok) return isOver;
      if (isOver.value === true) return { ok: true, value: state };
      if (iteration > step.times) return step.isLenient ? { ok: true, value: state } : { ok: false };
      const next = this.#child(step, `${path}[${iteration}]/`, state);
      if (!next.ok) return next;
      state = next.value;
    }
  }

  #child({ graph: planned }: PlannedStep, path: string, input: unknown): Result {
    const parsed = inputSchemas[planned!.input].safeParse(input);
    if (!parsed.success) return { ok: false };
    const place = { path, input: parsed.data, isDoomed: this.#place.isDoomed };
    return new Evaluation(this.#expected, planned!, place).run();
  }
}

function usedBy(step: PlannedStep, sources: readonly { mode: PlannedNeed["mode"]; fate: Fate }[]) {
  const byField = step.kind === "subgraph" && step.graph!.input === "fields";
  return byField ? [sources[0]!, sources.at(-1)!] : [sources[0]!];
}

function valueOf(fate: Fate): unknown {
  return fate.kind === "value" ? fate.value : undefined;
}

function attempt(work: () => unknown): Result {
  try {
    return { ok: true, value: work() };
  } catch {
    return { ok: false };
  }
}

function settledAs({ onError }: PlannedStep, result: Result): Fate {
  if (result.ok) {
    const { value } = result;
    return value === undefined ? { kind: "nothing", isRecovered: false } : { kind: "value", value, isRecovered: false };
  }
  if (onError === "fail") return { kind: "fatal", starts: true };
  if (onError === "skip") return { kind: "nothing", isRecovered: true };
  return { kind: "value", value: recoveredValue, isRecovered: true };
}
