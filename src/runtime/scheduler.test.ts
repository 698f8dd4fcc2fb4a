import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint } from "../catalog/endpoint.ts";
import type { StepDefinition } from "../graph/definition.ts";
import { graph } from "../graph/graph.ts";
import type { RefNode } from "../graph/ref.ts";
import type { Graph } from "../graph/types/graph.ts";
import type { Ref } from "../graph/types/values.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { ScriptedModel } from "../testing/scripted-model.ts";
import { createRuntime } from "./runtime.ts";
import { Scheduler, type Action, type Settled } from "./scheduler.ts";

interface PlannedNeed {
  /** Which earlier step, as a position among them; -1 is the graph's input. */
  readonly of: number;
  readonly mode: "plain" | "required" | "orElse";
}

interface PlannedStep {
  readonly kind: "code" | "redact" | "firstOf";
  readonly needs: readonly PlannedNeed[];
  /** A code step whose `when` is false. */
  readonly declines: boolean;
}

const aNeed: fc.Arbitrary<PlannedNeed> = fc.record({
  of: fc.integer({ min: -1, max: 12 }),
  mode: fc.constantFrom("plain", "plain", "required", "orElse"),
});

const aStep: fc.Arbitrary<PlannedStep> = fc.record({
  kind: fc.constantFrom("code", "code", "code", "redact", "firstOf"),
  needs: fc.array(aNeed, { minLength: 1, maxLength: 4 }),
  declines: fc.boolean(),
});

function newGraph() {
  return graph("random", { input: z.boolean(), label: { level: "public", integrity: "trusted" } });
}

/** Builds the planned steps with the real builder, so that what is scheduled is what can be written. */
function build(planned: readonly PlannedStep[]) {
  const g = newGraph();
  const refs: Ref<unknown>[] = [];
  for (const [index, { kind, needs: wanted, declines }] of planned.entries()) {
    const needs = wanted.map(({ of, mode }) => {
      const source = of < 0 || refs.length === 0 ? g.input : refs[of % refs.length]!;
      return mode === "plain" ? source : mode === "required" ? g.required(source) : g.orElse(source, false);
    });
    refs.push(add(g, { name: `s${index}`, kind, needs, declines }));
  }
  return g.output(g.input).definition.steps;
}

function add(
  g: ReturnType<typeof newGraph>,
  {
    name,
    kind,
    needs,
    declines,
  }: { name: string; kind: PlannedStep["kind"]; needs: Ref<unknown>[]; declines: boolean },
): Ref<unknown> {
  if (kind === "firstOf") return g.firstOf(name, needs as [Ref<unknown>]);
  if (kind === "redact")
    return g.redact(name, {
      from: needs[0]!,
      output: z.boolean(),
      map: () => true,
      removes: [],
      to: "public",
      reason: "test",
    });
  const named = Object.fromEntries(needs.map((need, index) => [`n${index}`, need]));
  return declines
    ? g.code(name, { needs: named, run: () => true, when: () => false })
    : g.code(name, { needs: named, run: () => true });
}

/** What may start, computed from scratch from what has settled. */
function isReady(step: StepDefinition, settled: ReadonlyMap<string, Settled>): boolean {
  const states = Object.values(step.needs).map(({ source }) =>
    source.kind === "step" ? settled.get(source.step) : "value",
  );
  if (states.every((state) => state !== undefined)) return true;
  const isOpen = Object.values(step.needs).some((ref, index) => isRequired(ref) && states[index] === undefined);
  return step.kind === "firstOf" && !isOpen && states.find((state) => state !== "skipped") === "value";
}

function isRequired({ whenSkipped }: RefNode): boolean {
  return whenSkipped.kind === "skip";
}

function isSkipped(step: StepDefinition, settled: ReadonlyMap<string, Settled>): boolean {
  return Object.values(step.needs).some((ref) => {
    const { source, whenSkipped } = ref;
    if (source.kind !== "step" || settled.get(source.step) !== "skipped") return false;
    return isRequired(ref) || (step.kind === "redact" && whenSkipped.kind === "undefined");
  });
}

