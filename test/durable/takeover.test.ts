/** A run that one process leaves and another finishes; and what keeps it from being finished there. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { systemClock } from "../../src/common/clock.ts";
import type { NewEvent } from "../../src/events/event.ts";
import {
  endpoint,
  graph,
  type Endpoint,
  type EndpointSpec,
  type Graph,
  type RunOptions,
  type TierwiseError,
  type Ref,
} from "../../src/index.ts";
import { RunEvents } from "../../src/runtime/run-events.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import {
  createProcess,
  eventually,
  Gate,
  openProcess,
  sql,
  type Process,
  type ProcessOptions,
} from "../support/durable-lab.ts";
import { price, say } from "../support/priced-models.ts";
import { Recorder } from "../support/span-recorder.ts";

const canary = "CANARY-4711";
const label = { level: "customer" } as const;

let model: ScriptedModel;
let gate: Gate;
let ran: string[];
let runId: string;
let process: Process | undefined;
const names = { flow: "" };

beforeEach(() => {
  model = new ScriptedModel(() => say("an answer"));
  gate = new Gate();
  ran = [];
  runId = `run-${crypto.randomUUID()}`;
  names.flow = `flow-${runId}`;
});
beforeAll(async () => {
  const first = await openProcess({});
  await first.close();
}, 120_000);
afterEach(async () => {
  gate.open();
  await process?.close();
  process = undefined;
});

const small = (more: Partial<EndpointSpec> = {}): Endpoint =>
  endpoint("small", { class: "slm", location: "on-prem", clearance: "customer", price, model: model.factory, ...more });

interface Variant {
  readonly firstNeeds?: "text" | "all";
  readonly adds?: boolean;
  readonly maxOutputTokens?: number;
}

/** Code, a model, code that waits at the gate, a model. */
function flow({ adds = false, maxOutputTokens = 100 }: Variant = {}): Graph<string, unknown> {
  const g = graph(names.flow, { input: z.string(), label });
  const first = g.code("first", {
    needs: { text: g.input },
    run: ({ text }, { idempotencyKey }) => {
      ran.push("first");
      return { text, idempotencyKey };
    },
  });
  const ask = (name: string, needs: Ref<unknown>) =>
    g.model(name, {
      needs: { needs },
      complexity: "generation",
      output: z.string(),
      prompt: () => `${name} about ${canary}`,
      maxOutputTokens,
    });
  const answer = ask("answer", first);
  const held = g.code("held", {
    needs: { answer },
    run: async ({ answer: text }, { idempotencyKey }) => {
      ran.push(`held ${idempotencyKey}`);
      await gate.pass();
      return { text, idempotencyKey };
    },
  });
  const after = ask("after", held);
  const all = { text: g.input, first, answer, held, after };
  if (!adds) return g.output(all);
  return g.output({ ...all, extra: g.code("extra", { needs: { after }, run: () => 1 }) });
}

/** By graph, the runs that were started. */
let started: Record<string, readonly string[]> = {};

/** Starts the run, and others like it, and stops the process while `held` is under way in all of them. */
async function leave(
  { budget, ...options }: ProcessOptions & Pick<RunOptions, "budget"> = {},
  others = 0,
): Promise<void> {
  process = await openProcess({ endpoints: [small()], ...options });
  const ids = [runId, ...Array.from({ length: others }, () => `run-${crypto.randomUUID()}`)];
  started = { [names.flow]: ids };
  const handedOver: Promise<unknown>[] = [];
  for (const id of ids) {
    const run = await process.runtime.start(flow(), canary, { runId: id, ...(budget && { budget }) });
    handedOver.push(expect(run.result).rejects.toMatchObject({ code: "SHUTTING_DOWN" }));
  }
  await Promise.race([eventually(() => Promise.resolve(ran.length === 2 * ids.length || undefined)), ...handedOver]);
  await process.runtime.shutdown({ timeoutMs: 0 });
  await Promise.all(handedOver);
}

/** The next process; it takes the run over if it may. */
async function takeOver(options: ProcessOptions = {}): Promise<Process> {
  await process?.close();
  gate.open();
  process = await openProcess({ endpoints: [small()], graphs: [flow()], ...options });
  return process;
}

const failureOf = (result: Promise<unknown>): Promise<TierwiseError> =>
  result.then(
    () => expect.fail("it completed"),
    (error: unknown) => error as TierwiseError,
  );

