/** Questions to people that outlive the process. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import type { PendingQuestion } from "../../src/engines/dbos/index.ts";
import { endpoint, graph, type Run, type RunEvent, type TierwiseError } from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import {
  collectEvents,
  eventually,
  openProcess,
  sql,
  type Process,
  type ProcessOptions,
} from "../support/durable-lab.ts";
import { callsTool, price, say } from "../support/priced-models.ts";

const canary = "CANARY-4711";
const lea = { by: "lea", clearance: "regulated" } as const;

let process: Process | undefined;
let ran: string[] = [];
beforeEach(() => (ran = []));
afterEach(async () => {
  await process?.close();
  process = undefined;
});

async function open(options: ProcessOptions = {}): Promise<Process> {
  await process?.close();
  process = await openProcess({ human: "regulated", ...options });
  return process;
}

/** Asks a person, then notes what they said. */
function asking(name: string, level: "public" | "customer" | "regulated" = "customer") {
  const g = graph(name, { input: z.string(), label: { level } });
  const decided = g.approve("decided", { needs: { text: g.input }, question: ({ text }) => `May ${text} go?` });
  const noted = g.code("noted", {
    needs: { decided },
    run: ({ decided: found }) => {
      ran.push("noted");
      return found;
    },
  });
  return g.output(noted);
}

const failureOf = (result: Promise<unknown>): Promise<TierwiseError> =>
  result.then(
    () => expect.fail("it completed"),
    (error: unknown) => error as TierwiseError,
  );

/** The question of a run, once it is there. */
function questionOf({ engine }: Process, runId: string): Promise<PendingQuestion> {
  const clearance = "regulated";
  return eventually(async () => (await engine.questions({ clearance })).find((found) => found.runId === runId));
}

const ids = (questions: readonly PendingQuestion[]): string[] => questions.map(({ runId }) => runId);

