/** Runs on the durable engine, in one process. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { graph, type TierwiseError } from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import { collectEvents, Gate, openProcess, sql, type Process } from "../support/durable-lab.ts";
import { priced, say } from "../support/priced-models.ts";

const open = { level: "public", integrity: "trusted" } as const;
const canary = "CANARY-4711";

const model = new ScriptedModel(() => say("an answer"));

let here: Process;
beforeAll(async () => {
  const clearance = "internal";
  here = await openProcess({
    endpoints: [priced("small", model, { clearance })],
    engine: { clearance },
  });
}, 120_000);
afterAll(() => here.close());

/** Two steps of code and a model's answer between them. */
function chain(name: string, ran: string[] = []) {
  const g = graph(name, { input: z.object({ text: z.string(), big: z.bigint() }), label: open });
  const first = g.code("first", {
    needs: { text: g.input.field("text"), big: g.input.field("big") },
    run: ({ text, big }) => {
      ran.push("first");
      return { text, list: new Map([[text, big]]), none: undefined, at: new Date(5) };
    },
  });
  const answer = g.model("answer", {
    needs: { first },
    complexity: "generation",
    output: z.string(),
    prompt: ({ first: { text } }) => text,
    maxOutputTokens: 100,
  });
  const last = g.code("last", {
    needs: { first, answer },
    run: (values, { idempotencyKey }) => {
      ran.push("last");
      return { ...values, idempotencyKey };
    },
  });
  return g.output(last);
}

/** One step whose code waits at a gate. */
function waiting(name: string, gate: Gate, ran: string[] = []) {
  const g = graph(name, { input: z.string(), label: open });
  const held = g.code("held", {
    needs: { text: g.input },
    run: async ({ text }, { signal }) => {
      ran.push("held");
      await Promise.race([gate.pass(), new Promise((resolve) => signal.addEventListener("abort", resolve))]);
      return text;
    },
  });
  return g.output(held);
}

const failureOf = (result: Promise<unknown>): Promise<TierwiseError> =>
  result.then(
    () => expect.fail("it completed"),
    (error: unknown) => error as TierwiseError,
  );