interface Refusal {
  readonly runtime: Process["runtime"];
  readonly why: RegExp;
}

/** The run is set aside, and says why without what is in it. */
async function expectSetAside({ runtime, why }: Refusal): Promise<void> {
  const error = await failureOf(runtime.attach(runId).result());
  expect([error.code, error.message]).toEqual(["ENGINE_UNAVAILABLE", expect.stringMatching(why)]);
  const refused = await runtime.find({ graph: names.flow, status: "refused" });
  const info = refused.find((found) => found.runId === runId);
  expect(info).toMatchObject({ runId, status: "refused", why: expect.stringMatching(why) as string });
  expect((await runtime.find({ graph: names.flow, status: "cancelled" })).map((found) => found.runId)).not.toContain(
    runId,
  );
  expect(JSON.stringify([error.message, info])).not.toContain(canary);
}

/** The next process refuses to go on with the run, and asks no model. */
async function expectRefused(why: RegExp, options: ProcessOptions, isSetAside = true): Promise<void> {
  const before = [model.callCount, ran.length];
  const { runtime, engine } = await takeOver(options);
  if (isSetAside) await engine.resume(runId);
  await expectSetAside({ runtime, why });
  expect([model.callCount, ran.length]).toEqual(before);
}

async function expectFinished(options: ProcessOptions = {}, isSetAside = true): Promise<void> {
  const { runtime, engine } = await takeOver(options);
  if (isSetAside) await engine.resume(runId);
  const { output, ledger } = await runtime.attach(runId).result();
  expect(output).toMatchObject({ first: { text: canary }, answer: "an answer", after: "an answer" });
  expect([ledger.attempts, model.callCount, ran.filter((name) => name === "first").length]).toEqual([2, 2, 1]);
}