describe("the scheduler", () => {
  it("releases every step of any graph exactly once, the moment it is ready, whatever the order of completion", () => {
    fc.assert(
      fc.property(
        fc.array(aStep, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        (planned, picks) => {
          const steps = build(planned);
          const scheduler = new Scheduler(steps);
          const settled = new Map<string, Settled>();
          const released = new Set<string>();
          const underWay: Action[] = [];
          const take = (actions: readonly Action[]): void => {
            const expected = steps.filter((step) => !released.has(step.name) && isReady(step, settled));
            expect(actions.map(({ step }) => step).toSorted()).toEqual(expected.map(({ name }) => name).toSorted());
            for (const action of actions) {
              const step = steps.find(({ name }) => name === action.step)!;
              expect(action.type).toBe(isSkipped(step, settled) ? "skip" : "start");
              released.add(action.step);
              underWay.push(action);
            }
          };
          take(scheduler.begin());
          for (let round = 0; underWay.length > 0; round += 1) {
            expect(scheduler.isComplete).toBe(false);
            const [action] = underWay.splice(picks[round % picks.length]! % underWay.length, 1);
            const step = steps.find(({ name }) => name === action!.step)!;
            const declines = "when" in step && step.when !== undefined;
            const outcome = action!.type === "skip" || declines ? "skipped" : "value";
            settled.set(step.name, outcome);
            take(scheduler.settle(step.name, outcome));
          }
          expect(released.size).toBe(steps.length);
          expect(settled.size).toBe(steps.length);
          expect(scheduler.isComplete).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("has nothing to do for a graph without steps", () => {
    const scheduler = new Scheduler([]);
    expect(scheduler.begin()).toEqual([]);
    expect(scheduler.isComplete).toBe(true);
  });

  it("counts a step that is needed under two names once", () => {
    const g = newGraph();
    const one = g.code("one", { needs: {}, run: () => 1 });
    g.code("two", { needs: { left: one, right: g.required(one), third: g.orElse(one, 2) }, run: () => 2 });
    const scheduler = new Scheduler(g.output(g.input).definition.steps);
    expect(scheduler.begin()).toEqual([{ type: "start", step: "one" }]);
    expect(scheduler.settle("one", "value")).toEqual([{ type: "start", step: "two" }]);
  });

  it("lets a join start with an earlier alternative, without waiting for a later one", () => {
    const g = newGraph();
    const [one, two] = [g.code("one", { needs: {}, run: () => 1 }), g.code("two", { needs: {}, run: () => 2 })];
    g.firstOf("first", [one, two]);
    const scheduler = new Scheduler(g.output(g.input).definition.steps);
    scheduler.begin();
    expect(scheduler.settle("one", "value")).toEqual([{ type: "start", step: "first" }]);
    expect(scheduler.settle("two", "value")).toEqual([]);
    scheduler.settle("first", "value");
    expect(scheduler.isComplete).toBe(true);
  });

  it("makes a join wait for what it requires, which decides whether it runs at all", () => {
    const g = newGraph();
    const [one, two] = [g.code("one", { needs: {}, run: () => 1 }), g.code("two", { needs: {}, run: () => 2 })];
    g.firstOf("first", [one, g.required(two)]);
    const { steps } = g.output(g.input).definition;
    for (const [outcome, type] of [["value", "start"] as const, ["skipped", "skip"] as const]) {
      const scheduler = new Scheduler(steps);
      scheduler.begin();
      expect(scheduler.settle("one", "value")).toEqual([]);
      expect(scheduler.settle("two", outcome)).toEqual([{ type, step: "first" }]);
    }
  });

  it("takes a field of the input that is missing for skipped", () => {
    const g = graph("optional", { input: z.object({ maybe: z.number().optional() }) });
    const one = g.code("one", { needs: {}, run: () => 1 });
    g.firstOf("first", [g.input.field("maybe"), one]);
    const { steps } = g.output(g.input).definition;
    const scheduler = new Scheduler(steps, () => false);
    expect(scheduler.begin()).toEqual([{ type: "start", step: "one" }]);
    expect(scheduler.settle("one", "value")).toEqual([{ type: "start", step: "first" }]);
  });

  it("makes a join wait for the earlier alternative although a later one has its value", () => {
    const g = newGraph();
    const [one, two] = [g.code("one", { needs: {}, run: () => 1 }), g.code("two", { needs: {}, run: () => 2 })];
    g.firstOf("first", [one, two]);
    const scheduler = new Scheduler(g.output(g.input).definition.steps);
    scheduler.begin();
    expect(scheduler.settle("two", "value")).toEqual([]);
    expect(scheduler.settle("one", "skipped")).toEqual([{ type: "start", step: "first" }]);
  });
});

describe("a chain of 5,000 steps", () => {
  const length = 5_000;
  const runtime = () =>
    createRuntime({
      catalog: createCatalog([
        endpoint("small", { class: "slm", location: "edge", model: new ScriptedModel([]).factory }),
      ]),
      policy: defaultPolicy(),
    });

  function chain<T>(first: (g: ReturnType<typeof newGraph>) => Ref<T>, next: Next<T>): Graph<boolean, T> {
    const g = newGraph();
    let last = first(g);
    for (let index = 1; index < length; index += 1) last = next(g, `step-${index}`, last);
    return g.output(last);
  }
  type Next<T> = (g: ReturnType<typeof newGraph>, ...[name, last]: [string, Ref<T>]) => Ref<T>;

  it("is scheduled one after the other", () => {
    const { steps } = chain<number>(
      (g) => g.code("step-0", { needs: {}, run: () => 0 }),
      (g, name, last) => g.code(name, { needs: { last }, run: ({ last: before }) => before + 1 }),
    ).definition;
    const scheduler = new Scheduler(steps);
    let actions = scheduler.begin();
    for (let index = 0; index < length; index += 1) {
      expect(actions).toEqual([{ type: "start", step: `step-${index}` }]);
      actions = scheduler.settle(`step-${index}`, "value");
    }
    expect(actions).toEqual([]);
    expect(scheduler.isComplete).toBe(true);
  });

  it("runs through code", async () => {
    const counting = chain<number>(
      (g) => g.code("step-0", { needs: {}, run: () => 0 }),
      (g, name, last) => g.code(name, { needs: { last }, run: ({ last: before }) => before + 1 }),
    );
    const { output } = await runtime().run(counting, true);
    expect(output).toBe(length - 1);
  });

  it("is skipped to its end", async () => {
    const skipping = chain<number | undefined>(
      (g) => g.code("step-0", { needs: {}, run: () => 0, when: () => false }),
      (g, name, last) => g.code(name, { needs: { last: g.required(last) }, run: () => 1 }),
    );
    const { output } = await runtime().run(skipping, true);
    expect(output).toBeUndefined();
  });

  it("runs through joins, which need no work of their own", async () => {
    const joining = chain<number>(
      (g) => g.code("step-0", { needs: {}, run: () => 7 }),
      (g, name, last) => g.firstOf(name, [last]),
    );
    const { output } = await runtime().run(joining, true);
    expect(output).toBe(7);
  });

  it("is a fan as well: one step read by all others", async () => {
    const g = newGraph();
    const source = g.code("source", { needs: {}, run: () => 1 });
    const all = Array.from({ length }, (_item, index) =>
      g.code(`reader-${index}`, { needs: { source }, run: ({ source: value }) => value }),
    );
    const total = g.code("total", {
      needs: Object.fromEntries(all.map((ref, index) => [`n${index}`, ref])),
      run: (values) => Object.values(values).reduce((sum: number, value) => sum + value, 0),
    });
    const { output } = await runtime().run(g.output(total), true);
    expect(output).toBe(length);
  });
});
