/** C1: a run is cancelled at each place where it can wait. The wait ends within 100 ms, and nothing more is sent. */
import { setTimeout as pause } from "node:timers/promises";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type Run } from "tierwise";
import { faults } from "tierwise/testing";
import * as z from "zod";
import { client, customerData, Desk, deskGraph, quickRetry, type Trial } from "./desk.ts";
import type { Facts, Row } from "./row.ts";

const input = { q: "where is my order" };
const slowRetry = { ...quickRetry, initialDelayMs: 20_000, maxDelayMs: 60_000 };

/** Cancels, and looks whether anything follows. */
async function cancelled(run: Run<unknown>, { main, spare, outside }: Desk): Promise<Facts> {
  const before = main.requests.length + spare.requests.length;
  const startedMs = performance.now();
  run.cancel("enough");
  const outcome = await run.result.then(
    () => "completed",
    (error: unknown) => (error as { code: string }).code,
  );
  const endMs = performance.now() - startedMs;
  await pause(200);
  const after = main.requests.length + spare.requests.length;
  const broken = [
    ...(after === before ? [] : ["a request after the end"]),
    ...(run.ledger().reservedUsd === 0 ? [] : ["something is still reserved"]),
  ];
  const gaveUp = main.requests.filter(({ closedByClient }) => closedByClient).length;
  const counts = { main: main.requests.length, spare: spare.requests.length, outside: outside.requests.length };
  return { outcome, endMs, gaveUp, ...counts, broken: broken.join("; ") };
}

/** Cancelled a moment after an event that leads to the wait. */
async function afterEvent(trial: Trial, event: "attempt-start" | "attempt-error" | "tool-start"): Promise<Facts> {
  await using desk = await Desk.open(trial);
  const run = await desk.runtime.start(deskGraph(trial), input, { budget: { costUsd: 1 } });
  await new Promise<void>((resolve) => run.on(event, () => resolve()));
  if (event === "attempt-start") await desk.main.arrival();
  await pause(30);
  return await cancelled(run, desk);
}

async function inQueue(): Promise<Facts> {
  await using desk = await Desk.open({ main: () => faults.hang(), endpoint: { limits: { concurrency: 1 } } });
  const work = deskGraph({});
  const first = await desk.runtime.start(work, input);
  await desk.main.arrival();
  const second = await desk.runtime.start(work, input);
  await pause(30);
  const facts = await cancelled(second, desk);
  first.cancel();
  await first.result.catch(() => undefined);
  return facts;
}

/** Two steps, money for one at a time. */
async function forMoney(): Promise<Facts> {
  await using desk = await Desk.open({ main: () => faults.hang(), spare: "none" });
  const g = graph("two", { input: z.object({ q: z.string() }), label: customerData });
  const refs = ["a", "b"].map((name) =>
    g.model(name, {
      ...{
        needs: { in: g.input },
        complexity: "generation",
        privacy: "customer",
        maxOutputTokens: 64,
        timeoutMs: 5_000,
      },
      output: z.string(),
      prompt: (values) => values.in.q,
    }),
  );
  const run = await desk.runtime.start(g.output(Object.fromEntries(refs.map((ref) => [ref.id, ref]))), input, {
    budget: { costUsd: 0.0008 },
  });
  await desk.main.arrival();
  await pause(30);
  const facts = await cancelled(run, desk);
  return desk.main.requests.length === 1
    ? facts
    : { ...facts, broken: "both steps were sent: nothing waited for money" };
}

async function forPerson(): Promise<Facts> {
  const trial: Trial = { main: [] };
  await using desk = await Desk.open(trial);
  const own = createCatalog([endpoint("main", { class: "slm", location: "cloud", model: client(desk.main.baseURL) })]);
  const asked = Promise.withResolvers<undefined>();
  const runtime = createRuntime({
    catalog: own,
    policy: defaultPolicy(),
    onHuman: {
      clearance: customerData,
      ask: () => {
        asked.resolve(undefined);
        return new Promise(() => undefined);
      },
    },
  });
  const run = await runtime.start(deskGraph(trial), input);
  await asked.promise;
  return await cancelled(run, desk);
}

const call = { content: null, toolCalls: [{ id: "call_1", name: "look", args: '{"q":"x"}' }] };
const expected = { outcome: "RUN_CANCELLED", endMs: [0, 100] } as const;

export const cancelRows: readonly Row[] = (
  [
    ["a request without a head", () => afterEvent({ main: [faults.hang()] }, "attempt-start"), { gaveUp: 1 }],
    ["a request in its body", () => afterEvent({ main: [faults.hangMidBody()] }, "attempt-start"), { gaveUp: 1 }],
    [
      "the wait before a retry",
      () =>
        afterEvent(
          { main: () => faults.status(503), runtime: { retry: slowRetry, random: () => 0.9 } },
          "attempt-error",
        ),
      {},
    ],
    [
      "a pause (Retry-After)",
      () => afterEvent({ main: () => faults.rateLimited({ retryAfter: 20 }) }, "attempt-error"),
      {},
    ],
    ["the queue of an endpoint", inQueue, {}],
    ["money that another step holds", forMoney, {}],
    [
      "a tool that does not listen",
      () => afterEvent({ task: "tools", main: [call], tool: () => new Promise(() => undefined) }, "tool-start"),
      {},
    ],
    ["a person", forPerson, {}],
  ] as const
).map(([place, run, more]) => ({
  id: "C1",
  fault: `cancelled at ${place}`,
  expected: { ...expected, ...more },
  run,
  alone: true,
}));
