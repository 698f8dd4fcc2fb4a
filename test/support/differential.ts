/** One random graph on two engines: what may differ is time, and the order of steps that run beside each other. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect } from "vitest";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  type Graph,
  type LedgerSnapshot,
  type RunEvent,
  type Runtime,
} from "../../src/index.ts";
import { frameOf } from "../../src/runtime/frame.ts";
import { ScriptedModel, type ScriptedCall, type ScriptedReply } from "../../src/testing/index.ts";
import { collectEvents, openProcess, type ProcessOptions } from "./durable-lab.ts";
import { price, say } from "./priced-models.ts";
import { aGraph, build, withoutWhy, type PlannedGraph } from "./random-graphs.ts";

const world = {
  onCode: () => undefined,
  gate: () => new Promise<void>((resolve) => setImmediate(resolve)),
  asksModels: true,
};

/** Depends on the prompt alone: now and then no number, or no answer at all. */
function answer(call: ScriptedCall, weakEvery: number): ScriptedReply {
  const asked = Number(/\d+/.exec(call.messages.at(-1)!.content)?.[0]);
  if (asked % 13 === 0) return { error: Object.assign(new Error("bad request"), { status: 400 }) };
  return say(asked % weakEvery === 0 ? "not a number" : String(asked));
}

function models() {
  const small = new ScriptedModel((call) => answer(call, 5));
  const large = new ScriptedModel((call) => answer(call, 17));
  const spec = { price, clearance: "public" } as const;
  return [
    endpoint("small", { ...spec, class: "slm", location: "on-prem", model: small.factory }),
    endpoint("large", { ...spec, class: "llm", location: "cloud", model: large.factory }),
  ];
}

interface Told {
  readonly outcome: string;
  readonly output: unknown;
  readonly ledger: LedgerSnapshot;
  readonly events: readonly RunEvent[];
}

async function tell(runtime: Runtime, graph: Graph<unknown, unknown>, input: unknown): Promise<Told> {
  const run = await runtime.start(graph, input);
  const events = collectEvents(run);
  const { output, error } = await run.result.then(
    (result) => ({ output: result.output, error: undefined }),
    (cause: unknown) => ({ output: undefined, error: cause }),
  );
  const end = events.at(-1);
  const outcome = end?.type === "run-end" ? end.outcome : `no end: ${String(error)}`;
  return { outcome, output, ledger: run.ledger(), events };
}

/** Frames whose steps may be cut short, because something in or around them failed: where, is chance. */
function doomed(planned: PlannedGraph, { events }: Told): readonly string[] {
  const recovered = new Set(events.flatMap((event) => (event.type === "step-recovered" ? [event.step] : [])));
  const ended = events.filter((event) => event.type === "step-end");
  const failed = ended.filter(({ outcome }) => outcome === "failed" || outcome === "cancelled");
  const around = failed.flatMap(({ step }) => [
    ...[`${step}/`, `${step}[`],
    ...(recovered.has(step) ? [] : [frameOf(step)]),
  ]);
  const byFrame = Map.groupBy(ended, ({ step }) => frameOf(step));
  const cut = [...byFrame].filter(([path, ends]) => ends.length < graphAt(planned, path).steps.length);
  return [...around, ...cut.map(([path]) => path)];
}

/** The graph whose steps have names that begin with the path, such as `s1[3]/s0/`. */
function graphAt(planned: PlannedGraph, path: string): PlannedGraph {
  const names = path.split("/").slice(0, -1);
  return names.reduce((found, name) => found.steps[Number(/\d+/.exec(name)?.[0])]!.graph!, planned);
}

const timely = new Set(["atMs", "runId", "durationMs"]);
/** Of the whole run: what was spent before something was cut short is chance. */
const sums = new Set(["costUsd", "baselineUsd", "costComplete"]);

/** By step, what happened to it, in order; the run's own events under "". */
function history(events: readonly RunEvent[], cut: readonly string[]): ReadonlyMap<string, unknown[]> {
  const isWhole = (path: string): boolean => !cut.some((prefix) => path.startsWith(prefix));
  const isChance = (type: string, name: string): boolean =>
    timely.has(name) || (type === "run-end" && cut.length > 0 && sums.has(name));
  const wanted = events.filter((event) => isWhole("step" in event ? frameOf(event.step) : ""));
  const told = wanted.map((event) => ({
    step: "step" in event ? event.step : "",
    event: Object.fromEntries(Object.entries(event).filter(([name]) => !isChance(event.type, name))),
  }));
  const bySteps = Map.groupBy(told, ({ step }) => step);
  return new Map([...bySteps].map(([step, rows]) => [step, rows.map(({ event }) => event)]));
}

function withoutReasons(value: unknown): unknown {
  const text: unknown = JSON.stringify(value, (_key, member: unknown) => withoutWhy(member));
  return typeof text === "string" ? text : "none";
}

/** The books list endpoints in the order in which they were asked. */
function inAnyOrder(ledger: LedgerSnapshot): unknown {
  return JSON.parse(
    JSON.stringify(ledger, (name, member: unknown) =>
      name === "endpoints" ? (member as readonly string[]).toSorted() : member,
    ),
  );
}

/** @returns how many steps were compared. @throws {AssertionError} where the two differ */
function expectSame(planned: PlannedGraph, here: Told, there: Told): number {
  expect(there.outcome).toBe(here.outcome);
  expect(withoutReasons(there.output)).toEqual(withoutReasons(here.output));
  const cut = [...doomed(planned, here), ...doomed(planned, there)];
  const [own, other] = [history(here.events, cut), history(there.events, cut)];
  const steps = new Set([...own.keys(), ...other.keys()]);
  for (const step of steps)
    if (!isDeepStrictEqual(other.get(step), own.get(step))) expect(other.get(step), step).toEqual(own.get(step));
  if (cut.length === 0) expect(inAnyOrder(there.ledger)).toEqual(inAnyOrder(here.ledger));
  return steps.size;
}

const anInput = fc.oneof(fc.nat({ max: 9 }), fc.array(fc.nat({ max: 9 }), { maxLength: 4 }));
const inputFor = (planned: PlannedGraph, value: unknown): unknown =>
  planned.input === "fields" ? { left: value } : planned.input === "number" ? 3 : value;

/** What was compared, so that a test can tell that it was not nothing. */
export interface Compared {
  completed: number;
  failed: number;
  steps: number;
  attempts: number;
  escalations: number;
}

/** Runs random graphs in memory and on the durable engine. */
export async function compareEngines(numRuns: number, options: ProcessOptions = {}): Promise<Compared> {
  const endpoints = models();
  const shared = { policy: defaultPolicy(), feedback: false, random: () => 0.5 };
  const memory = createRuntime({ catalog: createCatalog(endpoints), ...shared });
  const durable = await openProcess({ endpoints, ...shared, ...options });
  const compared: Compared = { completed: 0, failed: 0, steps: 0, attempts: 0, escalations: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(aGraph, anInput, async (planned, value) => {
        const graph = build(planned, world);
        const input = inputFor(planned, value);
        const here = await tell(memory, graph, input);
        const there = await tell(durable.runtime, graph, input);
        compared.steps += expectSame(planned, here, there);
        compared[here.outcome === "completed" ? "completed" : "failed"] += 1;
        const { attempts, escalations } = here.ledger;
        compared.attempts += attempts;
        compared.escalations += escalations;
      }),
      { numRuns },
    );
  } finally {
    await durable.close();
  }
  return compared;
}