describe("a question", () => {
  it("is listed for those who may see it, answered once, and told with whose answer it was", async () => {
    const here = await open();
    const { engine, runtime } = here;
    const runs: Run<unknown>[] = [];
    const flows = { public: "q-1", customer: "q-2", regulated: "q-3" } as const;
    for (const level of ["public", "customer", "regulated"] as const)
      runs.push(await runtime.start(asking(`asking-${level}`, level), canary, { runId: flows[level] }));
    const events = collectEvents(runs[1]!);
    const question = await questionOf(here, "q-2");
    await questionOf(here, "q-3");
    await questionOf(here, "q-1");

    expect(question).toMatchObject({
      kind: "approval",
      step: "decided",
      key: "decided#0/0/human",
      prompt: `May ${canary} go?`,
    });
    expect([question.label.level, question.expiresAtMs]).toEqual(["customer", undefined]);
    expect(Math.abs(question.askedAtMs - Date.now())).toBeLessThan(60_000);
    expect(ids(await engine.questions({ clearance: "public" }))).toEqual(["q-1"]);
    expect(ids(await engine.questions({ clearance: "customer" })).toSorted()).toEqual(["q-1", "q-2"]);
    expect(await engine.questions({ clearance: "regulated", limit: 1 })).toHaveLength(1);

    const low = { answer: true, by: "tom", clearance: "internal" } as const;
    const refused = await failureOf(engine.answer("q-2", question.key, low));
    expect([refused.code, refused.message]).toEqual([
      "PRIVACY_FLOW_DENIED",
      'run q-2, step "decided": the question is above internal{}, which "tom" is cleared for',
    ]);
    const wrong = await failureOf(engine.answer("q-2", question.key, { ...lea, answer: "yes" }));
    expect([wrong.code, wrong.message]).toEqual([
      "RUNTIME_INVALID",
      expect.stringContaining("expected true, false or"),
    ]);
    const none = await failureOf(engine.answer("q-2", "other", { ...lea, answer: true }));
    expect([none.code, none.message]).toEqual(["RUNTIME_INVALID", expect.stringContaining('has no question "other"')]);

    const both = ["lea", "max"].map((by) =>
      engine.answer("q-2", question.key, { ...lea, by, answer: { approved: true, reason: by } }),
    );
    const said = await Promise.all(both);
    expect(said.toSorted()).toEqual(["accepted", "already"]);
    const by = said[0] === "accepted" ? "lea" : "max";
    expect((await runs[1]!.result).output).toEqual({ approved: true, by, reason: by });
    expect(events.map(({ type }) => type)).toContain("human-asked");
    expect(JSON.stringify(events)).not.toContain(canary);

    expect(await failureOf(engine.answer("q-2", question.key, { ...lea, answer: true }))).toMatchObject({
      code: "RUNTIME_INVALID",
    });
    for (const runId of ["q-1", "q-3"]) await engine.answer(runId, question.key, { ...lea, answer: false });
    for (const run of runs.filter(({ id }) => id !== "q-2"))
      expect((await run.result).output).toEqual({ approved: false, by: "lea" });
    expect(await engine.questions({ clearance: "regulated" })).toEqual([]);
  });

  it("waits while no process runs, keeps its place, and is answered by another process than the one that goes on", async () => {
    const flow = asking("away");
    const one = await open({ graphs: [flow] });
    await one.runtime.start(flow, canary, { runId: "away" }).then(({ result }) => void result.catch(() => undefined));
    const asked = await questionOf(one, "away");
    await one.runtime.shutdown({ timeoutMs: 0 });

    const clerk = await open({ engine: { version: "clerk" } });
    const [shown] = await clerk.engine.questions({ clearance: "customer" });
    expect(shown).toEqual(asked);
    expect(await clerk.engine.answer("away", asked.key, { ...lea, answer: true })).toBe("accepted");
    expect(await clerk.engine.answer("away", asked.key, { ...lea, answer: false })).toBe("already");
    expect(await clerk.engine.questions({ clearance: "regulated" })).toEqual([]);

    const two = await open({ graphs: [flow] });
    expect((await two.runtime.attach("away").result()).output).toEqual({ approved: true, by: "lea" });
    expect(ran).toEqual(["noted"]);
  });

  it("expires, and its answer comes too late; it is not asked for longer because a process died", async () => {
    const flow = asking("expired");
    const engine = { questionExpiresMs: 50 };
    const here = await open({ graphs: [flow], engine });
    const run = await here.runtime.start(flow, canary, { runId: "expired" });
    const error = await failureOf(run.result);
    expect([error.code, error.message]).toEqual(["QUESTION_EXPIRED", expect.stringContaining("nobody answered")]);
    expect(error.message).not.toContain(canary);
    expect(await here.engine.questions({ clearance: "regulated" })).toEqual([]);
    expect(ran).toEqual([]);

    const long = await open({ graphs: [flow], engine: { questionExpiresMs: 60_000_000 } });
    await long.runtime
      .start(flow, canary, { runId: "expired-2" })
      .then(({ result }) => void result.catch(() => undefined));
    const { key } = await questionOf(long, "expired-2");
    await sql("UPDATE tierwise.question SET expires_at = now() - interval '1 second' WHERE run_id = 'expired-2'");
    expect(await long.engine.questions({ clearance: "regulated" })).toEqual([]);
    expect(await failureOf(long.engine.answer("expired-2", key, { ...lea, answer: true }))).toMatchObject({
      code: "QUESTION_EXPIRED",
    });
    await long.runtime.shutdown({ timeoutMs: 0 });
    const next = await open({ graphs: [flow], engine: { questionExpiresMs: 60_000_000 } });
    expect(await failureOf(next.runtime.attach("expired-2").result())).toMatchObject({ code: "QUESTION_EXPIRED" });
  });

  it("is not used when it, or its answer, was altered", async () => {
    const flow = asking("altered");
    const here = await open({ graphs: [flow] });
    const why = /what is stored as "(question|answer to) decided#0\/0\/human" cannot be used: its code does not match/;
    for (const runId of ["altered-1", "altered-2", "altered-3"]) {
      const run = await here.runtime.start(flow, canary, { runId });
      run.result.catch(() => undefined);
      await questionOf(here, runId);
    }
    const key = "decided#0/0/human";
    await sql("UPDATE tierwise.question SET value = replace(value, 'CANARY', 'HARMLESS') WHERE run_id = 'altered-1'");
    expect(ids(await here.engine.questions({ clearance: "regulated" }))).toEqual(["altered-2", "altered-3"]);
    const question = await failureOf(here.engine.answer("altered-1", key, { ...lea, answer: true }));
    expect([question.code, question.message]).toEqual(["CHECKPOINT_INVALID", expect.stringMatching(why)]);

    // While the step waits, and before it asks.
    const forge = `INSERT INTO tierwise.signal SELECT 'n', 'altered-2', key, value FROM tierwise.signal WHERE run_id = 'altered-3'`;
    await here.engine.answer("altered-3", key, { ...lea, answer: true });
    expect((await here.runtime.attach("altered-3").result()).output).toMatchObject({ approved: true });
    await sql(forge);
    const answer = await failureOf(here.runtime.attach("altered-2").result());
    expect([answer.code, answer.message]).toEqual(["ENGINE_UNAVAILABLE", expect.stringMatching(why)]);
    await here.runtime.shutdown({ timeoutMs: 0 });
    await sql("UPDATE tierwise.signal SET value = replace(value, 'tw1.', 'tw1.x') WHERE run_id = 'altered-2'");
    const next = await open({ graphs: [flow] });
    await next.engine.resume("altered-2");
    const again = await failureOf(next.runtime.attach("altered-2").result());
    expect([again.code, again.message]).toEqual(["ENGINE_UNAVAILABLE", expect.stringMatching(why)]);
    await sql("DELETE FROM tierwise.signal WHERE run_id = 'altered-2'");
    await next.engine.resume("altered-2");
    await questionOf(next, "altered-2");
    await next.engine.answer("altered-2", key, { ...lea, answer: false });
    expect((await next.runtime.attach("altered-2").result()).output).toMatchObject({ approved: false });
    await next.runtime.attach("altered-1").cancel("the end of this test");
    expect(ran).toEqual(["noted", "noted"]);
  });
});