describe("a run on the durable engine", () => {
  it("gives the same output, events, books and decisions as one in memory", async () => {
    const flow = chain("same");
    const input = { text: canary, big: 2n ** 70n };
    const run = await here.runtime.start(flow, input);
    const events = collectEvents(run);
    const result = await run.result;
    expect(result.output).toMatchObject({ answer: "an answer", first: { list: new Map([[canary, 2n ** 70n]]) } });
    expect(result.output.first.at).toEqual(new Date(5));
    expect(result.output.idempotencyKey).toMatch(/^[0-9a-f]{32}$/);
    expect(result.ledger).toMatchObject({ costUsd: 110e-6, attempts: 1, complete: true });
    expect(Object.keys(result.decisions)).toEqual(["answer"]);
    expect(events.map(({ type }) => type)).toEqual([
      ...["run-start", "step-start", "step-end", "step-start", "policy-decision", "attempt-start", "attempt-end"],
      ...["step-end", "step-start", "step-end", "run-end"],
    ]);
    expect(run.ledger()).toEqual(result.ledger);
  });

  it("tells every event to whoever started it, however long the store takes", async () => {
    const start = here.engine.start.bind(here.engine);
    vi.spyOn(here.engine, "start").mockImplementationOnce(async (...run) => {
      const answer = await start(...run);
      for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      return answer;
    });
    const run = await here.runtime.start(chain("heard"), { text: "x", big: 1n });
    const events = collectEvents(run);
    await run.result;
    expect(events.map(({ type }) => type).filter((type) => type.startsWith("run-"))).toEqual(["run-start", "run-end"]);
  });

  it("starts once for a run id, whatever is asked of it later", async () => {
    const ran: string[] = [];
    const flow = chain("once", ran);
    const input = { text: "x", big: 1n };
    const answers = await Promise.allSettled([1, 2].map(() => here.runtime.start(flow, input, { runId: "once" })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    await here.runtime.attach("once").result();
    const again = await failureOf(here.runtime.run(flow, { text: "y", big: 2n }, { runId: "once" }));
    expect([again.code, again.message]).toEqual(["RUN_EXISTS", expect.stringContaining("run once already")]);
    expect(ran).toEqual(["first", "last"]);
    expect((await sql("SELECT 1 FROM dbos.workflow_status WHERE workflow_uuid = 'once'")).length).toBe(1);
  });

  it("is found and attached to by its id, by everybody, any number of times", async () => {
    const gate = new Gate();
    const flow = waiting("attached", gate);
    const run = await here.runtime.start(flow, "text", { runId: "attached" });
    await gate.reached;
    const { version } = flow.definition;
    const info = { runId: "attached", graph: "attached", graphVersion: version, status: "running" };
    expect(await here.runtime.find({ graph: "attached" })).toEqual([expect.objectContaining(info)]);
    const attached = here.runtime.attach<string>("attached");
    const results = [attached.result(), attached.result(), run.result];
    gate.open();
    expect((await Promise.all(results)).map(({ output }) => output)).toEqual(["text", "text", "text"]);
    expect((await here.runtime.attach("attached").result()).output).toBe("text");
    expect(await here.runtime.find({ graph: "attached", status: "running" })).toEqual([]);
    expect(await here.runtime.find({ graph: "attached", status: "ended" })).toHaveLength(1);
    const unknown = await failureOf(here.runtime.attach("nobody").result());
    expect([unknown.code, unknown.message]).toEqual(["RUNTIME_INVALID", "run nobody is not known to this engine"]);
  });

  it("finds the newest runs first, no more than it is asked for", async () => {
    const flow = chain("listed");
    for (const runId of ["listed-1", "listed-2", "listed-3"])
      await here.runtime.run(flow, { text: "x", big: 1n }, { runId });
    const found = await here.runtime.find({ graph: "listed", limit: 2 });
    expect(found.map(({ runId }) => runId)).toEqual(["listed-3", "listed-2"]);
    expect(JSON.stringify(found)).not.toContain("text");
  });

  it("is cancelled by whoever has its id, with a reason, and stays so", async () => {
    const ran: string[] = [];
    const gate = new Gate();
    const run = await here.runtime.start(waiting("cancelled", gate, ran), "x", { runId: "cancelled" });
    const events = collectEvents(run);
    await gate.reached;
    await here.runtime.attach("cancelled").cancel("enough");
    await here.runtime.attach("cancelled").cancel("again");
    const error = await failureOf(run.result);
    expect([error.code, error.cause]).toEqual(["RUN_CANCELLED", "enough"]);
    expect(await failureOf(here.runtime.attach("cancelled").result())).toMatchObject({ code: "RUN_CANCELLED" });
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "cancelled" });
    expect(ran).toEqual(["held"]);
  });

  it("is cancelled by its handle, with a reason that cannot be stored", async () => {
    const gate = new Gate();
    const run = await here.runtime.start(waiting("handle", gate), "x");
    await gate.reached;
    run.cancel(() => canary);
    const error = await failureOf(run.result);
    expect(error.code).toBe("RUN_CANCELLED");
  });

  it("ends at its deadline", async () => {
    const flow = waiting("late", new Gate());
    const error = await failureOf(here.runtime.run(flow, "x", { budget: { durationMs: 50 } }));
    expect([error.code, error.message]).toEqual([
      "DEADLINE_EXCEEDED",
      expect.stringContaining('took longer than 50 ms (budget.durationMs); under way: "held"'),
    ]);
  });

  it("stops before a call that its budget cannot pay for", async () => {
    const input = { text: "x", big: 1n };
    const before = model.callCount;
    const error = await failureOf(here.runtime.run(chain("poor"), input, { budget: { costUsd: 1e-6 } }));
    expect(error.code).toBe("BUDGET_EXCEEDED");
    expect(model.callCount).toBe(before);
  });

  it("fails with what a step threw, for everybody who asks", async () => {
    const g = graph("broken", { input: z.string(), label: open });
    const bad = g.code("bad", {
      needs: { text: g.input },
      run: (): string => {
        throw new TypeError("no luck");
      },
    });
    const flow = g.output(bad);
    const error = await failureOf(here.runtime.run(flow, "x", { runId: "broken" }));
    const later = await failureOf(here.runtime.attach("broken").result());
    for (const { code, cause } of [error, later])
      expect([code, (cause as Error).name, (cause as Error).message]).toEqual(["STEP_FAILED", "TypeError", "no luck"]);
  });
});

