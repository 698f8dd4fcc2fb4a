/** A tool without idempotency whose process ended while it was called, more than once. */
import { afterEach, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { endpoint, graph } from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import { eventually, Gate, openProcess, type Process } from "../support/durable-lab.ts";

const runId = `run-${crypto.randomUUID()}`;
let process: Process | undefined;
let gate: Gate;
let calls = 0;

beforeEach(() => (gate = new Gate()));
afterEach(async () => {
  gate.open();
  await process?.close();
});

const mail = {
  name: "mail",
  schema: z.object({ to: z.string() }),
  invoke: async () => {
    calls += 1;
    await gate.pass();
    return "sent";
  },
};

function flow() {
  const g = graph("mailing", { input: z.string() });
  const act = g.agent("act", {
    needs: { text: g.input },
    tools: [{ tool: mail, effect: "write", idempotency: "unsafe", untrustedArguments: { reason: "a test" } }],
    output: z.object({ sent: z.boolean() }),
    prompt: ({ text }) => text,
  });
  return g.output(act);
}

const model = new ScriptedModel([{ toolCalls: [{ name: "mail", args: { to: "lea" } }] }, { text: '{"sent":true}' }]);

async function next(): Promise<Process> {
  await process?.close();
  const endpoints = [endpoint("agent", { class: "llm", location: "on-prem", model: model.factory })];
  process = await openProcess({ endpoints, graphs: [flow()], human: "public" });
  return process;
}

/** Waits for the question about the call, and answers it. @returns its key */
async function resolve({ engine }: Process, answer: object): Promise<string> {
  const question = await eventually(async () => (await engine.questions({ clearance: "public" }))[0]);
  expect(question).toMatchObject({ runId, kind: "resolve-tool", tool: "mail" });
  await engine.answer(runId, question.key, { answer, by: "lea", clearance: "public" });
  return question.key;
}

it("asks anew for each call that was lost: the answer about one does not let the next one be repeated", async () => {
  const first = await next();
  const run = await first.runtime.start(flow(), "Mail lea.", { runId });
  run.result.catch(() => undefined);
  await gate.reached;

  gate = new Gate();
  const second = await next();
  const about = await resolve(second, { outcome: "not-done" });
  await gate.reached;
  expect(calls).toBe(2);

  gate = new Gate();
  const third = await next();
  const again = gate.reached.then(() => expect.fail("it was called again before anybody was asked"));
  const aboutNext = await Promise.race([resolve(third, { outcome: "done", result: "as the outbox says" }), again]);
  expect(aboutNext).not.toBe(about);
  expect((await third.runtime.attach(runId).result()).output).toEqual({ sent: true });
  expect(calls).toBe(2);
});