describe("a tool that a person must approve", () => {
  const paid: { args: unknown; key: string }[] = [];
  const pay = {
    name: "pay",
    description: "Pays.",
    schema: z.object({ amount: z.number() }),
    invoke: (args: unknown, config?: { metadata?: { idempotencyKey?: string } }) => {
      paid.push({ args, key: String(config?.metadata?.idempotencyKey) });
      return "paid";
    },
  };
  function paying() {
    const g = graph("paying", { input: z.string(), label: { level: "customer" } });
    const work = g.agent("work", {
      needs: { text: g.input },
      output: z.string(),
      prompt: ({ text }) => text,
      tools: [{ tool: pay, effect: "write", accepts: "customer", approve: true, idempotency: "keyed" }],
    });
    return g.output(work);
  }

  it("is called after another process heard yes, once, with what was approved, and the model is not asked again", async () => {
    paid.length = 0;
    const script = [callsTool("pay", { amount: 7 }), say("done")];
    const model = new ScriptedModel(script);
    const large = endpoint("large", {
      class: "llm",
      location: "on-prem",
      clearance: "customer",
      price,
      model: model.factory,
    });
    const flow = paying();
    const one = await open({ graphs: [flow], endpoints: [large] });
    const run = await one.runtime.start(flow, canary, { runId: "paying" });
    run.result.catch(() => undefined);
    const question = await questionOf(one, "paying");
    expect(question).toMatchObject({ kind: "approve-tool", tool: "pay", arguments: { amount: 7 }, effect: "write" });
    await one.runtime.shutdown({ timeoutMs: 0 });
    expect([model.callCount, paid.length]).toEqual([1, 0]);

    const two = await open({ graphs: [flow], endpoints: [large] });
    expect(await two.engine.answer("paying", question.key, { ...lea, answer: true })).toBe("accepted");
    const { output, ledger } = await two.runtime.attach("paying").result();
    expect([output, model.callCount, ledger.attempts]).toEqual(["done", 2, 2]);
    expect(paid.map(({ args }) => args)).toEqual([{ amount: 7 }]);
  });

  it("is not called after no, and the model is told", async () => {
    paid.length = 0;
    const model = new ScriptedModel([callsTool("pay", { amount: 7 }), say("then not")]);
    const large = endpoint("large", {
      class: "llm",
      location: "on-prem",
      clearance: "customer",
      price,
      model: model.factory,
    });
    const flow = paying();
    const here = await open({ endpoints: [large] });
    const run = await here.runtime.start(flow, canary, { runId: "paying-no" });
    const events: RunEvent[] = collectEvents(run);
    const { key } = await questionOf(here, "paying-no");
    await here.engine.answer("paying-no", key, { ...lea, answer: { approved: false, reason: "too much" } });
    expect((await run.result).output).toBe("then not");
    expect(paid).toEqual([]);
    const told = events.find(({ type }) => type === "tool-refused");
    expect(told).toMatchObject({ tool: "pay", reason: "not-approved" });
    expect(model.calls[1]!.messages.at(-1)!.content).toContain("did not approve");
  });
});