describe("what cannot be stored", () => {
  it("fails the step that returned it, by name, and the step is not done again", async () => {
    let ran = 0;
    const g = graph("unstorable", { input: z.string(), label: open });
    const bad = g.code("bad", {
      needs: { text: g.input },
      run: ({ text }) => {
        ran += 1;
        return { deep: [() => text] };
      },
    });
    const error = await failureOf(here.runtime.run(g.output(bad), canary));
    expect([error.code, error.message]).toEqual([
      "UNSERIALIZABLE",
      expect.stringMatching(/step "bad": what it returned cannot be stored: .* at \$\.value\.value\.deep\[0\]: a func/),
    ]);
    expect(error.message).not.toContain(canary);
    expect(ran).toBe(1);
  });

  it("may be made something of, as any failure", async () => {
    const g = graph("unstorable-skip", { input: z.string(), label: open });
    const bad = g.code("bad", {
      needs: { text: g.input },
      run: () => Symbol("x") as unknown,
      onError: { value: "instead" },
    });
    expect((await here.runtime.run(g.output(bad), "x")).output).toBe("instead");
  });

  it("is refused when it is the input, and nothing was started", async () => {
    const g = graph("unstorable-input", { input: z.unknown(), label: open });
    const flow = g.output(g.code("any", { needs: { input: g.input }, run: () => 1 }));
    const error = await failureOf(here.runtime.run(flow, { f: () => canary }, { runId: "unstorable-input" }));
    expect([error.code, error.message]).toEqual(["UNSERIALIZABLE", expect.stringContaining("$.input.f: a function")]);
    expect(await here.runtime.find({ graph: "unstorable-input" })).toEqual([]);
    const ok = await here.runtime.run(flow, {}, { runId: "unstorable-input" });
    expect(ok.output).toBe(1);
  });

  it("is refused when it is above what the store is cleared for: at the start, and nothing is stored", async () => {
    const { runtime } = here;
    const attempt = (level: "internal" | "customer") => {
      const g = graph(`secret-${level}`, { input: z.string(), label: { level, compartments: [] } });
      return runtime.run(g.output(g.code("copy", { needs: { text: g.input }, run: ({ text }) => text })), canary);
    };
    const error = await failureOf(attempt("customer"));
    expect([error.code, error.message]).toEqual([
      "PRIVACY_FLOW_DENIED",
      expect.stringMatching(/graph "secret-customer" -> the engine's store: its data is up to customer/),
    ]);
    expect(error.message).not.toContain(canary);
    expect(await runtime.find({ graph: "secret-customer" })).toEqual([]);
    expect((await attempt("internal")).output).toBe(canary);
  });

  it("is refused before the engine starts, where the graph is given to the runtime", async () => {
    const secret = { level: "regulated" } as const;
    const inner = graph("inner", { input: z.string(), label: secret });
    const copied = inner.output(inner.code("copy", { needs: { text: inner.input }, run: ({ text }) => text }));
    const g = graph("outer", { input: z.string(), label: secret });
    const flow = g.output(g.subgraph("in", { graph: copied, input: g.input }));
    await expect(openProcess({ graphs: [flow], engine: { clearance: "internal" } })).rejects.toMatchObject({
      code: "PRIVACY_FLOW_DENIED",
    });
  });
});