describe("a process that shuts down", () => {
  it("hands its runs over: the next one finishes them, and does nothing twice that was committed", async () => {
    const told: NewEvent[][] = [];
    const emit = vi.spyOn(RunEvents.prototype, "emit");
    const recorder = new Recorder();
    const telemetry = { tracerProvider: recorder.provider };
    await leave({ telemetry });
    told.push(emit.mock.calls.map(([event]) => event));
    emit.mockClear();
    const { runtime } = await takeOver({ telemetry });
    const { output, ledger, decisions } = await runtime.attach<Record<string, unknown>>(runId).result();
    told.push(emit.mock.calls.map(([event]) => event));

    expect(output).toMatchObject({ first: { text: canary }, answer: "an answer", after: "an answer" });
    expect(ran.filter((name) => name === "first")).toHaveLength(1);
    const held = ran.filter((name) => name.startsWith("held"));
    expect([held.length, new Set(held).size]).toEqual([2, 1]);
    expect(model.callCount).toBe(2);
    expect(ledger).toMatchObject({ attempts: 2, costUsd: 220e-6, complete: true });
    expect(Object.keys(decisions)).toEqual(["answer", "after"]);

    const step = (name: string) => [`step-start ${name}`, `step-end ${name}`];
    const asked = (name: string) => [
      ...[`step-start ${name}`, `policy-decision ${name}`, `attempt-start ${name}`, `attempt-end ${name}`],
      `step-end ${name}`,
    ];
    const shown = told.map((events) =>
      events.map((event) => ("step" in event ? `${event.type} ${event.step}` : event.type)),
    );
    const upToHeld = ["run-start", ...step("first"), ...asked("answer"), "step-start held"];
    expect(shown[0]).toEqual([...upToHeld, "run-end"]);
    expect(told[0]!.at(-1)).toMatchObject({ outcome: "interrupted" });
    expect(shown[1]).toEqual([...upToHeld, "step-end held", ...asked("after"), "run-end"]);
    expect(told[1]!.at(-1)).toMatchObject({ outcome: "completed", costUsd: 220e-6 });

    const spans = (await recorder.spans()).filter(({ name }) => name.startsWith("invoke_workflow"));
    const [one, two] = spans;
    expect(spans.map(({ attributes }) => attributes["tierwise.run.segment"])).toEqual([1, 2]);
    expect(two!.links.map(({ context }) => context.spanId)).toEqual([one!.spanContext().spanId]);
    expect(two!.spanContext().traceId).not.toBe(one!.spanContext().traceId);
    const started = recorder.order.filter((entry) => entry.startsWith("start")).length;
    expect(recorder.order).toHaveLength(2 * started);
  });

  it("waits for its runs first, and starts no other", async () => {
    const one = await openProcess({ endpoints: [small()] });
    process = one;
    const run = await one.runtime.start(flow(), canary, { runId });
    await gate.reached;
    const shut = one.runtime.shutdown({ timeoutMs: 60_000 });
    await expect(one.runtime.start(flow(), canary)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    gate.open();
    await shut;
    expect(await run.result).toMatchObject({ output: { after: "an answer" } });
  });

  it("leaves runs that are not mistaken for one with the same id that is asked for meanwhile", async () => {
    await leave();
    gate.open();
    process = createProcess({ endpoints: [small()], graphs: [flow()] });
    const { engine, runtime } = process;
    const start = engine.start.bind(engine);
    vi.spyOn(engine, "start").mockImplementationOnce(async (...run) => {
      await runtime.attach(runId).result();
      return start(...run);
    });
    const again = failureOf(runtime.run(flow(), "another text", { runId }));
    expect(await again).toMatchObject({ code: "RUN_EXISTS" });
    const { output } = await runtime.attach(runId).result();
    expect(output).toMatchObject({ text: canary, first: { text: canary }, after: "an answer" });
    expect([model.callCount, ran.filter((name) => name === "first").length]).toEqual([2, 1]);
  });

  it("leaves a deadline that goes on while nobody runs it", async () => {
    await leave();
    const anHourLater = { ...systemClock, epochMs: () => systemClock.epochMs() + 3_600_000 };
    const { runtime } = await takeOver({ clock: anHourLater });
    expect(await failureOf(runtime.attach(runId).result())).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(model.callCount).toBe(1);
  });

  it("leaves a budget that the next one goes on with", async () => {
    await leave({ budget: { calls: 1 } });
    const { runtime } = await takeOver();
    expect(await failureOf(runtime.attach(runId).result())).toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(model.callCount).toBe(1);
  });

  it("leaves a cancellation that was asked for while nobody ran it", async () => {
    await leave();
    process = await openProcess({ endpoints: [small()], engine: { version: "another" } });
    await process.runtime.attach(runId).cancel("while away");
    const { runtime } = await takeOver();
    const error = await failureOf(runtime.attach(runId).result());
    expect([error.code, error.cause]).toEqual(["RUN_CANCELLED", "while away"]);
    expect(model.callCount).toBe(1);
  });
});

describe("a graph that was changed since", () => {
  it("refuses the run and names the difference; a process that has the old one finishes it", async () => {
    await leave();
    const added = { graphs: [flow({ adds: true })] };
    await expectRefused(/in version 0\+\w+, found version 0\+\w+: added "extra"$/, added, false);
    await expectRefused(/: changed "answer", "after"$/, { graphs: [flow({ maxOutputTokens: 99 })] });
    await expectRefused(/found a runtime that does not know it: pass it as createRuntime/, { graphs: [] });
    await expectFinished();
  });

  it("leaves the run to others where no version was given", async () => {
    const engine = { version: undefined as never };
    await leave({ graphs: [flow()], engine });
    const { runtime } = await takeOver({ graphs: [flow({ adds: true })], engine });
    expect((await runtime.find({ graph: names.flow })).map(({ status }) => status)).toEqual(["running"]);
    await expectFinished({ engine }, false);
  });
});

describe("declarations that were weakened since", () => {
  it("refuse the run and say which; under the old ones it is finished", async () => {
    const human = "customer" as const;
    await leave({ human });
    const cloud = { human, endpoints: [small({ location: "cloud" })] };
    await expectRefused(/endpoint "small" is cloud and was on-prem; it does not go on here$/, cloud, false);
    const wider = { human, endpoints: [small({ clearance: "regulated" })] };
    await expectRefused(/endpoint "small" is cleared for regulated\S* and was for customer/, wider);
    const more = { human, endpoints: [small({ clearance: { level: "customer", compartments: ["pii"] } })] };
    await expectRefused(/endpoint "small" is cleared for customer\{pii\} and was for customer\{\}/, more);
    const person = { human: "regulated" } as const;
    await expectRefused(/the person \(onHuman\) is cleared for regulated\S* and was for customer/, person);
    await expectFinished({ human });
  });

  const newcomer = (other: ScriptedModel): Endpoint => {
    const free = { ...price, inputPerMillionTokensUsd: 0, outputPerMillionTokensUsd: 0 };
    return endpoint("new", {
      class: "slm",
      location: "cloud",
      clearance: "regulated",
      price: free,
      model: other.factory,
    });
  };

  it("add nobody who could be asked: an endpoint that is new is not", async () => {
    await leave();
    const other = new ScriptedModel([]);
    await expectFinished({ endpoints: [newcomer(other), small()] }, false);
    expect(other.callCount).toBe(0);
  });

  it("end the run where nobody is left who may be asked", async () => {
    await leave();
    const other = new ScriptedModel([]);
    const { runtime } = await takeOver({ endpoints: [newcomer(other)] });
    expect(await failureOf(runtime.attach(runId).result())).toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
    expect([other.callCount, model.callCount]).toEqual([0, 1]);
  });
});

describe("what is stored and was altered", () => {
  const why = /^run run-[\w-]+: what is stored as "[^"]*" cannot be used: its (code does not match|format is not tw1)/;
  const outputs = "UPDATE dbos.operation_outputs SET output =";
  const inputs = "UPDATE dbos.workflow_input SET inputs =";
  const ofRun = "WHERE workflow_uuid = $1";
  const swapped = `(SELECT o.output FROM dbos.operation_outputs o ${ofRun} AND o.function_id = 1 - operation_outputs.function_id)`;
  const attempts: Readonly<Record<string, string>> = {
    "the result of a step": `${outputs} replace(output, 'an answer', 'another answer') ${ofRun}`,
    "what a step cost": `${outputs} replace(output, 'inputTokens', 'inputToken') ${ofRun}`,
    "two results that change places": `${outputs} ${swapped} ${ofRun} AND function_id < 2`,
    "a result that was dropped": `DELETE FROM dbos.operation_outputs ${ofRun} AND function_id = 0`,
    "the input": `${inputs} replace(inputs, 'CANARY', 'OTHER') ${ofRun}`,
    "what was declared when it started": `${inputs} replace(inputs, 'on-prem', 'cloud') ${ofRun}`,
    "a note of what left": "UPDATE tierwise.note SET value = replace(value, 'small', 'other') WHERE run_id = $1",
    "a note under another key": "UPDATE tierwise.note SET key = key || 'x' WHERE run_id = $1",
    "a signal that nobody sent": `INSERT INTO tierwise.signal VALUES ('n', $1, 'cancel', 'tw1.x."y"')`,
  };
  const change = async (statement: string, id: string): Promise<void> => {
    expect((await sql(`${statement} RETURNING 1`, [id])).length, statement).toBeGreaterThan(0);
  };

  it("is not used, whatever it is; runs beside it are finished", async () => {
    await leave({}, Object.keys(attempts).length);
    const untouched = runId;
    const before = model.callCount;
    const { [names.flow]: others = [] } = started;
    const altered = others.filter((id) => id !== untouched);
    for (const [index, statement] of Object.values(attempts).entries()) await change(statement, altered[index]!);
    const { runtime } = await takeOver();
    expect((await runtime.attach(untouched).result()).output).toMatchObject({ after: "an answer" });
    for (const [index, what] of Object.keys(attempts).entries()) {
      runId = altered[index]!;
      await expectSetAside({ runtime, why }).catch((cause: unknown) => expect.fail(`${what}: ${String(cause)}`));
    }
    // What was dropped is done again, and is not used: the code before the first model.
    expect(model.callCount).toBe(before + 1);
    expect(ran.filter((name) => name === "first")).toHaveLength(altered.length + 2);

    const output = `UPDATE dbos.workflow_output SET output = replace(output, 'an answer', 'another') ${ofRun}`;
    await change(output, untouched);
    const error = await failureOf(runtime.attach(untouched).result());
    expect([error.code, error.message]).toEqual(["CHECKPOINT_INVALID", expect.stringMatching(why)]);
  });

  it("is all under a code; under another macKey nothing is used, and under the right one the run is finished", async () => {
    await leave();
    const notes = await sql("SELECT value FROM tierwise.note WHERE run_id = $1", [runId]);
    const rows = await sql(`SELECT output AS value FROM dbos.operation_outputs ${ofRun}`, [runId]);
    expect([notes.length, rows.length].every((count) => count > 0)).toBe(true);
    for (const { value } of [...notes, ...rows]) expect(value).toMatch(/tw1\.[\w-]{43}\./);
    // Only results hold contents.
    expect(JSON.stringify(notes)).not.toContain(canary);
    await expectRefused(why, { macKey: "another secret that is also long enough" }, false);
    await expectFinished();
  });
});
